package introspection

import (
	"math"
	"testing"

	"agiformer/internal/torch"
)

// TestEvidence by hand for probabilities 0.5, 0.3, 0.2 beside padding's 0, and for
// a prediction so sure that float32 would round its doubt away.
func TestEvidence(t *testing.T) {
	t.Parallel()
	job(t, func() {
		minus := math.Inf(-1)
		logits := torch.FromSlice([]float64{
			minus, math.Log(0.3), math.Log(0.5), math.Log(0.2),
			minus, 0, -50, 100,
		}, 1, 2, 4)
		facts, guess := evidence(logits)
		entropy := -(0.5*math.Log(0.5) + 0.3*math.Log(0.3) + 0.2*math.Log(0.2))
		wantNear(t, "unsure", facts.Select(1, 0), 0, math.Log(0.3), entropy)
		wantNear(t, "sure", facts.Select(1, 1), -math.Log(leastDoubt), -100, 100*math.Exp(-100))
		if ids := torch.Data[int64](guess); ids[0] != 2 || ids[1] != 3 {
			t.Errorf("guesses %v, want [2 3]", ids)
		}
	})
}

// TestFirstConfidence: before it has learned anything the confidence is the
// softmax's own probability; the error is what the states say.
func TestFirstConfidence(t *testing.T) {
	t.Parallel()
	job(t, func() {
		l, done := build(1, 0)
		defer done()
		logits := torch.FromSlice([]float64{math.Inf(-1), math.Log(0.7), math.Log(0.2), math.Log(0.1)}, 1, 1, 4)
		silent := Result{Verdict: torch.Zeros(torch.Float64, torch.CPU, 1, 1, 2),
			Iterations: torch.Ones(torch.Float64, torch.CPU, 1, 1, 1), Ponder: torch.Ones(torch.Float64, torch.CPU, 1, 1, 1)}
		o := l.Judge(silent, logits)
		wantNear(t, "confidence", o.Confidence.Sigmoid(), 0.7)
		wantNear(t, "error", o.Error.Sigmoid(), 0.5)
	})
}

// TestJudgingMovesNoPrediction: the gradient of the losses does not reach the
// logits; it does reach the evidence.
func TestJudgingMovesNoPrediction(t *testing.T) {
	t.Parallel()
	job(t, func() {
		l, done := build(1, 0)
		defer done()
		logits := random(7, 1, 4, 9).SetRequiresGrad(true)
		targets := torch.FromSlice([]int64{3, 0, 5, 1}, 1, 4)
		r := l.Forward(random(8, 1, 4, 32), Positions{}, nil, false)
		l.Judge(r, logits).Loss(targets, Weights{Heads: 1}).Backward()
		if logits.Grad() != nil {
			t.Error("a loss of the heads moves the logits")
		}
		if l.evidence.Grad() == nil || l.evidence.Grad().Abs().Sum().Item() == 0 {
			t.Error("the evidence does not learn")
		}
	})
}

// TestLoss by hand: of three positions one is no target; the guesses are right
// and wrong.
func TestLoss(t *testing.T) {
	t.Parallel()
	job(t, func() {
		row := func(values ...float64) *torch.Tensor { return torch.FromSlice(values, 1, 3) }
		o := &Opinion{Error: row(-1, 2, 9), Confidence: row(0.5, 1, 9), Ponder: row(2, 3, 100),
			Guess: torch.FromSlice([]int64{4, 5, 6}, 1, 3)}
		loss := o.Loss(torch.FromSlice([]int64{4, 7, 0}, 1, 3), Weights{Heads: 0.1, Ponder: 0.01})
		softplus := func(x float64) float64 { return math.Log1p(math.Exp(x)) }
		// Right: -log(1-σ(-1)) - log σ(0.5). Wrong: -log σ(2) - log(1-σ(1)).
		want := 0.1*(softplus(-1)+softplus(-0.5)+softplus(-2)+softplus(1)) + 0.01*(2+3)
		wantNear(t, "loss", loss, want)
	})
}
