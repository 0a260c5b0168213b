package torch

// #include "agiformer_torch.h"
import "C"

import (
	"runtime"
	"unsafe"

	"github.com/wangkuiyi/gotorch"
)

// Adopt takes over a tensor that gotorch made: its finalizer, which would free
// it a second time, is cleared, and the tensor belongs to the current scope.
// The gotorch.Tensor must not be used afterwards.
func Adopt(t gotorch.Tensor) *Tensor {
	if t.T == nil || *t.T == nil {
		fail("Adopt", "nil gotorch tensor")
	}
	runtime.SetFinalizer(t.T, nil)
	var out C.agi_tensor
	if e := C.agi_from_gotorch(C.uintptr_t(uintptr(*t.T)), &out); e != nil {
		raise("Adopt", e)
	}
	*t.T = nil
	return wrap("Adopt", out)
}

// Gotorch is a view for gotorch's own functions, its initialisers for instance.
// It shares t's memory, ends when t is freed, and has no finalizer.
func (t *Tensor) Gotorch() gotorch.Tensor {
	h := t.use("Gotorch", "self")
	if t.view == nil {
		var at C.uintptr_t
		if e := C.agi_gotorch_view(h, &at); e != nil {
			raise("Gotorch", e)
		}
		t.view = new(unsafe.Pointer)
		*(*C.uintptr_t)(unsafe.Pointer(t.view)) = at
	}
	return gotorch.Tensor{T: t.view}
}

// freeView ends gotorch's view with its tensor.
func (t *Tensor) freeView() {
	if e := C.agi_free_gotorch_view(C.uintptr_t(uintptr(*t.view))); e != nil {
		raise("Free", e)
	}
	*t.view, t.view = nil, nil
}
