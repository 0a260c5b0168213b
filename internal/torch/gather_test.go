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
	wantError(t, torch.Do(func() {
		x := ones(3, 2).SetRequiresGrad(true)
		torch.GatherRows(x, ints(0, 1), ints(0, 1, 2), true).Sum().Backward()
	}), "place 2 of 2 rows")
}

// Many rows, which the CPU divides among threads, in half precision, with a gradient that is one number seen from
// everywhere.
func TestGatherRowsOfManyRows(t *testing.T) {
	t.Parallel()
	const rows, width = 1000, 96
	do(t, func() {
		index, inverse := make([]int64, rows), make([]int64, rows)
		for i := range int64(rows) {
			inverse[i] = -1 // what no place holds: the odd rows
			if i%2 == 0 {
				index[i/2], inverse[i] = i, i/2
			}
		}
		places := torch.FromSlice(index[:rows/2])
		x := torch.Ones(torch.BFloat16, torch.CPU, rows, width).SetRequiresGrad(true)
		torch.GatherRows(x, places, torch.FromSlice(inverse), true).Sum().Backward()
		for i, g := range values(x.Grad().SumDim([]int64{1}, false).ToDType(torch.Float64)) {
			if want := float64((i + 1) % 2 * width); g != want {
				t.Fatalf("the gradient of row %d sums to %v, want %v", i, g, want)
			}
		}
	})
}
