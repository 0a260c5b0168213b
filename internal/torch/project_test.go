package torch_test

import (
	"fmt"
	"testing"

	"agiformer/internal/torch"
)

// Project equals Linear for every shape that has a kernel of its own: one row,
// odd widths, products large enough for oneDNN, and for it with their gradients.
func TestProjectEqualsLinear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rows, in, out int64 }{
		{1, 512, 96}, {1, 77, 33}, {1, 5, 3}, {3, 40, 70}, {200, 96, 128}, {64, 130, 66}, {40, 512, 520},
	} {
		for _, dt := range []torch.DType{torch.Float32, torch.Float64, torch.BFloat16} {
			if err := torch.Do(func() { compareProject(t, c.rows, c.in, c.out, dt) }); err != nil {
				t.Error(err)
			}
		}
	}
}

func compareProject(t *testing.T, rows, in, out int64, dt torch.DType) {
	g := torch.NewGenerator(torch.CPU, 3)
	defer g.Free()
	random := func(shape ...int64) *torch.Tensor {
		return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0, 1, g).ToDType(dt)
	}
	x, weight, seed := random(1, rows, in), random(out, in), random(1, rows, out)
	tolerance := map[torch.DType]float64{torch.Float32: 1e-5, torch.Float64: 1e-13, torch.BFloat16: 1e-2}[dt]
	near := func(what string, got, want *torch.Tensor) {
		t.Helper()
		if got.DType() != dt || !torch.Equal(got.Isfinite(), want.Isfinite()) {
			t.Errorf("%s of [%d,%d]·[%d,%d] in %s: type %s or values that are not finite", what, rows, in, out, in, dt, got.DType())
			return
		}
		diff, norm := got.Sub(want).Float().Norm().Item(), want.Float().Norm().Item()
		if !(diff <= tolerance*norm) {
			t.Errorf("%s of [%d,%d]·[%d,%d] in %s: off by %g of %g", what, rows, in, out, in, dt, diff, norm)
		}
	}
	torch.NoGrad(func() { near("product", torch.Project(x, weight), torch.Linear(x, weight, nil)) })
	x.SetRequiresGrad(true)
	weight.SetRequiresGrad(true)
	leaves := []*torch.Tensor{x, weight}
	got := torch.Project(x, weight)
	want := torch.Linear(x, weight, nil)
	near("recorded product", got, want)
	gotGrads := torch.Grad([]*torch.Tensor{got}, leaves, []*torch.Tensor{seed})
	wantGrads := torch.Grad([]*torch.Tensor{want}, leaves, []*torch.Tensor{seed})
	near("gradient of x", gotGrads[0], wantGrads[0])
	near("gradient of weight", gotGrads[1], wantGrads[1])
}

