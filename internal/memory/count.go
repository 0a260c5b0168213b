package memory

// FLOPs returns the operations a token beside those of the linear maps that
// it goes through: its products with the W kept tokens and the N slots, and its
// share of the work done once a segment (keys and values of what is kept, and
// every UpdateFreq segments the write).
func FLOPs(s Shape) float64 {
	d, n, w := float64(s.DModel), float64(s.Slots), float64(s.WorkingLen)
	var read, segment float64
	if s.Working {
		read += 4 * w * d
		segment += 6 * w * d * d // keys from d values, values from 2d
	}
	if s.Bank {
		read += 4 * n * d
		written := float64(s.WriteLen())
		segment += (2*n*d*d + 4*written*d*d + 4*n*written*d + 4*n*d) / float64(s.UpdateFreq)
	}
	return read + segment/float64(s.SegmentLen)
}
