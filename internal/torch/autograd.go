package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_get_grad
#cgo nocallback agi_get_grad
#cgo noescape agi_grad_mode
#cgo nocallback agi_grad_mode
#cgo noescape agi_backward
#cgo nocallback agi_backward
#cgo noescape agi_grad
#cgo nocallback agi_grad
#cgo noescape agi_clear_grads
#cgo nocallback agi_clear_grads
*/
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// backwardRan is set by the first backward: libtorch's engine then knows its
// devices, and a GPU's libraries can no longer join.
var backwardRan atomic.Bool

// Backward adds the gradient of a scalar to the Grad of every leaf under it.
func (t *Tensor) Backward() { backward("Backward", []*Tensor{t}, nil, false) }

// Backward adds the gradient of sum(outputs[i]·gradients[i]) to the Grad of
// every leaf under it. A nil gradient, or a nil list, means ones.
func Backward(outputs, gradients []*Tensor) { backward("Backward", outputs, gradients, false) }

// BackwardKeep is Backward that leaves the recorded graph for another one.
func BackwardKeep(outputs, gradients []*Tensor) { backward("BackwardKeep", outputs, gradients, true) }

func backward(op string, outputs, gradients []*Tensor, keepGraph bool) {
	outs, grads := pairHandles(op, outputs, gradients, 0)
	backwardRan.Store(true)
	e := C.agi_backward((*C.agi_tensor)(unsafe.SliceData(outs)), (*C.agi_tensor)(unsafe.SliceData(grads)),
		C.int64_t(len(outs)), C.bool(keepGraph))
	if e != nil {
		raiseLists(op, e, nil, outputs)
	}
}

// pairHandles gives the handles of outputs and their gradients; 0 is ones.
func pairHandles(op string, outputs, gradients []*Tensor, more int) (outs, grads []C.agi_tensor) {
	if gradients == nil {
		gradients = make([]*Tensor, len(outputs))
	}
	if len(gradients) != len(outputs) {
		fail(op, "%d gradients for %d outputs", len(gradients), len(outputs))
	}
	scratch := takeScratch(2*len(outputs) + more)
	return scratch.handles(outputs, op, "outputs"), scratch.handlesOptional(gradients, op, "gradients")
}

// Grad gives the gradients of sum(outputs[i]·gradOutputs[i]) by inputs, nil for
// an input that the outputs do not depend on. It adds to no leaf's Grad.
func Grad(outputs, inputs, gradOutputs []*Tensor) []*Tensor {
	outs, grads := pairHandles("Grad", outputs, gradOutputs, len(inputs))
	ins := scratchSpace.handles(inputs, "Grad", "inputs")
	results := make([]C.agi_tensor, len(inputs))
	backwardRan.Store(true)
	e := C.agi_grad((*C.agi_tensor)(unsafe.SliceData(outs)), (*C.agi_tensor)(unsafe.SliceData(grads)), C.int64_t(len(outs)),
		(*C.agi_tensor)(unsafe.SliceData(ins)), C.int64_t(len(ins)), false, false, (*C.agi_tensor)(unsafe.SliceData(results)))
	if e != nil {
		raiseLists("Grad", e, nil, outputs, inputs)
	}
	gradients := make([]*Tensor, len(inputs))
	for i, h := range results {
		gradients[i] = wrap("Grad", h)
	}
	return gradients
}

// NoGrad runs fn without recording.
func NoGrad(fn func()) { withGradMode("NoGrad", false, fn) }

// WithGrad runs fn with recording, also inside NoGrad.
func WithGrad(fn func()) { withGradMode("WithGrad", true, fn) }

// withGradMode forgets the casts of weights that autocast made without recording
// before a recorded operation could meet them: they lack the weights' history.
func withGradMode(op string, on bool, fn func()) {
	previous := setGradMode(op, on)
	if on && !previous {
		clearAutocast(op)
	}
	defer func() {
		if setGradMode(op, previous); previous && !on {
			clearAutocast(op)
		}
	}()
	fn()
}

func setGradMode(op string, on bool) bool {
	var previous C.bool
	if e := C.agi_grad_mode(C.bool(on), &previous); e != nil {
		raise(op, e)
	}
	return bool(previous)
}

// GradEnabled tells whether operations are recorded now.
func GradEnabled() bool {
	var on C.bool
	if e := C.agi_grad_enabled(&on); e != nil {
		raise("GradEnabled", e)
	}
	return bool(on)
}

// SetRequiresGrad marks a leaf as one whose gradient is wanted. Returns t.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	if e := C.agi_set_requires_grad(t.use("SetRequiresGrad", "self"), C.bool(on)); e != nil {
		raise("SetRequiresGrad", e, t)
	}
	return t
}

// Grad is a handle, in the current scope, on the gradient gathered so far; nil
// where there is none. It is the gradient itself: in-place changes count.
func (t *Tensor) Grad() *Tensor {
	var out C.agi_tensor
	if e := C.agi_get_grad(t.use("Grad", "self"), &out); e != nil {
		raise("Grad", e, t)
	}
	return wrap("Grad", out)
}

// SetGrad replaces the gradient; nil removes it and frees its memory.
func (t *Tensor) SetGrad(g *Tensor) {
	if e := C.agi_set_grad(t.use("SetGrad", "self"), g.useOptional("SetGrad", "g")); e != nil {
		raise("SetGrad", e, t, g)
	}
}

// ClearGrads removes the gradients of all params.
func ClearGrads(params []*Tensor) {
	handles := takeScratch(len(params)).handles(params, "ClearGrads", "params")
	if e := C.agi_clear_grads((*C.agi_tensor)(unsafe.SliceData(handles)), C.int64_t(len(handles))); e != nil {
		raiseLists("ClearGrads", e, nil, params)
	}
}

// Grads is the gradients that params have, absent ones left out, in order.
func Grads(params []*Tensor) []*Tensor {
	grads := make([]*Tensor, 0, len(params))
	for _, p := range params {
		if g := p.Grad(); g != nil {
			grads = append(grads, g)
		}
	}
	return grads
}