// Under autocast Project computes in autocast's type, as Linear does, and the
// gradients of the parameters are float32; without recording one row reads the
// cast weight and stays float32.
func TestProjectUnderAutocast(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() {
		for _, rows := range []int64{1, 64} {
			x := torch.Zeros(torch.Float32, torch.CPU, rows, 64).Normal_(0, 1, nil)
			weight := torch.Zeros(torch.Float32, torch.CPU, 96, 64).Normal_(0, 1, nil).SetRequiresGrad(true)
			var got, want, plain *torch.Tensor
			torch.Autocast(torch.CPUType, torch.BFloat16, func() {
				got, want = torch.Project(x, weight), torch.Linear(x, weight, nil)
				torch.NoGrad(func() { plain = torch.Project(x, weight) })
			})
			unrecorded := torch.BFloat16
			if rows == 1 {
				unrecorded = torch.Float32
			}
			if got.DType() != torch.BFloat16 || plain.DType() != unrecorded {
				t.Errorf("%d rows: the products are %s and %s", rows, got.DType(), plain.DType())
			}
			for _, y := range []*torch.Tensor{got, plain} {
				if diff, norm := y.Sub(want).Float().Norm().Item(), want.Float().Norm().Item(); diff > 1e-2*norm {
					t.Errorf("%d rows: off by %g of %g", rows, diff, norm)
				}
			}
			got.Float().Sum().Backward()
			if grad := weight.Grad(); grad == nil || grad.DType() != torch.Float32 {
				t.Errorf("%d rows: the weight has no float32 gradient", rows)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The composite operations use the same kernels: float32 sizes that oneDNN
// takes agree with their compositions, gradients included.
func TestNormProductsInFloat32(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() {
		leaf := func(shape ...int64) *torch.Tensor {
			return torch.Zeros(torch.Float32, torch.CPU, shape...).Normal_(0, 0.3, nil).SetRequiresGrad(true)
		}
		for _, rows := range []int64{1, 80} {
			x, nw, nb := leaf(1, rows, 64), leaf(64), leaf(64)
			qkv, up, down := leaf(96, 64), leaf(128, 64), leaf(64, 128)
			leaves := []*torch.Tensor{x, nw, nb, qkv, up, down}
			got := []*torch.Tensor{torch.NormLinear(x, nw, nb, 1e-5, qkv), torch.NormMLP(x, nw, nb, 1e-5, up, down)}
			normed := torch.LayerNorm(x, []int64{64}, nw, nb, 1e-5)
			want := []*torch.Tensor{torch.Linear(normed, qkv, nil), composedMLP(x, nw, nb, up, down)}
			a, b := torch.Grad(got, leaves, nil), torch.Grad(want, leaves, nil)
			for i := range append(got, a...) {
				x, y := append(got, a...)[i], append(want, b...)[i]
				if diff, norm := x.Sub(y).Norm().Item(), y.Norm().Item(); !(diff <= 1e-5*norm) {
					t.Errorf("%d rows, result %d: off by %g of %g", rows, i, diff, norm)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Where x needs no gradient NormLinear takes another way to those of the weights, here of a part of a wider weight.
func TestNormLinearOfWhatNeedsNoGradient(t *testing.T) {
	t.Parallel()
	do(t, func() {
		for dt, tolerance := range map[torch.DType]float64{torch.Float64: 1e-13, torch.Float32: 1e-5, torch.BFloat16: 1e-2} {
			g := torch.NewGenerator(torch.CPU, 4)
			defer g.Free()
			wide := dt
			if dt == torch.BFloat16 { // under autocast
				wide = torch.Float32
			}
			leaf := func(shape ...int64) *torch.Tensor {
				return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0.2, 0.5, g).ToDType(wide).SetRequiresGrad(true)
			}
			x, leaves := leaf(2, 40, 64).Detach(), []*torch.Tensor{leaf(64), leaf(64), leaf(96, 128)}
			seed := leaf(2, 40, 96).Detach()
			gradients := func(y func(part *torch.Tensor) *torch.Tensor) []*torch.Tensor {
				part := leaves[2].Narrow(1, 64, 64)
				var loss *torch.Tensor
				forward := func() { loss = y(part).ToDType(wide).Mul(seed).Sum() }
				if dt == wide {
					forward()
				} else {
					torch.Autocast(torch.CPUType, dt, forward)
				}
				return append(torch.Grad([]*torch.Tensor{loss}, leaves, nil), loss.Detach())
			}
			got := gradients(func(part *torch.Tensor) *torch.Tensor {
				return torch.NormLinear(x, leaves[0], leaves[1], 1e-5, part)
			})
			want := gradients(func(part *torch.Tensor) *torch.Tensor {
				return torch.Linear(torch.LayerNorm(x, []int64{64}, leaves[0], leaves[1], 1e-5), part, nil)
			})
			for i, name := range []string{"the norm's weight", "its bias", "the linear map", "the loss"} {
				if got[i].DType() != wide {
					t.Errorf("%s: the gradient of %s is %s", dt, name, got[i].DType())
				}
				nearInNorm(t, fmt.Sprintf("%s: the gradient of %s", dt, name), got[i], want[i], tolerance)
			}
		}
	})
}
