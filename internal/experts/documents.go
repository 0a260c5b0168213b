package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Documents are the documents of a segment whose lanes hold several, one after
// the other, none of which may know of another. Their tensors are [B·T].
type Documents struct {
	runs []torch.Run // in the lanes' order
	lane []int64     // of each

	// Positions [B, T] int64 are the tokens' places in their documents; 0 at
	// padding.
	Positions *torch.Tensor
	// of is the number of each token's document, and before how many tokens of
	// all lanes stand before its document where others of its lane do, else 0.
	// Both are 0 at padding.
	of, before *torch.Tensor
}

// NewDocuments takes the documents' lengths, lane by lane, of lanes of t places.
// The tensors belong to the current scope.
func NewDocuments(lengths [][]int64, t int64, dev torch.Device) *Documents {
	d := &Documents{}
	n := int64(len(lengths)) * t
	columns := make([]int64, 3*n) // positions, of, before
	for b, lane := range lengths {
		start := int64(b) * t
		for i, length := range lane {
			before := start
			if i == 0 {
				before = 0
			}
			for j := range length {
				at := start + j
				columns[at], columns[n+at], columns[2*n+at] = j, int64(len(d.runs)), before
			}
			d.runs = append(d.runs, torch.Run{Start: start, Length: length})
			d.lane = append(d.lane, int64(b))
			start += length
		}
	}
	rows := torch.FromSlice(columns, 3, n).ToDevice(dev).Unbind(0)
	d.Positions, d.of, d.before = rows[0].View(int64(len(lengths)), t), rows[1], rows[2]
	return d
}

// Packing lays the documents out for the attentions over all tokens.
func (d *Documents) Packing(positions int64, dev torch.Device) *nn.Packing {
	return nn.NewPacking(d.runs, positions, dev)
}

// within turns ranks [B, T, E] that count from a lane's start into ranks that
// count from the document's.
func (d *Documents) within(rank *torch.Tensor) *torch.Tensor {
	flat := rank.Reshape(rank.Size(0)*rank.Size(1), rank.Size(2))
	// The rank before the document is that of the token before it.
	earlier := torch.Cat([]*torch.Tensor{torch.ZerosLike(flat.Narrow(0, 0, 1)), flat}, 0).IndexSelect(0, d.before)
	return flat.Sub(earlier).View(rank.Shape()...)
}

// counts returns how many tokens of each document each expert got, document by
// document, from ranks [B, T, E] that count the choices from a lane's start. The
// host waits for them.
func (d *Documents) counts(rank *torch.Tensor) []int64 {
	last := make([]int64, len(d.runs))
	for i, r := range d.runs {
		last[i] = r.Start + r.Length - 1
	}
	index := torch.FromSlice(last).ToDevice(rank.Device())
	e := rank.Size(2)
	counts := torch.Data[int64](rank.Reshape(rank.Size(0)*rank.Size(1), e).IndexSelect(0, index))
	for i := len(d.runs) - 1; i > 0; i-- {
		if d.lane[i] != d.lane[i-1] {
			continue
		}
		for j := range int(e) {
			counts[i*int(e)+j] -= counts[(i-1)*int(e)+j]
		}
	}
	return counts
}

// Spaced lays the documents of x [1, B·T, d] out one after the other with gap
// rows of zeros before each, [1, R, d], and returns the places [B·T] of x's rows in
// that; padding's is the first.
func (d *Documents) Spaced(x *torch.Tensor, gap int64) (spaced, back *torch.Tensor) {
	n := x.Size(1)
	var source []int64
	places := make([]int64, n)
	for _, r := range d.runs {
		for range gap {
			source = append(source, n) // the row of zeros
		}
		for i := range r.Length {
			places[r.Start+i] = int64(len(source))
			source = append(source, r.Start+i)
		}
	}
	spaced = x.Pad([]int64{0, 0, 0, 1}, 0).IndexSelect(1, torch.FromSlice(source).ToDevice(x.Device()))
	return spaced, torch.FromSlice(places).ToDevice(x.Device())
}

// sums adds up x [B, T, E] over each document: [documents, E].
func (d *Documents) sums(x *torch.Tensor) *torch.Tensor {
	e := x.Size(2)
	zero := torch.Zeros(x.DType(), x.Device(), int64(len(d.runs)), e)
	return zero.IndexAdd(0, d.of, x.Reshape(x.Size(0)*x.Size(1), e))
}
