package torch_test

import (
	"fmt"
	"testing"

	"agiformer/internal/torch"
)

// composedConvolution is what CausalConvolution is defined to equal, by libtorch's own convolution.
func composedConvolution(x, factors *torch.Tensor) *torch.Tensor {
	reach, d := factors.Size(0), x.Size(2)
	own := torch.Ones(x.DType(), x.Device(), 1, d)
	kernel := torch.Cat([]*torch.Tensor{factors.Flip([]int64{0}), own}, 0).Transpose(0, 1).Unsqueeze(1)
	before := x.Transpose(1, 2).Pad([]int64{reach, 0}, 0)
	return torch.Conv1d(before, kernel, nil, []int64{1}, []int64{0}, []int64{1}, d).Transpose(1, 2)
}

// Values and gradients, of sequences longer and shorter than what a token reads back to, down to none.
func TestCausalConvolutionEqualsConv1d(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{7, 4, 3, 1, 0} {
		do(t, func() {
			g := torch.NewGenerator(torch.CPU, 3)
			defer g.Free()
			normal := func(shape ...int64) *torch.Tensor {
				return torch.Empty(torch.Float64, torch.CPU, shape...).Normal_(0, 1, g)
			}
			x, factors := normal(2, length, 5).SetRequiresGrad(true), normal(3, 5).SetRequiresGrad(true)
			target := normal(2, length, 5)
			run := func(convolve func(x, factors *torch.Tensor) *torch.Tensor) (y []float64, gradients [2][]float64) {
				out := convolve(x, factors)
				for i, grad := range torch.Grad([]*torch.Tensor{out.Mul(target).Sum()}, []*torch.Tensor{x, factors}, nil) {
					gradients[i] = values(grad)
				}
				return values(out), gradients
			}
			got, gradients := run(torch.CausalConvolution)
			if length == 0 { // conv1d refuses it
				near(t, "gradient of the factors without tokens", gradients[1], make([]float64, 15), 0)
				return
			}
			want, wantGradients := run(composedConvolution)
			near(t, fmt.Sprintf("%d tokens", length), got, want, 1e-14)
			near(t, fmt.Sprintf("%d tokens, gradient of x", length), gradients[0], wantGradients[0], 1e-14)
			near(t, fmt.Sprintf("%d tokens, gradient of the factors", length), gradients[1], wantGradients[1], 1e-14)
		})
	}
	wantError(t, torch.Do(func() { torch.CausalConvolution(ones(2, 3, 4), ones(2, 5)) }), "CausalConvolution", "factors")
	wantError(t, torch.Do(func() {
		torch.CausalConvolution(ones(2, 3, 4), ones(2, 4).ToDType(torch.BFloat16))
	}), "CausalConvolution", "one type")
}

// What does not lie in order, with one number as every gradient, in half precision: small whole numbers are exact.
func TestCausalConvolutionOfViews(t *testing.T) {
	t.Parallel()
	do(t, func() {
		run := func(dtype torch.DType) (y, ofX, ofFactors []float64) {
			column := torch.FromSlice([]float64{1, 2, 3, 4, 5}, 5, 1, 1).ToDType(dtype).SetRequiresGrad(true)
			x := column.Expand(5, 2, 3).Transpose(0, 1) // [2, 5, 3]
			factors := torch.FromSlice([]float64{2, 1, -1, 3, 0, 1}, 2, 3).ToDType(dtype).SetRequiresGrad(true)
			out := torch.CausalConvolution(x, factors)
			out.Sum().Backward()
			float := func(t *torch.Tensor) []float64 { return values(t.ToDType(torch.Float64)) }
			return float(out), float(column.Grad()), float(factors.Grad())
		}
		y, ofX, ofFactors := run(torch.BFloat16)
		wantY, wantOfX, wantOfFactors := run(torch.Float64)
		near(t, "values", y, wantY, 0)
		near(t, "gradient of x", ofX, wantOfX, 0)
		near(t, "gradient of the factors", ofFactors, wantOfFactors, 0)
		// The factors' gradients are the sums of the tokens before: 2·(1+2+3+4) and 2·(1+2+3).
		near(t, "gradient by hand", ofFactors, []float64{20, 20, 20, 12, 12, 12}, 0)
	})
}
