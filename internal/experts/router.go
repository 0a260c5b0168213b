package experts

import (
	"math"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Routing configures the router of a block.
type Routing struct {
	// Experts E and TopK k.
	Experts, TopK int64
	// Removed counts the experts that were pruned from the block where one
	// expert a token weighs by its raw probability; 0 otherwise. Each of them
	// still counts in the softmax, as a logit of 0.
	Removed int64
	// CapacityFactor bounds an expert's places a lane in training to
	// ceil(factor·k·T/E); 0 drops nothing.
	CapacityFactor float64
	// BalanceWeight is w of the load-balancing loss.
	BalanceWeight float64
	// ZLossWeight is z of the router z-loss.
	ZLossWeight float64
	// BalanceByLane takes the mean router weights lane by lane (scope
	// "sequence") instead of over the micro-batch.
	BalanceByLane bool
}

// router chooses each token's experts. It runs in float32 whatever the AMP
// dtype.
type router struct {
	Routing
	weight *torch.Tensor // [E, d]
}

// routed says whether a block with this routing has a router.
func (r Routing) routed() bool { return r.Experts > 1 || r.Removed > 0 }

// choice is the router's answer for tokens [B, T].
type choice struct {
	probabilities *torch.Tensor // [B, T, E], of the block's experts alone
	weights       *torch.Tensor // [B, T, k]
	experts       *torch.Tensor // [B, T, k] int64
	// normaliser log Σ_e exp(logit_e) [B, T]; nil where no loss is on it.
	normaliser *torch.Tensor
}

// route returns the k most probable experts of each token of u [B, T, d].
// With k = 1 the raw probability is the weight: renormalised it would be a
// constant 1 and leave the router without a gradient. Experts that were pruned
// keep their part of that probability, so that it stays what it was.
func (r *router) route(u *torch.Tensor) choice {
	var c choice
	torch.NoAutocast(u.Device().Type, func() {
		logits := torch.Linear(nn.Float(u), r.weight, nil)
		c.probabilities = logits.Softmax(-1)
		if r.ZLossWeight > 0 {
			c.normaliser = logits.Logsumexp([]int64{-1}, false)
		}
		if r.TopK == 1 {
			c.weights, c.experts = r.raw(logits, c.probabilities).MaxDim(-1, true)
			return
		}
		c.weights, c.experts = c.probabilities.Topk(r.TopK, -1, true, true)
		c.weights = c.weights.Div(c.weights.SumDim([]int64{-1}, true))
	})
	return c
}

// loss returns the router's losses of the layer, a scalar: load balancing, and
// with a weight the z-loss.
func (r *router) loss(c choice, s *Segment) *torch.Tensor {
	if s.Valid == 0 {
		return torch.Zeros(c.probabilities.DType(), c.probabilities.Device())
	}
	balance := r.balance(c.probabilities, s)
	if c.normaliser == nil {
		return balance
	}
	return balance.Add(r.zLoss(c.normaliser, s))
}

// zLoss keeps the logits small (Zoph et al. 2022): z times the mean over the
// valid tokens of the squared normaliser. The mean of the lanes' means by their
// valid tokens is the same, so the scope makes no difference.
func (r *router) zLoss(normaliser *torch.Tensor, s *Segment) *torch.Tensor {
	square := normaliser.Square()
	if s.Mask != nil {
		square = square.Mul(s.Mask)
	}
	return square.Sum().MulScalar(r.ZLossWeight / float64(s.Valid))
}

// raw returns exp(l_e) / (Σ exp(l) + Removed) for logits l [B, T, E];
// probabilities are their softmax.
func (r *router) raw(logits, probabilities *torch.Tensor) *torch.Tensor {
	if r.Removed == 0 {
		return probabilities
	}
	rest := torch.Full(math.Log(float64(r.Removed)), logits.DType(), logits.Device(), logits.Size(0), logits.Size(1), 1)
	return torch.Cat([]*torch.Tensor{logits, rest}, -1).Softmax(-1).Narrow(-1, 0, r.Experts)
}

// balance returns the load-balancing loss of the layer, a scalar:
// w · E · Σ_e (mean over the valid tokens of p_e)²; by lane, or by document where
// lanes hold several, it is the mean of their losses weighted by their valid
// tokens.
func (r *router) balance(probabilities *torch.Tensor, s *Segment) *torch.Tensor {
	scale := r.BalanceWeight * float64(r.Experts)
	if s.Mask != nil {
		probabilities = probabilities.Mul(s.Mask.Unsqueeze(2))
	}
	if !r.BalanceByLane {
		mean := probabilities.SumDim([]int64{0, 1}, false).MulScalar(1 / float64(s.Valid))
		return mean.Square().Sum().MulScalar(scale)
	}
	if d := s.Documents; d != nil {
		lengths := make([]int64, len(d.runs))
		for i, run := range d.runs {
			lengths[i] = run.Length
		}
		return weightedSquares(d.sums(probabilities), lengths, scale, s.Valid)
	}
	return weightedSquares(probabilities.SumDim([]int64{1}, false), s.Lengths, scale, s.Valid)
}

// weightedSquares returns Σ_b n_b/valid · scale · Σ_e (sum_be / n_b)² for sums
// [N, E] over N parts of lengths n.
func weightedSquares(sums *torch.Tensor, lengths []int64, scale float64, valid int64) *torch.Tensor {
	factors := make([]float64, len(lengths))
	for b, n := range lengths {
		if n > 0 {
			factors[b] = scale / (float64(n) * float64(valid))
		}
	}
	factor := torch.FromSlice(factors, int64(len(lengths)), 1).ToDType(sums.DType()).ToDevice(sums.Device())
	return sums.Square().Mul(factor).Sum()
}
