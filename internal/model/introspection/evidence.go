package introspection

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// leastDoubt bounds 1 - p_1 from below: float32 cannot tell what is nearer to 0.
const leastDoubt = 1e-6

// Opinion is what the model thinks of its own prediction at each token.
type Opinion struct {
	// Error and Confidence [B, T] are float32 logits: that the first guess is
	// wrong, and that it is right.
	Error, Confidence *torch.Tensor
	// Guess [B, T] int64 is the id with the largest logit.
	Guess *torch.Tensor
	// Iterations and Ponder [B, T] of the loop (see Result).
	Iterations, Ponder *torch.Tensor
}

// Tensors lists the opinion, for scopes; nil of none.
func (o *Opinion) Tensors() []*torch.Tensor {
	if o == nil {
		return nil
	}
	return []*torch.Tensor{o.Error, o.Confidence, o.Guess, o.Iterations, o.Ponder}
}

// Judge completes the loop's verdict: to the confidence it adds what the
// prediction's logits [B, T, V] say of themselves, a learned linear function of
// their evidence. The error stays what the states alone told, as it gated the
// correction before there was a prediction.
func (l *Loop) Judge(r Result, logits *torch.Tensor) *Opinion {
	scope := torch.Enter()
	defer scope.Exit()
	facts, guess := evidence(logits)
	confidence := r.Verdict.Select(-1, 1)
	torch.NoAutocast(facts.Device().Type, func() {
		confidence = torch.Linear(facts, l.evidence, nil).Squeeze(-1).Add(confidence)
	})
	o := &Opinion{
		Error: r.Verdict.Select(-1, 0), Confidence: confidence, Guess: guess,
		Iterations: r.Iterations.Squeeze(-1), Ponder: r.Ponder.Squeeze(-1),
	}
	scope.Exit(o.Tensors()...)
	return o
}

// evidence returns [log p_1 - log(1 - p_1), log p_2, -Σ p log p] of the softmax
// of logits [B, T, V], p_1 ≥ p_2 the two largest probabilities, as float32
// [B, T, 3] without gradient, and the most probable id [B, T]. Id 0 has
// probability 0 and is left out.
func evidence(logits *torch.Tensor) (facts, guess *torch.Tensor) {
	scope := torch.Enter()
	defer scope.Exit()
	torch.NoGrad(func() {
		logs := nn.Float(logits.Narrow(-1, 1, logits.Size(-1)-1)).LogSoftmax(-1)
		largest, places := logs.Topk(2, -1, true, true)
		first, second := largest.Narrow(-1, 0, 1), largest.Narrow(-1, 1, 1)
		doubt := first.Exp().RsubScalar(1).ClampMin(leastDoubt).Log()
		entropy := logs.Exp().Mul(logs).SumDim([]int64{-1}, true).Neg()
		facts = torch.Cat([]*torch.Tensor{first.Sub(doubt), second, entropy}, -1)
		guess = places.Select(-1, 0).AddScalar(1)
	})
	scope.Exit(facts, guess)
	return facts, guess
}
