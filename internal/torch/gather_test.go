package torch_test

import (
	"testing"

	"agiformer/internal/torch"
)

// TestGatherRowsEqualsIndexSelect: values and gradients, with rows that lie in two places, in one and in none, and a
// place that nothing reads.
func TestGatherRowsEqualsIndexSelect(t *testing.T) {
	t.Parallel()
	ints := func(values ...int64) *torch.Tensor { return torch.FromSlice(values, int64(len(values))) }
	for _, c := range []struct {
		name           string
		index, inverse []int64
		unread         []int64 // places
		partial        bool
	}{
		{"a permutation", []int64{2, 0, 1, 3}, []int64{1, 2, 0, 3}, nil, false},
		{"twice each", []int64{3, 1, 0, 2, 2, 0, 1, 3}, []int64{5, 2, 1, 6, 3, 4, 0, 7}, nil, false},
		{"with padding", []int64{2, 0, 0, 3}, []int64{1, -1, 0, 3}, []int64{2}, true},
		{"some twice", []int64{1, 2, 1, 0}, []int64{-1, -1, 0, 2, 1, -1, -1, -1}, []int64{3}, true},
	} {
		do(t, func() {
			run := func(gather func(x *torch.Tensor) *torch.Tensor) (y, gradient []float64) {
				x := ramp(torch.Float64, 1, 0, 4, 3, 2).SetRequiresGrad(true)
				out := gather(x)
				weights := ramp(torch.Float64, 1, 0.3, out.Shape()...)
				for _, place := range c.unread {
					weights.Narrow(0, place, 1).MulScalar_(0)
				}
				out.Mul(weights).Sum().Backward()
				return values(out), values(x.Grad())
			}
			want, wantGradient := run(func(x *torch.Tensor) *torch.Tensor { return x.IndexSelect(0, ints(c.index...)) })
			got, gradient := run(func(x *torch.Tensor) *torch.Tensor {
				return torch.GatherRows(x, ints(c.index...), ints(c.inverse...), c.partial)
			})
			near(t, c.name, got, want, 0)
			near(t, c.name+", gradient", gradient, wantGradient, 1e-15)
		})
	}
	wantError(t, torch.Do(func() { torch.GatherRows(ones(3, 2), ints(0), ints(0, 1), false) }), "GatherRows", "inverse")
}
