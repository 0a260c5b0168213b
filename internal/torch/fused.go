package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_project
#cgo nocallback agi_project
#cgo noescape agi_norm_linear
#cgo nocallback agi_norm_linear
#cgo noescape agi_norm_mlp
#cgo nocallback agi_norm_mlp
#cgo noescape agi_mlp
#cgo nocallback agi_mlp
#cgo noescape agi_rotary_heads
#cgo nocallback agi_rotary_heads
*/
import "C"

// The operations of this file equal a composition of others, which their tests
// hold them to. They have gradients of their own (csrc/fused.cpp) that keep the
// results of matrix products and compute norms and activations again, so that a
// recorded forward pass holds about a third less memory.

// Project is Linear without bias, x [..., in] and weight [out, in], by the fastest
// kernel: a single row on the CPU, as in decoding, is multiplied at the speed at
// which the weight is read from memory; other float32 products on the CPU run in
// oneDNN, on Intel's processors in MKL. Results differ from Linear's by rounding. Under autocast an unrecorded
// float32 row on the CPU gives a float32 row, also in the operations below: only
// the weight is cast.
func Project(x, weight *Tensor) *Tensor {
	const op = "Project"
	var out C.agi_tensor
	if err := C.agi_project(x.use(op, "x"), weight.use(op, "weight"), &out); err != nil {
		raise(op, err, x, weight)
	}
	return wrap(op, out)
}

// NormLinear is Linear(LayerNorm(x)): x [..., d], weight [out, d] gives [..., out].
// Under autocast the product runs in autocast's type, the norm in x's.
func NormLinear(x, normWeight, normBias *Tensor, eps float64, weight *Tensor) *Tensor {
	const op = "NormLinear"
	var out C.agi_tensor
	if err := C.agi_norm_linear(x.use(op, "x"), normWeight.use(op, "normWeight"), normBias.use(op, "normBias"),
		C.double(eps), weight.use(op, "weight"), &out); err != nil {
		raise(op, err, x, normWeight, normBias, weight)
	}
	return wrap(op, out)
}

// NormMLP is Linear(GELU(Linear(LayerNorm(x), up)), down) with the exact GELU:
// x [..., d], up [F, d], down [d, F] gives [..., d].
func NormMLP(x, normWeight, normBias *Tensor, eps float64, up, down *Tensor) *Tensor {
	const op = "NormMLP"
	var out C.agi_tensor
	if err := C.agi_norm_mlp(x.use(op, "x"), normWeight.use(op, "normWeight"), normBias.use(op, "normBias"),
		C.double(eps), up.use(op, "up"), down.use(op, "down"), &out); err != nil {
		raise(op, err, x, normWeight, normBias, up, down)
	}
	return wrap(op, out)
}

// MLP is Linear(GELU(Linear(x, up)), down) with the exact GELU: x [..., d], up [F, d],
// down [d, F] gives [..., d].
func MLP(x, up, down *Tensor) *Tensor {
	const op = "MLP"
	var out C.agi_tensor
	if err := C.agi_mlp(x.use(op, "x"), up.use(op, "up"), down.use(op, "down"), &out); err != nil {
		raise(op, err, x, up, down)
	}
	return wrap(op, out)
}

// RotaryHeads cuts projected [B, T, 3·heads·w] into query, key and value, each
// [B, heads, T, w], all views of it. The pairs (j, j+n) of the first 2n dimensions
// of each query and key head are turned by the angles whose cosines and sines are
// given (Su et al. 2021): [T, n] the same for every lane, or [B, T, n], float32
// (float64 for float64 heads). queryBias and keyBias [B, T, heads·(w-2n)], both or
// neither, are added to the remaining dimensions; so is valueBias, nil or not, to
// the same dimensions of the values.
//
// It works in place: projected must be fresh from a linear map and is not to be
// used again.
func RotaryHeads(projected *Tensor, heads int64, cos, sin, queryBias, keyBias, valueBias *Tensor) (query, key, value *Tensor) {
	const op = "RotaryHeads"
	var out [3]C.agi_tensor
	if err := C.agi_rotary_heads(projected.use(op, "projected"), C.int64_t(heads), cos.use(op, "cos"), sin.use(op, "sin"),
		queryBias.useOptional(op, "queryBias"), keyBias.useOptional(op, "keyBias"),
		valueBias.useOptional(op, "valueBias"), &out[0]); err != nil {
		raise(op, err, projected, cos, sin, queryBias, keyBias, valueBias)
	}
	return wrap(op, out[0]), wrap(op, out[1]), wrap(op, out[2])
}
