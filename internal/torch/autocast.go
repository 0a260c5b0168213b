package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_autocast_get
#cgo nocallback agi_autocast_get
#cgo noescape agi_autocast_nest
#cgo nocallback agi_autocast_nest
*/
import "C"

// Autocast runs fn with libtorch's mixed precision on one kind of device:
// matrix products in dt (Float16 or BFloat16), sums and losses in float32.
// A weight is cast once; leaving the outermost Autocast forgets the casts.
func Autocast(dev DeviceType, dt DType, fn func()) {
	withAutocast("Autocast", dev, dt, true, fn)
}

// NoAutocast runs fn without mixed precision: a float32 island inside Autocast.
// Inputs that are half precision already must be converted by fn itself.
func NoAutocast(dev DeviceType, fn func()) {
	withAutocast("NoAutocast", dev, 0, false, fn)
}

func withAutocast(op string, dev DeviceType, dt DType, on bool, fn func()) {
	if on && dt != Float16 && dt != BFloat16 {
		fail(op, "autocast to %s is not possible: use float16 or bfloat16", dt)
	}
	before := getAutocast(op, dev)
	state := before
	state.enabled = C.bool(on)
	if on {
		state.dtype = C.int8_t(dt)
	}
	setAutocast(op, dev, state)
	nestAutocast(op, 1)
	defer func() {
		setAutocast(op, dev, before)
		if nestAutocast(op, -1) == 0 {
			clearAutocast(op)
		}
	}()
	fn()
}

func getAutocast(op string, dev DeviceType) C.agi_autocast {
	var state C.agi_autocast
	if e := C.agi_autocast_get(C.int8_t(dev), &state); e != nil {
		raise(op, e)
	}
	return state
}

func setAutocast(op string, dev DeviceType, state C.agi_autocast) {
	if e := C.agi_autocast_set(C.int8_t(dev), state); e != nil {
		raise(op, e)
	}
}

func nestAutocast(op string, step int64) int64 {
	var depth C.int64_t
	if e := C.agi_autocast_nest(C.int64_t(step), &depth); e != nil {
		raise(op, e)
	}
	return int64(depth)
}

func clearAutocast(op string) {
	if e := C.agi_autocast_clear(); e != nil {
		raise(op, e)
	}
}

// AutocastDType is the type in which matrix products run on dev under the
// current autocast; otherwise is what it is where none is on.
func AutocastDType(dev DeviceType, otherwise DType) DType {
	if state := getAutocast("AutocastDType", dev); bool(state.enabled) {
		return DType(state.dtype)
	}
	return otherwise
}
