package introspection

import (
	"math"
	"slices"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// unsure is the logit of a probability.
func unsure(p float64) float64 { return math.Log(p / (1 - p)) }

// TestHalting by hand: one token that is sure at once, one after two iterations,
// one never. Its states in iteration n are n.
func TestHalting(t *testing.T) {
	t.Parallel()
	probabilities := [][]float64{{0.995, 0.6, 0.5}, {0.5, 0.395, 0.3}, {0.3, 0.2, 0.1}} // [n][token]
	job(t, func() {
		h := newHalting(torch.Zeros(torch.Float64, torch.CPU, 1, 3, 1))
		for n, row := range probabilities {
			z := make([]float64, 9)
			for token, p := range row {
				z[3*token], z[3*token+1], z[3*token+2] = float64(10*(n+1)), float64(-n), unsure(p)
			}
			h.add(torch.Full(float64(n+1), torch.Float64, torch.CPU, 1, 3, 1), torch.FromSlice(z, 1, 3, 3), n == 2)
		}
		if !h.allEnded() {
			t.Error("a token goes on after the last iteration")
		}
		r := h.result()
		// Weights: 1; 0.6, 0.4; 0.5, 0.3, 0.2.
		wantNear(t, "states", r.States, 1, 1.4, 1.7)
		wantNear(t, "verdict", r.Verdict, 10, 0, 14, -0.4, 17, -0.7)
		wantNear(t, "iterations", r.Iterations, 1, 2, 3)
		wantNear(t, "ponder", r.Ponder, 1+1, 2+0.4, 3+0.2)
	})
}

// TestFirstStateOnly: a token that halts in the first iteration is that
// iteration's state to the last bit, whatever the later ones would be.
func TestFirstStateOnly(t *testing.T) {
	t.Parallel()
	job(t, func() {
		x := random(1, 1, 6, 32)
		several, done := build(4, 100)
		defer done()
		single, doneToo := build(1, -100)
		defer doneToo()
		a, b := several.Forward(x, Positions{}, nil, false), single.Forward(x, Positions{}, nil, false)
		if !torch.Equal(a.States, b.States) || !torch.Equal(a.Verdict, b.Verdict) {
			t.Error("tokens that halt at once are not the first iteration's states")
		}
		wantNear(t, "iterations", b.Iterations, 1, 1, 1, 1, 1, 1)
		wantNear(t, "ponder", b.Ponder, 2, 2, 2, 2, 2, 2)
	})
}

// TestEarlyStop: token by token with a cache, ending as soon as the token has
// halted, gives the parallel pass of all iterations; and it does end, since
// otherwise the second part would run for hours.
func TestEarlyStop(t *testing.T) {
	t.Parallel()
	job(t, func() {
		l, done := build(4, 1)
		defer done()
		x := random(2, 1, 12, 32)
		want := l.Forward(x, Positions{}, nil, false)
		iterations := torch.Data[float64](want.Iterations)
		if slices.Min(iterations) == slices.Max(iterations) {
			t.Fatalf("all tokens halt at iteration %g", iterations[0])
		}
		cache := nn.NewCache(12)
		defer cache.Free()
		torch.NoGrad(func() {
			for i := range int64(12) {
				got := l.Forward(x.Narrow(1, i, 1), Positions{First: i}, cache, true)
				for k, tensor := range got.Tensors() {
					if d := tensor.Sub(want.Tensors()[k].Narrow(1, i, 1)).Abs().Max().Item(); !(d <= 1e-12) {
						t.Errorf("token %d, result %d: off by %g", i, k, d)
					}
				}
			}
			endless, doneToo := build(1<<40, 100)
			defer doneToo()
			endless.Forward(x, Positions{}, nil, true)
		})
	})
}

// TestStep: the loop of a single token, whose halting the host reckons, gives the
// parallel pass; tokens that leave early do too.
func TestStep(t *testing.T) {
	t.Parallel()
	job(t, func() {
		for _, lean := range []float64{-1, 1, 100} {
			l, done := build(4, lean)
			defer done()
			x := random(2, 1, 12, 32)
			want := l.Forward(x, Positions{}, nil, false).States
			cache := nn.NewCache(12)
			defer cache.Free()
			torch.NoGrad(func() {
				for i := range int64(12) {
					got := l.Step(x.Narrow(1, i, 1), Positions{First: i}, cache)
					if d := got.Sub(want.Narrow(1, i, 1)).Abs().Max().Item(); !(d <= 1e-12) {
						t.Errorf("halting around %g, token %d: off by %g", lean, i, d)
					}
				}
			})
		}
	})
}

// TestHaltingTouchesNoOther: whether one token leaves at once or stays to the end
// changes no other token, not even later ones that attend to it.
func TestHaltingTouchesNoOther(t *testing.T) {
	t.Parallel()
	job(t, func() {
		l, done := build(3, 1)
		defer done()
		x := random(4, 1, 8, 32)
		c := l.self.begin(x, Positions{}, nil)
		// The loop by hand, with token 3's halting logit replaced in each iteration.
		run := func(logit float64) (states, iterations *torch.Tensor) {
			h := newHalting(x)
			s, before := x, torch.ZerosLike(x)
			for n := range 3 {
				looking := l.self.queryNorm.Forward(s)
				meta := l.self.reflect(s, looking, before, c)
				z := l.self.verdict(meta)
				s = l.correct(s, meta, z)
				forced := z.Clone().Detach()
				forced.Select(1, 3).Narrow(1, 2, 1).Fill_(logit)
				h.add(s, forced, n == 2)
				before = looking
			}
			return h.result().States, h.result().Iterations
		}
		at, atOnce := run(100)
		to, toTheEnd := run(-100)
		if atOnce.Select(1, 3).Item() != 1 || toTheEnd.Select(1, 3).Item() != 3 {
			t.Fatal("token 3 was not steered")
		}
		for i := range int64(8) {
			same := torch.Equal(at.Select(1, i), to.Select(1, i))
			if same == (i == 3) {
				t.Errorf("token %d: same states %v though only token 3's halting differs", i, same)
			}
		}
	})
}

// TestWeightsSumToOne: iterations that do not move the states leave them as they
// are, whatever the halting.
func TestWeightsSumToOne(t *testing.T) {
	t.Parallel()
	job(t, func() {
		h := newHalting(torch.Zeros(torch.Float64, torch.CPU, 2, 50, 1))
		ones := torch.Ones(torch.Float64, torch.CPU, 2, 50, 1)
		for n := range 5 {
			h.add(ones, random(uint64(n), 2, 50, 3).MulScalar(3), n == 4)
		}
		if d := h.result().States.Sub(ones).Abs().Max().Item(); d > 1e-12 {
			t.Errorf("weights sum to 1 within %g only", d)
		}
	})
}
