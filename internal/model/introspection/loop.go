package introspection

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Loop is introspection over its parameters.
type Loop struct {
	self                        *SelfModel
	correctionIn, correctionOut nn.Linear
	evidence                    *torch.Tensor // [1, 3]
	iterations                  int64
}

// New builds the loop over its parameters; its rotary tables are in dt on dev.
func New(s Shape, p nn.Params, dt torch.DType, dev torch.Device) *Loop {
	return &Loop{
		self:         newSelfModel(s, p, dt, dev),
		correctionIn: nn.NewLinear(p.Sub("correction_in")), correctionOut: nn.NewLinear(p.Sub("correction_out")),
		evidence:   p.Get("evidence.weight"),
		iterations: s.Iterations,
	}
}

// Free frees the tables.
func (l *Loop) Free() { l.self.rotary.Free() }

// Result is what the loop made of the states.
type Result struct {
	// States [B, T, d]: the mean of the iterations' states weighted by the
	// tokens' halting probabilities.
	States *torch.Tensor
	// Verdict [B, T, 2] float32: logits of error and confidence, means likewise,
	// the latter before the prediction's evidence (see Judge).
	Verdict *torch.Tensor
	// Iterations [B, T, 1] float32 that each token went through, and Ponder
	// their number plus the remainder: the cost of thinking.
	Iterations, Ponder *torch.Tensor
}

// Tensors lists the result, for scopes and checkpoints; ResultOf is its inverse.
func (r Result) Tensors() []*torch.Tensor {
	return []*torch.Tensor{r.States, r.Verdict, r.Iterations, r.Ponder}
}

// ResultOf makes a result of what Tensors listed.
func ResultOf(list []*torch.Tensor) Result {
	return Result{States: list[0], Verdict: list[1], Iterations: list[2], Ponder: list[3]}
}

// Positions says where the states of a pass are in their segments: one after the
// other from First on, or where Each [B, T] int64 is given as it says.
type Positions struct {
	First int64
	Each  *torch.Tensor
}

// Forward runs the loop over the states x [B, T, d] after the last block. A
// cache, where given, gets their keys and values; from one that is not empty T
// must be 1. early ends the
// loop as soon as every token has halted, for which the host waits for the
// device in each iteration: the result is the same.
func (l *Loop) Forward(x *torch.Tensor, at Positions, cache *nn.Cache, early bool) Result {
	scope := torch.Enter()
	defer scope.Exit()
	c := l.self.begin(x, at, cache)
	h := newHalting(x)
	s, before := x, torch.ZerosLike(x)
	for n := int64(1); ; n++ {
		looking := l.self.queryNorm.Forward(s)
		meta := l.self.reflect(s, looking, before, c)
		z := l.self.verdict(meta)
		s = l.correct(s, meta, z)
		h.add(s, z, n == l.iterations)
		if n == l.iterations || early && h.allEnded() {
			break
		}
		before = looking
	}
	r := h.result()
	scope.Exit(r.Tensors()...)
	return r
}

// correct returns s + sigmoid(error) · correction(meta). The gate is detached:
// the error head learns to find errors, not to open the gate.
func (l *Loop) correct(s, meta, z *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		gate := z.Narrow(-1, 0, 1).Detach().Sigmoid()
		return nn.Residual(s, l.correction(meta).Mul(gate), 0, false)
	})
}

// correction returns what an open gate adds to the states, [B, T, d].
func (l *Loop) correction(meta *torch.Tensor) *torch.Tensor {
	return nn.MLP(meta, l.correctionIn, l.correctionOut)
}
