package introspection

import (
	"math"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Step is Forward's states for one token x [1, 1, d] of a stream that is decoded,
// with a cache. The host reads each iteration's three logits and reckons with them
// itself: the loop then ends when the token has halted, and what is left on the
// device are the layers.
func (l *Loop) Step(x *torch.Tensor, at Positions, cache *nn.Cache) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	c := l.self.begin(x, at, cache)
	var h tokenHalting
	var mean *torch.Tensor
	s, before := x, torch.ZerosLike(x)
	for n := int64(1); !h.ended; n++ {
		looking := l.self.queryNorm.Forward(s)
		meta := l.self.reflect(s, looking, before, c)
		z := logits(l.self.verdict(meta))
		s = nn.Residual(s, l.correction(meta).MulScalar(sigmoid(z[0])), 0, false)
		weighted := nn.Float(s).MulScalar(h.weigh(sigmoid(z[2]), n == l.iterations))
		if mean == nil {
			mean = weighted
		} else {
			mean = mean.Add_(weighted)
		}
		before = looking
	}
	scope.Exit(mean)
	return mean
}

// tokenHalting is halting of one token, on the host.
type tokenHalting struct {
	spent float64 // sum of the halting probabilities so far
	ended bool
}

// weigh returns an iteration's weight from its halting probability p; last ends
// the token.
func (h *tokenHalting) weigh(p float64, last bool) float64 {
	left := 1 - h.spent
	h.spent += p
	h.ended = last || h.spent >= threshold
	if h.ended {
		return left
	}
	return p
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// logits reads z [1, 1, 3].
func logits(z *torch.Tensor) []float64 { return torch.Data[float64](z.ToDType(torch.Float64)) }
