package torch_test

import (
	"testing"

	"agiformer/internal/torch"
)

// composedHeadNorm is what HeadNormLinear is defined to equal.
func composedHeadNorm(x *torch.Tensor, heads int64, weight, out *torch.Tensor) *torch.Tensor {
	cut := x.View(x.Size(0), x.Size(1), heads, -1)
	rms := cut.Square().MeanDim([]int64{-1}, true).AddScalar(1e-5).Sqrt()
	return torch.Linear(cut.Div(rms).View(x.Shape()...).Mul(weight), out, nil)
}

func TestHeadNormLinearEqualsItsComposition(t *testing.T) {
	t.Parallel()
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 7)
		defer g.Free()
		leaf := func(shape ...int64) *torch.Tensor {
			return torch.Empty(torch.Float64, torch.CPU, shape...).Normal_(0, 1, g).SetRequiresGrad(true)
		}
		x, weight, out := leaf(2, 5, 24), leaf(24), leaf(7, 24)
		leaves := []*torch.Tensor{x, weight, out}
		target := torch.Empty(torch.Float64, torch.CPU, 2, 5, 7).Normal_(0, 1, g)
		run := func(y *torch.Tensor) (*torch.Tensor, []*torch.Tensor) {
			return y, torch.Grad([]*torch.Tensor{y.Mul(target).Sum()}, leaves, nil)
		}
		got, gotGrads := run(torch.HeadNormLinear(x, 3, weight, 1e-5, out))
		want, wantGrads := run(composedHeadNorm(x, 3, weight, out))
		if d := got.Sub(want).Abs().Max().Item(); !(d <= 1e-12) {
			t.Errorf("off by %g", d)
		}
		for i := range leaves {
			if d, norm := gotGrads[i].Sub(wantGrads[i]).Norm().Item(), wantGrads[i].Norm().Item(); !(d <= 1e-12*norm) {
				t.Errorf("gradient %d is off by %g of %g", i, d, norm)
			}
		}
	})
}

// Under autocast the product comes out in bfloat16, the leaves' gradients in float32.
func TestHeadNormLinearUnderAutocast(t *testing.T) {
	t.Parallel()
	do(t, func() {
		leaf := func(shape ...int64) *torch.Tensor {
			return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0, 1, nil).SetRequiresGrad(true)
		}
		x, weight, out := leaf(2, 5, 32), leaf(32), leaf(16, 32)
		leaves := []*torch.Tensor{x, weight, out}
		var got *torch.Tensor
		torch.Autocast(torch.CPUType, torch.BFloat16, func() { got = torch.HeadNormLinear(x, 2, weight, 1e-5, out) })
		if got.DType() != torch.BFloat16 {
			t.Errorf("the result is %s, expected bfloat16", got.DType())
		}
		gotGrads := torch.Grad([]*torch.Tensor{got.Float().Sum()}, leaves, nil)
		wantGrads := torch.Grad([]*torch.Tensor{composedHeadNorm(x, 2, weight, out).Sum()}, leaves, nil)
		for i, g := range gotGrads {
			if d, norm := g.Sub(wantGrads[i]).Norm().Item(), wantGrads[i].Norm().Item(); g.DType() != torch.Float32 || !(d <= 0.03*norm) {
				t.Errorf("gradient %d, %s, is off by %g of %g", i, g.DType(), d, norm)
			}
		}
	})
}

func TestRetentionRefusesWrongInputs(t *testing.T) {
	t.Parallel()
	zeros := func(dt torch.DType, shape ...int64) func() *torch.Tensor {
		return func() *torch.Tensor { return torch.Zeros(dt, torch.CPU, shape...) }
	}
	fine := zeros(torch.Float32, 1, 2, 5, 8)
	cases := map[string]struct {
		q, k, decay func() *torch.Tensor
		chunk       int64
	}{
		"no tokens":            {zeros(torch.Float32, 1, 2, 0, 8), zeros(torch.Float32, 1, 2, 0, 8), zeros(torch.Float32, 2), 4},
		"fewer keys":           {fine, zeros(torch.Float32, 1, 2, 4, 8), zeros(torch.Float32, 2), 4},
		"keys of another type": {fine, zeros(torch.Float64, 1, 2, 5, 8), zeros(torch.Float32, 2), 4},
		"three decays":         {fine, fine, zeros(torch.Float32, 3), 4},
		"float64 decays":       {fine, fine, zeros(torch.Float64, 2), 4},
		"no chunk":             {fine, fine, zeros(torch.Float32, 2), 0},
	}
	for name, c := range cases {
		if err := torch.Do(func() { torch.Retention(c.q(), c.k(), c.q(), c.decay(), c.chunk, false) }); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := torch.Do(func() { torch.HeadNormLinear(fine(), 3, zeros(torch.Float32, 8)(), 1e-5, zeros(torch.Float32, 4, 8)()) }); err == nil {
		t.Error("8 dimensions for 3 heads: accepted")
	}
}

// TestTensorMemory counts what is alive at once, views and freed tensors not.
func TestTensorMemory(t *testing.T) {
	t.Parallel()
	do(t, func() {
		before := torch.Zeros(torch.Float32, torch.CPU, 1000)
		for range 2 {
			peak := torch.TensorMemory(func() {
				kept := torch.Zeros(torch.Float32, torch.CPU, 100)
				for range 3 {
					scope := torch.Enter()
					before.View(10, 100).Add(kept)
					scope.Exit()
				}
				before.Narrow(0, 0, 10)
			})
			if peak != 4400 {
				t.Errorf("the peak is %d bytes, expected 4400", peak)
			}
		}
	})
	if err := torch.Do(func() { torch.TensorMemory(func() { torch.TensorMemory(func() {}) }) }); err == nil {
		t.Error("counting was nested")
	}
	do(t, func() {
		if peak := torch.TensorMemory(func() {}); peak != 0 {
			t.Errorf("after an error nothing takes %d bytes", peak)
		}
	})
}
