package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_attention
#cgo nocallback agi_attention
*/
import "C"

// Attention is softmax(scale·q·kᵀ)·v, q [B, H, T, w] and k, v [B, H, S, w], as [B, H, T, w] in the layout
// [B, T, H, w]. With causal, query i sees keys 0 to i; mask, broadcastable to [B, H, T, S] (true = visible) or nil,
// may be given instead. No scores are kept for the gradient.
//
// On an x86 processor with AVX2 float32 heads of a multiple of 8 take kernels of our own, sixteen where it has AVX-512,
// with no mask or [B, 1, 1, S]; a query that sees nothing gives 0. All else is libtorch's
// scaled_dot_product_attention.
func Attention(q, k, v, mask *Tensor, causal bool, scale float64) *Tensor {
	const op = "Attention"
	var out C.agi_tensor
	if err := C.agi_attention(q.use(op, "q"), k.use(op, "k"), v.use(op, "v"), mask.useOptional(op, "mask"), C.bool(causal), C.double(scale), &out); err != nil {
		raise(op, err, q, k, v, mask)
	}
	return wrap(op, out)
}
