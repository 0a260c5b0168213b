package torch

/*
#include <stdlib.h>
#include "agiformer_torch.h"
#cgo noescape agi_info
#cgo nocallback agi_info
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Tensor is one handle on a tensor of libtorch. It belongs to the scope it was
// made in, or after Keep to whoever kept it; see the package page.
// A nil *Tensor stands for "absent" where an operation's argument is optional.
type Tensor struct {
	handle C.agi_tensor
	scope  *Scope // who frees it; nil once kept or freed
	op     string // the operation that made it
	end    string // how it was freed, for the message about a later use

	known  bool // whether the three below are filled in
	dtype  DType
	device Device
	shape  []int64

	view  *unsafe.Pointer  // gotorch's view, made on demand; an object of its own as cgo's rules ask
	alarm *runtime.Cleanup // tells of a kept tensor that nobody freed
}

var live, leaked atomic.Int64

// Live is the number of tensors made and not yet freed.
func Live() int64 { return live.Load() }

// Leaked is the number of kept tensors that Go's collector found unreachable
// though nobody had freed them: their memory is lost. It is 0 in a sound program.
func Leaked() int64 { return leaked.Load() }

// wrap gives a new handle to the innermost scope.
func wrap(op string, handle C.agi_tensor) *Tensor {
	if handle == 0 {
		return nil
	}
	t := &Tensor{handle: handle, op: op}
	current.own(t)
	live.Add(1)
	return t
}

// wrapList takes over an array of handles made by malloc.
func wrapList(op string, handles *C.agi_tensor, n C.int64_t) []*Tensor {
	ts := make([]*Tensor, n)
	for i, h := range unsafe.Slice(handles, int(n)) {
		ts[i] = wrap(op, h)
	}
	C.free(unsafe.Pointer(handles))
	return ts
}

// use gives the handle for a call of C; op and arg are for the message.
func (t *Tensor) use(op, arg string) C.agi_tensor {
	if t == nil || t.handle == 0 {
		t.misused(op, arg)
	}
	return t.handle
}

// useOptional is use for an argument that may be absent.
func (t *Tensor) useOptional(op, arg string) C.agi_tensor {
	if t == nil {
		return 0
	}
	return t.use(op, arg)
}

func (t *Tensor) misused(op, arg string) {
	if t == nil {
		fail(op, "nil tensor as argument %s", arg)
	}
	fail(op, "argument %s is a tensor made by %s that %s", arg, t.op, t.end)
}

// Keep takes the tensor out of all scopes: it lives until its owner calls Free.
// For parameters, optimizer moments and stream states. Returns t.
func (t *Tensor) Keep() *Tensor {
	t.use("Keep", "self")
	if t.scope == nil {
		return t
	}
	t.scope = nil
	alarm := runtime.AddCleanup(t, func(string) { leaked.Add(1) }, t.op)
	t.alarm = &alarm
	return t
}

// Free gives the memory back now, whether the tensor was kept or belongs to a
// scope. A second Free, like any later use, is an error.
func (t *Tensor) Free() {
	h := t.use("Free", "self")
	if e := C.agi_free(&h, 1); e != nil {
		raise("Free", e)
	}
	t.freed("was freed by Free")
	live.Add(-1)
}

// FreeAll frees every tensor of a list and skips absent ones.
func FreeAll(tensors []*Tensor) {
	for _, t := range tensors {
		if t != nil {
			t.Free()
		}
	}
}

// freed marks the tensor; the handle is gone already.
func (t *Tensor) freed(how string) {
	t.handle, t.scope, t.end = 0, nil, how
	if t.alarm != nil {
		t.alarm.Stop()
		t.alarm = nil
	}
	if t.view != nil {
		t.freeView()
	}
}

// Alive tells whether the tensor is neither nil nor freed.
func (t *Tensor) Alive() bool { return t != nil && t.handle != 0 }

// Op names the operation that made the tensor.
func (t *Tensor) Op() string { return t.op }

// ask fills in what does not change: type, device, shape.
func (t *Tensor) ask(op string) *Tensor {
	h := t.use(op, "self")
	if t.known {
		return t
	}
	var meta C.agi_meta
	if e := C.agi_info(h, &meta); e != nil {
		raise(op, e)
	}
	t.learn(&meta)
	return t
}

func (t *Tensor) learn(meta *C.agi_meta) {
	t.dtype = DType(meta.dtype)
	t.device = Device{Type: DeviceType(meta.device_type), Index: int(meta.device_index)}
	t.shape = make([]int64, meta.dim)
	for i := range t.shape {
		t.shape[i] = int64(meta.sizes[i])
	}
	t.known = true
}

// Shape is the tensor's sizes; the caller must not change the slice.
func (t *Tensor) Shape() []int64 { return t.ask("Shape").shape }

// Size is one of the sizes; a negative dim counts from the end.
func (t *Tensor) Size(dim int) int64 {
	shape := t.ask("Size").shape
	if dim < -len(shape) || dim >= len(shape) {
		fail("Size", "dimension %d of a tensor of shape %v", dim, shape)
	}
	if dim < 0 {
		dim += len(shape)
	}
	return shape[dim]
}

// Dim is the number of dimensions.
func (t *Tensor) Dim() int { return len(t.ask("Dim").shape) }

// Numel is the number of elements.
func (t *Tensor) Numel() int64 {
	n := int64(1)
	for _, s := range t.ask("Numel").shape {
		n *= s
	}
	return n
}

// DType is the element type.
func (t *Tensor) DType() DType { return t.ask("DType").dtype }

// Device is where the tensor lies.
func (t *Tensor) Device() Device { return t.ask("Device").device }

// RequiresGrad tells whether operations on the tensor are recorded.
func (t *Tensor) RequiresGrad() bool { return bool(t.meta("RequiresGrad").requires_grad) }

// IsLeaf tells whether the tensor was made by the user, not by a recorded operation.
func (t *Tensor) IsLeaf() bool { return bool(t.meta("IsLeaf").is_leaf) }

// IsContiguous tells whether the elements lie in memory in row-major order without gaps.
func (t *Tensor) IsContiguous() bool { return bool(t.meta("IsContiguous").contiguous) }

// meta asks for everything anew: a few figures change during a tensor's life.
func (t *Tensor) meta(op string) C.agi_meta {
	var meta C.agi_meta
	if e := C.agi_info(t.use(op, "self"), &meta); e != nil {
		raise(op, e, t)
	}
	return meta
}

// String describes the tensor without its values: "float32[2 3] cpu".
func (t *Tensor) String() string {
	switch {
	case t == nil:
		return "nil tensor"
	case t.handle == 0:
		return fmt.Sprintf("tensor made by %s that %s", t.op, t.end)
	case t.knownShape() == nil:
		return "tensor made by " + t.op
	}
	return fmt.Sprintf("%s%v %s", t.dtype, t.shape, t.device)
}
