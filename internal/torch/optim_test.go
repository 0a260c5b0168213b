package torch_test

import (
	"math"
	"testing"

	"agiformer/internal/torch"
)

type adamwGolden struct {
	P, Q     []float64
	ExpAvg   []float64 `json:"exp_avg"`
	ExpAvgSq []float64 `json:"exp_avg_sq"`
}

func TestAdamWMatchesPyTorch(t *testing.T) {
	t.Parallel()
	for dt, tolerance := range map[torch.DType]float64{torch.Float32: 1e-6, torch.Float64: 1e-14} {
		want := golden[adamwGolden](t, "adamw_"+dt.String())
		do(t, func() {
			p, q := ramp(dt, 1, 0, 3, 4).SetRequiresGrad(true), ramp(dt, 0.5, 0, 5).SetRequiresGrad(true)
			o := torch.NewAdamW([]torch.ParamGroup{
				{Params: []*torch.Tensor{p}, LR: 0.01, WeightDecay: 0.1}, {Params: []*torch.Tensor{q}, LR: 0.01},
			}, 0.9, 0.95, 1e-8)
			defer o.Free()
			for i := range 5 {
				p.SetGrad(ramp(dt, 0.3, 0.1*float64(i), 3, 4))
				q.SetGrad(ramp(dt, 2, -0.2*float64(i), 5))
				o.Step(0.01, nil, nil)
				o.ZeroGrad()
			}
			near(t, "p", values(p), want.P, tolerance)
			near(t, "q", values(q), want.Q, tolerance)
			near(t, "m of p", values(o.ExpAvg(0)), want.ExpAvg, tolerance)
			near(t, "v of p", values(o.ExpAvgSq(0)), want.ExpAvgSq, tolerance)
			if o.Steps() != 5 || o.Len() != 2 || p.Grad() != nil {
				t.Errorf("%d steps of %d parameters, gradient %v", o.Steps(), o.Len(), p.Grad())
			}
		})
	}
}

// plainAdamW is the formula of the paper, one value at a time.
func plainAdamW(p, m, v *float64, g, lr, decay, beta1, beta2, eps, step float64) {
	*p -= lr * decay * *p
	*m = beta1**m + (1-beta1)*g
	*v = beta2**v + (1-beta2)*g*g
	*p -= lr * (*m / (1 - math.Pow(beta1, step))) / (math.Sqrt(*v/(1-math.Pow(beta2, step))) + eps)
}

func TestAdamWFollowsTheFormula(t *testing.T) {
	t.Parallel()
	do(t, func() {
		x := ramp(torch.Float64, 1, 0.2, 7).SetRequiresGrad(true)
		y := ramp(torch.Float64, 1, 0.2, 7).SetRequiresGrad(true)
		want := [][]float64{values(x), values(y)}
		moments := [4][7]float64{}
		o := torch.NewAdamW([]torch.ParamGroup{
			{Params: []*torch.Tensor{x}, LR: 0.02, WeightDecay: 0.3}, {Params: []*torch.Tensor{y}, LR: 0.04},
		}, 0.8, 0.9, 1e-6)
		defer o.Free()
		for step := 1; step <= 4; step++ {
			lr := 0.02 / float64(step)
			for i, p := range []*torch.Tensor{x, y} {
				grad := ramp(torch.Float64, float64(step), 0.1, 7)
				p.SetGrad(grad.MulScalar(8)) // the scaler's scale
				for k, g := range values(grad) {
					decay := 0.3 * float64(1-i)
					plainAdamW(&want[i][k], &moments[2*i][k], &moments[2*i+1][k], g, lr*float64(1+i), decay, 0.8, 0.9, 1e-6, float64(step))
				}
			}
			o.Step(lr, torch.Scalar(float32(8)), torch.Scalar(float32(0)))
		}
		near(t, "x", values(x), want[0], 1e-12)
		near(t, "y", values(y), want[1], 1e-12)
	})
}

