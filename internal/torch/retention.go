package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_retention
#cgo nocallback agi_retention
#cgo noescape agi_head_norm_linear
#cgo nocallback agi_head_norm_linear
*/
import "C"

// Retention is causal linear attention with a decay for each head (Sun et al.
// 2023): o_t = Σ_{j<=t} λ^(t-j) (q_t·k_j) v_j / sqrt(h), λ = exp(-exp(decay)), for
// q, k, v [B, H, T, h], T at least 1, and decay [H]. Pairs of tokens are scored
// within chunks of at most chunk tokens, between chunks goes a state, so time and
// memory are linear in T. The scores' products run in q's type, all else in
// float32 (float64 for float64 heads), whatever autocast is on.
//
// It returns o [B, H, T, h] and, with withState, the state after the last token,
// Σ_j λ^(T-1-j) k_j v_jᵀ / sqrt(h), [B, H, h, h], without gradient (otherwise nil).
// For the gradient of q, k, v and decay it keeps q, k, v only.
func Retention(q, k, v, decay *Tensor, chunk int64, withState bool) (o, state *Tensor) {
	const op = "Retention"
	var out [2]C.agi_tensor
	if err := C.agi_retention(q.use(op, "q"), k.use(op, "k"), v.use(op, "v"), decay.use(op, "decay"),
		C.int64_t(chunk), C.bool(withState), &out[0]); err != nil {
		raise(op, err, q, k, v, decay)
	}
	o = wrap(op, out[0])
	if withState {
		state = wrap(op, out[1])
	}
	return o, state
}

// HeadNormLinear is Linear(n·normWeight) for x [..., d] of heads heads, n each head
// of x divided by its root mean square sqrt(mean(x²) + eps) (RMSNorm, Zhang and
// Sennrich 2019): normWeight [d], weight [out, d] gives [..., out]. Under autocast
// the product runs in autocast's type, the norm in x's. The gradient computes the
// norm again instead of keeping it.
func HeadNormLinear(x *Tensor, heads int64, normWeight *Tensor, eps float64, weight *Tensor) *Tensor {
	const op = "HeadNormLinear"
	var out C.agi_tensor
	if err := C.agi_head_norm_linear(x.use(op, "x"), C.int64_t(heads), normWeight.use(op, "normWeight"),
		C.double(eps), weight.use(op, "weight"), &out); err != nil {
		raise(op, err, x, normWeight, weight)
	}
	return wrap(op, out)
}
