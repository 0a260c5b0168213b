package nn

import (
	"math"

	"agiformer/internal/torch"
)

// RetentionChunk is the number of tokens within which linear attention scores
// pairs; what came before a chunk is read from a state.
const RetentionChunk = 64

// Retain is causal linear attention with a decay for each head (retention, Sun
// et al. 2023): o_t = Σ_{j<=t} λ^(t-j) (q_t·k_j) v_j / sqrt(h), λ =
// exp(-exp(decay)), for q, k, v [B, H, T, h] and decay [H]. The result [B, H,
// T, h] is float32 (float64 for float64 inputs). Time and memory are linear in T.
//
// With a state, B = 1 and no gradients: the sequence continues the state's,
// from its start by any number of tokens, later by one at a time (T = 1).
func Retain(q, k, v, decay *torch.Tensor, state *RetentionState) *torch.Tensor {
	if state != nil && state.started {
		return state.step(q, k, v, decay)
	}
	o, last := torch.Retention(q, k, v, decay, RetentionChunk, state != nil)
	if state != nil {
		state.begin(last)
	}
	return o
}

// RotaryRetain is Retain of the packed projections [B, T, 3·H·h] of queries, keys
// and values, whose queries and keys turn by the angles of cos and sin [T, h/2] or
// [B, T, h/2]; rows tells the documents of packed rows apart (see Confine). It
// returns [B, T, H·h] and works in place: packed must be fresh from a linear map.
func RotaryRetain(packed *torch.Tensor, cos, sin, decay *torch.Tensor, rows *Cache, state *RetentionState) *torch.Tensor {
	if state.steps(packed) {
		return torch.RetainStep(packed, cos, sin, decay, state.matrix)
	}
	q, k, v := torch.RotaryHeads(packed, decay.Size(0), cos, sin, nil, nil, nil)
	return MergeHeads(rows.Each(q, k, v, func(q, k, v *torch.Tensor) *torch.Tensor {
		return Retain(q, k, v, decay, state)
	}))
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

// begin keeps the state after the first tokens.
func (s *RetentionState) begin(matrix *torch.Tensor) {
	if s.matrix == nil {
		s.matrix = matrix.Keep()
	} else {
		s.matrix.Copy_(matrix)
	}
	s.started = true
}

// steps says whether the operation of decoding takes packed: one token after others,
// in float32 on the CPU.
func (s *RetentionState) steps(packed *torch.Tensor) bool {
	return s != nil && s.started && oneRow(packed) && s.matrix.DType() == torch.Float32
}

// step reads one token into the state, S = λ S + k vᵀ / sqrt(h), and its
// result from it, q S.
func (s *RetentionState) step(q, k, v, decay *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		var o *torch.Tensor
		torch.NoAutocast(q.Device().Type, func() {
			left := Float(decay).Exp().Neg().Exp().View(-1, 1, 1)
			s.matrix.Mul_(left).Addcmul_(Float(k).Transpose(-2, -1), Float(v), 1/math.Sqrt(float64(k.Size(-1))))
			o = Float(q).Matmul(s.matrix)
		})
		return o
	})
}
