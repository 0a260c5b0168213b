package nn

import (
	"math"

	"agiformer/internal/torch"
)

// RetentionChunk is the number of tokens within which scores are computed
// pair by pair; what came before a chunk is read from a state.
const RetentionChunk = 64

// Retain is causal linear attention with a decay for each head (retention, Sun
// et al. 2023): o_t = Σ_{j<=t} λ^(t-j) (q_t·k_j) v_j / sqrt(h), λ =
// exp(-exp(decay)), for q, k, v [B, H, T, h] and decay [H]. The result [B, H,
// T, h] is float32 (float64 for float64 inputs). Time and memory grow with T.
//
// With a state, B = 1 and no gradients: the sequence continues the state's,
// from its start by any number of tokens, later by one at a time (T = 1).
func Retain(q, k, v, decay *torch.Tensor, state *RetentionState) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	p := newDecayPowers(decay, min(q.Size(2), RetentionChunk), q.Size(3))
	var o *torch.Tensor
	if state != nil && state.started {
		o = state.step(q, k, v, p)
	} else {
		o = retainChunks(q, k, v, p, state)
	}
	scope.Exit(o)
	return o
}

// retainChunks cuts the sequence into N chunks of C tokens. Token i of a chunk
// (from 0) reads the tokens j <= i of its chunk with λ^(i-j), and all earlier
// ones with λ^(i+1) from the state before the chunk.
//
// If the first chunk is short it is filled up at its front: keys of 0 write
// nothing into a state, and the state at its start is 0.
func retainChunks(q, k, v *torch.Tensor, p *decayPowers, state *RetentionState) *torch.Tensor {
	t, c := q.Size(2), p.chunk
	n := (t + c - 1) / c
	cut := func(x *torch.Tensor) *torch.Tensor { // [B, H, N, C, h]
		if n*c > t {
			x = x.Pad([]int64{0, 0, n*c - t, 0}, 0)
		}
		return x.View(x.Size(0), x.Size(1), n, c, x.Size(3))
	}
	q, k, v = cut(q), cut(k), cut(v)
	o := Float(q.Matmul(k.Transpose(-2, -1)).Mul(p.within).Matmul(v))
	if n > 1 || state != nil {
		torch.NoAutocast(q.Device().Type, func() { // states and what is read from them keep their precision
			writes := Float(k).Mul(p.until).Transpose(-2, -1).Matmul(Float(v))
			before, last := p.scan(writes)
			o = o.Add(Float(q).Mul(p.since).Matmul(before))
			state.begin(last)
		})
	}
	return o.Reshape(o.Size(0), o.Size(1), n*c, o.Size(4)).Narrow(2, n*c-t, t)
}

// decayPowers holds the powers of the heads' decay λ for chunks of C tokens.
// Each is computed from its exponent, so that none exceeds 1 and none is
// divided by.
type decayPowers struct {
	chunk  int64
	within *torch.Tensor // [H, 1, C, C]: λ^(i-j)/sqrt(h) for j <= i, else 0
	since  *torch.Tensor // [H, 1, C, 1]: λ^(i+1), what token i sees of the state before
	until  *torch.Tensor // [H, 1, C, 1]: λ^(C-1-j)/sqrt(h), what is left of token j in the state after
	whole  *torch.Tensor // [H, 1, 1]: λ^C, from state to state
}

// newDecayPowers computes the powers for heads h wide, in float32 at least.
func newDecayPowers(decay *torch.Tensor, c, h int64) *decayPowers {
	rate := Float(decay).Exp().Neg().View(-1, 1, 1, 1) // ln λ
	place := torch.Arange(c, rate.DType(), rate.Device()).View(c, 1)
	power := func(exponents *torch.Tensor) *torch.Tensor { return rate.Mul(exponents).Exp() }
	scale := 1 / math.Sqrt(float64(h))
	apart := place.Sub(place.T()).ClampMin(0) // a later token's power is cut off, but must not overflow before
	return &decayPowers{
		chunk:  c,
		within: power(apart).Tril(0).MulScalar(scale),
		since:  power(place.AddScalar(1)),
		until:  power(place.RsubScalar(float64(c - 1))).MulScalar(scale),
		whole:  rate.MulScalar(float64(c)).Exp().View(-1, 1, 1),
	}
}

// scan turns what each chunk writes, [B, H, N, h, h], into the states before
// each chunk, of the same shape, and the one after the last, [B, H, h, h]. The
// first state is 0. One step a chunk: time and memory stay linear in N, in the
// gradient too (selecting chunk by chunk would make a gradient of N chunks for
// each).
func (p *decayPowers) scan(writes *torch.Tensor) (before, last *torch.Tensor) {
	chunks := writes.Unbind(2)
	state := torch.ZerosLike(chunks[0])
	states := make([]*torch.Tensor, len(chunks))
	for i, write := range chunks {
		states[i] = state
		state = write.Addcmul(state, p.whole, 1)
	}
	return torch.Stack(states, 2), state
}

// RetentionState is what linear attention keeps of a stream's segment while it
// is decoded: Σ_j λ^(t-j) k_j v_jᵀ / sqrt(h) of each head, [1, H, h, h] in
// float32 (float64 for a float64 model), whatever the number of tokens. The
// zero value is a state before its first token.
type RetentionState struct {
	matrix  *torch.Tensor
	started bool
}

// Reset empties the state; its buffer stays.
func (s *RetentionState) Reset() { s.started = false }

// Free frees the buffer.
func (s *RetentionState) Free() {
	if s.matrix != nil {
		s.matrix.Free()
	}
	*s = RetentionState{}
}

// begin stores the state after the first tokens; without a state it does nothing.
func (s *RetentionState) begin(matrix *torch.Tensor) {
	switch {
	case s == nil:
		return
	case s.matrix == nil:
		s.matrix = matrix.Clone().Keep()
	default:
		s.matrix.Copy_(matrix)
	}
	s.started = true
}

// step reads one token into the state, and the token's result from it.
func (s *RetentionState) step(q, k, v *torch.Tensor, p *decayPowers) *torch.Tensor {
	var o *torch.Tensor
	torch.NoAutocast(q.Device().Type, func() {
		key := Float(k).Mul(p.until.Squeeze(1)).Transpose(-2, -1) // [1, H, h, 1], λ^0
		s.matrix.Mul_(p.whole).Addcmul_(key, Float(v), 1)
		o = Float(q).Matmul(s.matrix)
	})
	return o
}
