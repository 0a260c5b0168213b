package nn

import (
	"math"

	"agiformer/internal/torch"
)

// Angles returns the rotary tables (Su et al. 2021) for the given positions
// and number of pairs: cos and sin, row-major [len(positions), pairs], of
// position · 10000^(-j/pairs).
func Angles(positions []float64, pairs int64) (cos, sin []float64) {
	cos = make([]float64, 0, int64(len(positions))*pairs)
	sin = make([]float64, 0, int64(len(positions))*pairs)
	for _, p := range positions {
		for j := range pairs {
			angle := p * math.Pow(10000, -float64(j)/float64(pairs))
			cos = append(cos, math.Cos(angle))
			sin = append(sin, math.Sin(angle))
		}
	}
	return cos, sin
}

// Rotary holds the tables of consecutive positions for one width w, laid out
// for Rotate: the pairs are (j, j + w/2), so a row of Cos is [cos; cos] and a
// row of Sin is [-sin; sin], each w wide.
type Rotary struct {
	cos, sin *torch.Tensor
	first    int64
}

// NewRotary makes the tables of the positions first..first+count-1, kept
// until Free.
func NewRotary(width, first, count int64, dt torch.DType, dev torch.Device) *Rotary {
	scope := torch.Enter()
	defer scope.Exit()
	positions := make([]float64, count)
	for i := range positions {
		positions[i] = float64(first) + float64(i)
	}
	c, s := Angles(positions, width/2)
	cos := torch.FromSlice(c, count, width/2)
	sin := torch.FromSlice(s, count, width/2)
	place := func(t *torch.Tensor) *torch.Tensor { return t.ToDType(dt).ToDevice(dev).Keep() }
	return &Rotary{
		cos:   place(torch.Cat([]*torch.Tensor{cos, cos}, -1)),
		sin:   place(torch.Cat([]*torch.Tensor{sin.Neg(), sin}, -1)),
		first: first,
	}
}

// At returns the rows [n, w] of cos and signed sin from position start on.
func (r *Rotary) At(start, n int64) (cos, sin *torch.Tensor) {
	return r.cos.Narrow(0, start-r.first, n), r.sin.Narrow(0, start-r.first, n)
}

// Free frees the tables.
func (r *Rotary) Free() {
	r.cos.Free()
	r.sin.Free()
}

// Rotate turns the pairs (j, j + w/2) of x's last dimension w; cos and sin
// are rows of a Rotary, broadcast against x. Nothing of x is saved for the
// gradient: it is the rotation by the opposite angle.
func Rotate(x, cos, sin *torch.Tensor) *torch.Tensor {
	if x.DType() != cos.DType() {
		cos, sin = cos.ToDType(x.DType()), sin.ToDType(x.DType())
	}
	half := x.Size(-1) / 2
	swapped := x.Roll([]int64{half}, []int64{-1}) // [x2; x1]
	return x.Mul(cos).Addcmul_(swapped, sin, 1)
}
