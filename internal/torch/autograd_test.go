package torch_test

import (
	"slices"
	"testing"

	"agiformer/internal/torch"
)

func TestLayersMatchPyTorch(t *testing.T) {
	t.Parallel()
	want := golden[struct {
		Loss    float64
		X, W, B []float64
	}](t, "layers")
	do(t, func() {
		x := ramp(torch.Float64, 1, 0, 2, 3, 8).SetRequiresGrad(true)
		w, b := ramp(torch.Float64, 0.5, 1, 8).SetRequiresGrad(true), ramp(torch.Float64, 0.1, 0, 8).SetRequiresGrad(true)
		scale := 0.5
		y := torch.LayerNorm(x, []int64{8}, w, b, 1e-5).Gelu("none")
		q := y.Reshape(2, 3, 2, 4).Transpose(1, 2)
		a := torch.Attention(q, q, q, nil, true, scale).Transpose(1, 2).Reshape(2, 3, 8)
		target := torch.FromSlice([]int64{1, 0, 5, 7, 2, 0})
		loss := torch.CrossEntropyLoss(y.Add(a).Reshape(6, 8), target, nil, 2, 0, 0.1)
		loss.Backward()
		near(t, "loss", []float64{loss.Item()}, []float64{want.Loss}, 1e-12)
		near(t, "gradient of x", values(x.Grad()), want.X, 1e-12)
		near(t, "gradient of w", values(w.Grad()), want.W, 1e-12)
		near(t, "gradient of b", values(b.Grad()), want.B, 1e-12)
	})
}

func TestGradients(t *testing.T) {
	t.Parallel()
	do(t, func() {
		x := torch.FromSlice([]float32{1, 2, 3}).SetRequiresGrad(true)
		if x.Grad() != nil {
			t.Error("a fresh leaf has a gradient")
		}
		x.Square().Sum().Backward()
		torch.Backward([]*torch.Tensor{x.MulScalar(2), x.Square()}, []*torch.Tensor{nil, torch.FromSlice([]float32{1, 0, 0})})
		if got := torch.Data[float32](x.Grad()); !slices.Equal(got, []float32{2 + 2 + 2, 4 + 2, 6 + 2}) {
			t.Errorf("accumulated gradient %v", got)
		}
		y := torch.FromSlice([]float32{1, 1, 1}).SetRequiresGrad(true)
		grads := torch.Grad([]*torch.Tensor{x.Exp().Log()}, []*torch.Tensor{x, y}, nil)
		if near(t, "Grad", values(grads[0]), []float64{1, 1, 1}, 1e-6); grads[1] != nil {
			t.Errorf("the unused input has gradient %v", grads[1])
		}
		x.SetGrad(nil)
		y.SetGrad(torch.FromSlice([]float32{4, 5, 6}))
		if x.Grad() != nil || y.Grad().Sum().Item() != 15 {
			t.Error("SetGrad does not set")
		}
		torch.ClearGrads([]*torch.Tensor{x, y})
		if y.Grad() != nil {
			t.Error("ClearGrads does not clear")
		}
	})
	wantError(t, torch.Do(func() {
		ones(3).SetRequiresGrad(true).SetGrad(ones(2))
	}), "SetGrad", "[2]", "[3]")
	wantError(t, torch.Do(func() { ones(3).Sum().Backward() }), "Backward", "does not require grad")
}

func TestNoGradAndDetach(t *testing.T) {
	t.Parallel()
	do(t, func() {
		x := ones(3).SetRequiresGrad(true)
		torch.NoGrad(func() {
			if y := x.MulScalar(2); y.RequiresGrad() || torch.GradEnabled() {
				t.Error("NoGrad records")
			}
			torch.WithGrad(func() {
				if !x.MulScalar(2).RequiresGrad() {
					t.Error("WithGrad inside NoGrad does not record")
				}
			})
		})
		if !x.MulScalar(2).RequiresGrad() || x.Detach().RequiresGrad() || x.MulScalar(2).IsLeaf() {
			t.Error("recording is wrong after NoGrad, or Detach records")
		}
	})
}
