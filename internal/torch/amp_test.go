package torch_test

import (
	"math"
	"testing"

	"agiformer/internal/torch"
)

func TestAutocastChoosesTypes(t *testing.T) {
	t.Parallel()
	do(t, func() {
		w := ramp(torch.Float32, 1, 0, 4, 4).SetRequiresGrad(true)
		x := ramp(torch.Float32, 1, 0, 2, 4)
		var y *torch.Tensor
		torch.Autocast(torch.CPUType, torch.BFloat16, func() {
			y = torch.Linear(x, w, nil)
			if y.DType() != torch.BFloat16 {
				t.Errorf("a matrix product under autocast is %s", y.DType())
			}
			torch.NoAutocast(torch.CPUType, func() {
				if d := torch.Linear(x, w, nil).DType(); d != torch.Float32 {
					t.Errorf("a matrix product in a float32 island is %s", d)
				}
			})
			if d := torch.Linear(x, w, nil).DType(); d != torch.BFloat16 {
				t.Errorf("after the island a matrix product is %s", d)
			}
		})
		if d := torch.Linear(x, w, nil).DType(); d != torch.Float32 {
			t.Errorf("after autocast a matrix product is %s", d)
		}
		y.Float().Square().Sum().Backward()
		if g := w.Grad(); g == nil || g.DType() != torch.Float32 || g.Abs().Sum().Item() == 0 {
			t.Errorf("gradient under autocast is %v", g)
		}
	})
	wantError(t, torch.Do(func() { torch.Autocast(torch.CPUType, torch.Int64, func() {}) }), "Autocast", "int64", "bfloat16")
}

func TestAutocastForgetsItsCasts(t *testing.T) {
	t.Parallel()
	do(t, func() {
		w, x := ones(4, 4).SetRequiresGrad(true), ones(2, 4)
		product := func() (sum float64) {
			torch.Autocast(torch.CPUType, torch.BFloat16, func() { sum = torch.Linear(x, w, nil).Float().Sum().Item() })
			return sum
		}
		before := product()
		w.CopyFrom(torch.Full(2, torch.Float32, torch.CPU, 4, 4))
		if after := product(); before != 32 || after != 64 {
			t.Errorf("products of the old and new weight are %v and %v, want 32 and 64", before, after)
		}
		// A cast made without recording must not serve a recorded pass.
		torch.Autocast(torch.CPUType, torch.BFloat16, func() {
			torch.NoGrad(func() {
				torch.Linear(x, w, nil)
				torch.WithGrad(func() { torch.Linear(x, w, nil).Float().Sum().Backward() })
				torch.Linear(x, w, nil)
			})
			torch.Linear(x, w, nil).Float().Sum().Backward()
		})
		if g := w.Grad(); g == nil || g.Sum().Item() != 2*2*16 {
			t.Errorf("a recorded pass used a weight cast without its history: gradient %v", g)
		}
	})
	// A failing job leaves autocast.
	wantError(t, torch.Do(func() {
		torch.Autocast(torch.CPUType, torch.BFloat16, func() { ones(2, 3).Matmul(ones(2, 3)) })
	}), "Matmul")
	do(t, func() {
		if d := ones(2, 2).Matmul(ones(2, 2)).DType(); d != torch.Float32 {
			t.Errorf("after a failed autocast a product is %s", d)
		}
	})
}

func TestScaler(t *testing.T) {
	t.Parallel()
	do(t, func() {
		s := torch.NewScaler(torch.CPU, 1024)
		defer s.Free()
		p := torch.FromSlice([]float32{1, 2}).SetRequiresGrad(true)
		step := func(factor float64) {
			p.SetGrad(nil)
			s.Scale(p.MulScalar(factor).Sum()).Backward()
			s.Unscale(torch.Grads([]*torch.Tensor{p}))
		}
		step(3)
		near(t, "unscaled gradient", values(p.Grad()), []float64{3, 3}, 0)
		if s.FoundInf().Item() != 0 {
			t.Error("a finite gradient was found infinite")
		}
		s.Update()
		if scale, growth := s.State(); scale != 1024 || growth != 1 {
			t.Errorf("after a good step the scale is %v, tracker %d", scale, growth)
		}
		step(math.Inf(1))
		if s.FoundInf().Item() != 1 {
			t.Error("an infinite gradient was not found")
		}
		s.Update()
		if scale, growth := s.State(); scale != 512 || growth != 0 || s.FoundInf().Item() != 0 {
			t.Errorf("after an overflow the scale is %v, tracker %d", scale, growth)
		}
		s.SetState(256, 1999)
		step(1)
		s.Update()
		if scale, growth := s.State(); scale != 512 || growth != 0 {
			t.Errorf("after 2000 good steps the scale is %v, tracker %d", scale, growth)
		}
	})
	wantError(t, torch.Do(func() {
		s := torch.NewScaler(torch.CPU, 1)
		defer s.Free()
		s.SetState(math.NaN(), 0)
	}), "SetState", "NaN")
}

func TestNoScalerDoesNothing(t *testing.T) {
	t.Parallel()
	do(t, func() {
		var s *torch.Scaler
		loss := ones(1)
		s.Unscale([]*torch.Tensor{loss})
		s.Update()
		s.SetState(3, 4)
		if scale, _ := s.State(); s.Scale(loss) != loss || s.FoundInf() != nil || scale != 1 {
			t.Error("a nil scaler changes something")
		}
		s.Free()
	})
}
