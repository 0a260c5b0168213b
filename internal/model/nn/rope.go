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

// Rotary holds the tables cos and sin [count, w/2] of the positions 0..count-1
// for one width w.
type Rotary struct{ cos, sin *torch.Tensor }

// NewRotary makes the tables of the positions 0..count-1, kept until Free.
func NewRotary(width, count int64, dt torch.DType, dev torch.Device) *Rotary {
	scope := torch.Enter()
	defer scope.Exit()
	positions := make([]float64, count)
	for i := range positions {
		positions[i] = float64(i)
	}
	cos, sin := Angles(positions, width/2)
	place := func(values []float64) *torch.Tensor {
		return torch.FromSlice(values, count, width/2).ToDType(dt).ToDevice(dev).Keep()
	}
	return &Rotary{cos: place(cos), sin: place(sin)}
}

// At returns the rows [n, w/2] of cos and sin from position start on.
func (r *Rotary) At(start, n int64) (cos, sin *torch.Tensor) {
	return r.cos.Narrow(0, start, n), r.sin.Narrow(0, start, n)
}

// Of returns the rows [n, w/2] of the positions from start on, or where
// positions [B, n] int64 are given those of the positions in them, [B, n, w/2].
func (r *Rotary) Of(positions *torch.Tensor, start, n int64) (cos, sin *torch.Tensor) {
	if positions == nil {
		return r.At(start, n)
	}
	index := positions.Reshape(positions.Numel())
	pick := func(table *torch.Tensor) *torch.Tensor {
		return table.IndexSelect(0, index).View(positions.Size(0), n, -1)
	}
	return pick(r.cos), pick(r.sin)
}

// Free frees the tables.
func (r *Rotary) Free() {
	r.cos.Free()
	r.sin.Free()
}

// Rotate turns the pairs (j, j + w/2) of the heads x [B, T, H, w] by the
// angles of cos and sin, [T, w/2] or [B, T, w/2]: x·[cos; cos] + [x2; x1]·[-sin; sin]. Nothing
// of x is saved for the gradient, the rotation by the opposite angle.
func Rotate(x, cos, sin *torch.Tensor) *torch.Tensor {
	both := func(a, b *torch.Tensor) *torch.Tensor { // [T, 1, w] or [B, T, 1, w]
		return torch.Cat([]*torch.Tensor{a, b}, -1).ToDType(x.DType()).Unsqueeze(-2)
	}
	swapped := x.Roll([]int64{x.Size(-1) / 2}, []int64{-1})
	return x.Mul(both(cos, cos)).Addcmul_(swapped, both(sin.Neg(), sin), 1)
}
