package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_attend_row
#cgo nocallback agi_attend_row
#cgo noescape agi_attend_step
#cgo nocallback agi_attend_step
#cgo noescape agi_query_step
#cgo nocallback agi_query_step
#cgo noescape agi_spatial_step
#cgo nocallback agi_spatial_step
#cgo noescape agi_retain_step
#cgo nocallback agi_retain_step
*/
import "C"

// The operations of this file are for one position of a stream that is decoded, on
// the CPU and without recording (csrc/decode.cpp and beside it). Each does what lies
// between two products of a layer, for which the plain operations would take ten to
// sixty calls.

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
// float32 or bfloat16, and attention to the first seen places, at most position+1 of
// them: [1, 1, heads·w] float32. It changes projected.
func AttendStep(projected, cos, sin, queryBias, keyBias, keys, values *Tensor, position, seen int64, scale float64) *Tensor {
	const op = "AttendStep"
	var out C.agi_tensor
	if err := C.agi_attend_step(projected.use(op, "projected"), cos.use(op, "cos"), sin.use(op, "sin"),
		queryBias.useOptional(op, "queryBias"), keyBias.useOptional(op, "keyBias"), keys.use(op, "keys"),
		values.use(op, "values"), C.int64_t(position), C.int64_t(seen), C.double(scale), &out); err != nil {
		raise(op, err, projected, cos, sin, keys, values)
	}
	return wrap(op, out)
}

// QueryStep is AttendStep for a query [1, 1, heads·w] alone: it writes nothing to
// keys and values. It changes query.
func QueryStep(query, cos, sin, keys, values *Tensor, seen int64, scale float64) *Tensor {
	const op = "QueryStep"
	var out C.agi_tensor
	if err := C.agi_query_step(query.use(op, "query"), cos.use(op, "cos"), sin.use(op, "sin"),
		keys.use(op, "keys"), values.use(op, "values"), C.int64_t(seen), C.double(scale), &out); err != nil {
		raise(op, err, query, cos, sin, keys, values)
	}
	return wrap(op, out)
}

// SpatialStep is AttendStep of the expert spatial (docs/model.md): points [1, 1,
// 3·heads] is the result of its map, distance and direction [heads] are its
// parameters, and the last 8 dimensions of projected's heads, which it overwrites,
// hold the places. The result's hold how what was attended to lies to the token.
func SpatialStep(projected, points, cos, sin, distance, direction, keys, values *Tensor, position int64, scale float64) *Tensor {
	const op = "SpatialStep"
	var out C.agi_tensor
	if err := C.agi_spatial_step(projected.use(op, "projected"), points.use(op, "points"), cos.use(op, "cos"),
		sin.use(op, "sin"), distance.use(op, "distance"), direction.use(op, "direction"), keys.use(op, "keys"),
		values.use(op, "values"), C.int64_t(position), C.double(scale), &out); err != nil {
		raise(op, err, projected, points, cos, sin, distance, direction, keys, values)
	}
	return wrap(op, out)
}

// RetainStep is linear attention of one token: of projected [1, 1, 3·heads·h] float32
// it turns queries and keys by one row of angles, reads key and value into the
// float32 state [1, heads, h, h], S = λ S + k vᵀ / sqrt(h) with λ = exp(-exp(decay)),
// and returns q S, [1, 1, heads·h]. It changes projected.
func RetainStep(projected, cos, sin, decay, state *Tensor) *Tensor {
	const op = "RetainStep"
	var out C.agi_tensor
	if err := C.agi_retain_step(projected.use(op, "projected"), cos.use(op, "cos"), sin.use(op, "sin"),
		decay.use(op, "decay"), state.use(op, "state"), &out); err != nil {
		raise(op, err, projected, cos, sin, decay, state)
	}
	return wrap(op, out)
}
