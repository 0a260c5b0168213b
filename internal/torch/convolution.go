package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_causal_convolution
#cgo nocallback agi_causal_convolution
*/
import "C"

// CausalConvolution is a depthwise convolution over time whose own factor is 1: y_t = x_t + Σ_i factors_{i-1} ⊙ x_{t-i}
// for i from 1 to K-1, with nothing before the first token, for x [B, T, d] and factors [K-1, d] of one type. For the
// gradient it keeps x.
func CausalConvolution(x, factors *Tensor) *Tensor {
	const op = "CausalConvolution"
	var out C.agi_tensor
	if err := C.agi_causal_convolution(x.use(op, "x"), factors.use(op, "factors"), &out); err != nil {
		raise(op, err, x, factors)
	}
	return wrap(op, out)
}
