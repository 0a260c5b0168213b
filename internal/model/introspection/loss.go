package introspection

import "agiformer/internal/torch"

// Weights of the loss terms.
type Weights struct{ Heads, Ponder float64 }

// Loss returns, summed over the targets [B, T] that are not 0, a scalar in nats:
//
//	Heads · (BCE(error, 1 - right) + BCE(confidence, right)) + Ponder · ponder cost
//
// right says whether the first guess is the target. The heads learn from what the
// model gets right now, so it is no target of the guess itself.
func (o *Opinion) Loss(targets *torch.Tensor, w Weights) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	dt := o.Error.DType()
	valid := targets.NeScalar(0).ToDType(dt)
	right := o.Guess.Eq(targets).ToDType(dt)
	sum := crossEntropy(o.Error, right.RsubScalar(1), valid).Add(crossEntropy(o.Confidence, right, valid)).MulScalar(w.Heads)
	sum = sum.Add(o.Ponder.Mul(valid).Sum().MulScalar(w.Ponder))
	scope.Exit(sum)
	return sum
}

// crossEntropy is the binary cross-entropy of logits and targets summed with
// weights, all [B, T].
func crossEntropy(logits, targets, weights *torch.Tensor) *torch.Tensor {
	const sum = 2 // libtorch's reduction
	return torch.BinaryCrossEntropyWithLogits(logits, targets, weights, nil, sum)
}
