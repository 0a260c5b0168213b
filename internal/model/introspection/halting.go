package introspection

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// threshold is what a token's halting probabilities must sum to for it to halt:
// 1 would never be reached in finitely many iterations.
const threshold = 0.99

// halting gathers the iterations of a pass, each token's weighted by its own
// halting probabilities p_n: a token halts at the first n at which
// p_1 + … + p_n ≥ 0.99, or at the last; its weight is p_n before, the remainder
// 1 - p_1 - … - p_{n-1} at that n, and 0 after, so they sum to 1.
type halting struct {
	active  *torch.Tensor // [B, T, 1] bool: not yet halted
	spent   *torch.Tensor // [B, T, 1] float32: sum of the weights so far, while active
	states  *torch.Tensor // [B, T, d]: Σ w_n s_n
	verdict *torch.Tensor // [B, T, 2]: Σ w_n z_n of error and confidence

	iterations, remainder *torch.Tensor // [B, T, 1]
}

// newHalting starts tokens of the states x [B, T, d].
func newHalting(x *torch.Tensor) *halting {
	lanes, t := x.Size(0), x.Size(1)
	dt := torch.Float32
	if x.DType() == torch.Float64 {
		dt = torch.Float64
	}
	zeros := torch.Zeros(dt, x.Device(), lanes, t, 1)
	return &halting{
		active: torch.Ones(torch.Bool, x.Device(), lanes, t, 1),
		spent:  zeros, iterations: zeros, remainder: zeros,
	}
}

// add takes an iteration's states s [B, T, d] and logits z [B, T, 3] in; last
// ends every token.
func (h *halting) add(s, z *torch.Tensor, last bool) {
	p := z.Narrow(-1, 2, 1).Sigmoid()
	left := h.spent.RsubScalar(1)
	total := h.spent.Add(p)
	ends := h.active
	if !last {
		ends = total.GeScalar(threshold).LogicalAnd(h.active)
	}
	one := h.active.ToDType(p.DType())
	weight := torch.Where(ends, left, p).Mul(one)
	h.states = plus(h.states, nn.Float(s).Mul(weight))
	h.verdict = plus(h.verdict, z.Narrow(-1, 0, 2).Mul(weight))
	h.iterations = h.iterations.Add(one)
	h.remainder = torch.Where(ends, left, h.remainder)
	h.spent = total
	h.active = h.active.LogicalAnd(ends.LogicalNot())
}

// plus is sum + x, and x at first.
func plus(sum, x *torch.Tensor) *torch.Tensor {
	if sum == nil {
		return x
	}
	return sum.Add(x)
}

// allEnded asks the device whether every token has halted.
func (h *halting) allEnded() bool { return h.active.Any().ItemInt() == 0 }

func (h *halting) result() Result {
	return Result{States: h.states, Verdict: h.verdict, Iterations: h.iterations,
		Ponder: h.iterations.Add(h.remainder)}
}
