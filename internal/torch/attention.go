package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_attention
#cgo nocallback agi_attention
#cgo noescape agi_attention_of_runs
#cgo nocallback agi_attention_of_runs
#cgo noescape agi_attention_kernel
#cgo nocallback agi_attention_kernel
*/
import "C"

import "unsafe"

// Attention is softmax(scale·q·kᵀ)·v, q [B, H, T, w] and k, v [B, H, S, w], as [B, H, T, w]. With causal, query i sees
// keys 0 to i; of these only what mask shows, broadcastable to [B, H, T, S] (true = visible) or nil. A fused kernel
// keeps no scores for the gradient, which cannot be differentiated again.
//
// On x86 processors with AVX2 kernels of our own compute float32 heads whose width is a multiple of 8, from six queries
// on, outside autocast, with no mask or one [B, 1, 1, S]; a query that sees nothing reads 0. All else is libtorch's
// scaled_dot_product_attention. AttentionKernelOf tells which it is.
func Attention(q, k, v, mask *Tensor, causal bool, scale float64) *Tensor {
	const op = "Attention"
	var out C.agi_tensor
	if err := C.agi_attention(q.use(op, "q"), k.use(op, "k"), v.use(op, "v"), mask.useOptional(op, "mask"), C.bool(causal), C.double(scale), &out); err != nil {
		raise(op, err, q, k, v, mask)
	}
	return wrap(op, out)
}

// Run is one of the sequences that share the rows of a batch [B, H, T, w]: Length rows from Start on, counted over all
// B·T. It lies within a lane; several are disjoint and in order.
type Run struct{ Start, Length int64 }

// AttentionOfRuns is causal Attention of each run of q, k, v [B, H, T, w] to itself, [B, H, T, w]; rows of no run read 0.
// It is for what AttentionKernelOf calls OwnAttention, and fails elsewhere, for no run and for one that is not as said.
func AttentionOfRuns(q, k, v *Tensor, runs []Run, scale float64) *Tensor {
	const op = "AttentionOfRuns"
	var out C.agi_tensor
	if err := C.agi_attention_of_runs(q.use(op, "q"), k.use(op, "k"), v.use(op, "v"), (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(runs))),
		C.int64_t(len(runs)), C.double(scale), &out); err != nil {
		raise(op, err, q, k, v)
	}
	return wrap(op, out)
}

// AttentionKernel is what computes Attention.
type AttentionKernel int64

const (
	// PlainAttention makes the whole matrix of scores.
	PlainAttention AttentionKernel = iota
	// LibtorchAttention is a fused kernel of libtorch.
	LibtorchAttention
	// OwnAttention is one of ours.
	OwnAttention
)

// AttentionKernelOf tells what computes Attention of these.
func AttentionKernelOf(q, k, v, mask *Tensor, causal bool) AttentionKernel {
	const op = "AttentionKernelOf"
	var kernel C.int64_t
	if err := C.agi_attention_kernel(q.use(op, "q"), k.use(op, "k"), v.use(op, "v"), mask.useOptional(op, "mask"), C.bool(causal), &kernel); err != nil {
		raise(op, err, q, k, v, mask)
	}
	return AttentionKernel(kernel)
}
