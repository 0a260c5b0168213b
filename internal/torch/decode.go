package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_attend_row
#cgo nocallback agi_attend_row
#cgo noescape agi_attend_step
#cgo nocallback agi_attend_step
*/
import "C"

// The operations of this file are for one position of a stream that is decoded, on
// the CPU and without recording (csrc/decode.cpp).

// AttendRow is softmax(q·kᵀ·scale)·v: q [1, H, 1, w] float32, k and v [1, H, S, w]
// float32 or bfloat16, whose sums are float32; the result is [1, H, 1, w] float32.
func AttendRow(q, k, v *Tensor, scale float64) *Tensor {
	const op = "AttendRow"
	var out C.agi_tensor
	if err := C.agi_attend_row(q.use(op, "q"), k.use(op, "k"), v.use(op, "v"), C.double(scale), &out); err != nil {
		raise(op, err, q, k, v)
	}
	return wrap(op, out)
}

// AttendStep is RotaryHeads of projected [1, 1, 3·heads·w] float32, whose key and
// value it writes to place position of keys and values [1, heads, capacity, w],
// float32 or bfloat16, and attention to all places up to there: [1, 1, heads·w]
// float32. It changes projected.
func AttendStep(projected *Tensor, heads int64, cos, sin, queryBias, keyBias, keys, values *Tensor, position int64, scale float64) *Tensor {
	const op = "AttendStep"
	var out C.agi_tensor
	if err := C.agi_attend_step(projected.use(op, "projected"), C.int64_t(heads), cos.use(op, "cos"), sin.use(op, "sin"),
		queryBias.useOptional(op, "queryBias"), keyBias.useOptional(op, "keyBias"),
		keys.use(op, "keys"), values.use(op, "values"), C.int64_t(position), C.double(scale), &out); err != nil {
		raise(op, err, projected, cos, sin, keys, values)
	}
	return wrap(op, out)
}