func TestAdamWSkipsWhatIsNotFinite(t *testing.T) {
	t.Parallel()
	do(t, func() {
		p, idle := ones(3).SetRequiresGrad(true), ones(2).SetRequiresGrad(true)
		o := torch.NewAdamW([]torch.ParamGroup{{Params: []*torch.Tensor{p, idle}, LR: 0.1, WeightDecay: 0.1}}, 0.9, 0.99, 1e-8)
		defer o.Free()
		p.SetGrad(ones(3))
		o.Step(0.1, nil, torch.FromSlice([]float32{1}))
		if p.Sum().Item() != 3 || o.Steps() != 0 || o.ExpAvg(0).Sum().Item() != 0 {
			t.Errorf("a step that was not finite changed p to %v after %d steps", values(p), o.Steps())
		}
		o.Step(0.1, nil, torch.FromSlice([]float32{0}))
		if p.Sum().Item() == 3 || o.Steps() != 1 || o.StepCount(1).Item() != 1 {
			t.Errorf("after a finite step p is %v, %d steps", values(p), o.Steps())
		}
		near(t, "a parameter without gradient, decayed by 0.1·0.1", values(idle), []float64{0.99, 0.99}, 1e-6)
	})
}

// TestAdamWWithoutGradientIsOneOfZeros: what a parameter did before goes on alike.
func TestAdamWWithoutGradientIsOneOfZeros(t *testing.T) {
	t.Parallel()
	do(t, func() {
		after := func(second *torch.Tensor) []float64 {
			p := ones(3).SetRequiresGrad(true)
			o := torch.NewAdamW([]torch.ParamGroup{{Params: []*torch.Tensor{p}, LR: 0.1, WeightDecay: 0.1}}, 0.9, 0.99, 1e-8)
			defer o.Free()
			p.SetGrad(ones(3))
			o.Step(0.1, nil, nil)
			p.SetGrad(second)
			o.Step(0.1, nil, nil)
			return values(p)
		}
		near(t, "two steps", after(nil), after(torch.Zeros(torch.Float32, torch.CPU, 3)), 0)
		frozen := ones(3)
		o := torch.NewAdamW([]torch.ParamGroup{{Params: []*torch.Tensor{frozen}, LR: 0.1, WeightDecay: 0.1}}, 0.9, 0.99, 1e-8)
		defer o.Free()
		o.Step(0.1, nil, nil)
		near(t, "a frozen parameter", values(frozen), []float64{1, 1, 1}, 0)
	})
}

func TestClipMatchesPyTorch(t *testing.T) {
	t.Parallel()
	want := golden[struct {
		Norm float64
		P, Q []float64
	}](t, "clip")
	do(t, func() {
		p, q, none := ones(3, 4).SetRequiresGrad(true), ones(5).SetRequiresGrad(true), ones(1).SetRequiresGrad(true)
		params := []*torch.Tensor{p, none, q}
		p.SetGrad(ramp(torch.Float32, 3, 0, 3, 4))
		q.SetGrad(ramp(torch.Float32, 1, 2, 5))
		if only := torch.ClipGradNorm(params, 0).Item(); math.Abs(only-want.Norm) > 1e-5 {
			t.Errorf("measured norm %v, want %v", only, want.Norm)
		}
		norm := torch.ClipGradNorm(params, 1.5)
		near(t, "norm", []float64{norm.Item()}, []float64{want.Norm}, 1e-6)
		near(t, "p", values(p.Grad()), want.P, 1e-6)
		near(t, "q", values(q.Grad()), want.Q, 1e-6)
		small := values(p.Grad())
		torch.ClipGradNorm(params, 100)
		near(t, "unclipped p", values(p.Grad()), small, 0)
		if n := torch.ClipGradNorm([]*torch.Tensor{none}, 1).Item(); n != 0 {
			t.Errorf("norm without gradients is %v", n)
		}
	})
}
