package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_from_data
#cgo nocallback agi_from_data
#cgo noescape agi_to_data
#cgo nocallback agi_to_data
#cgo noescape agi_empty
#cgo nocallback agi_empty
#cgo noescape agi_full
#cgo nocallback agi_full
#cgo noescape agi_to
#cgo nocallback agi_to
#cgo noescape agi_item
#cgo nocallback agi_item
#cgo noescape agi_item_int
#cgo nocallback agi_item_int
*/
import "C"

import "unsafe"

// Element lists the Go types that a tensor's values can be read as and made from.
type Element interface {
	float32 | float64 | int64 | int32 | uint8 | bool
}

// dtypeOf is the tensor type of a Go type.
func dtypeOf[T Element]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int64:
		return Int64
	case int32:
		return Int32
	case uint8:
		return Uint8
	}
	return Bool
}

// FromSlice makes a tensor on the CPU with a copy of data, row-major. Without
// sizes it has one dimension. The length must be the product of the sizes.
func FromSlice[T Element](data []T, shape ...int64) *Tensor {
	if len(shape) == 0 {
		shape = []int64{int64(len(data))}
	}
	return fromMemory("FromSlice", unsafe.Pointer(unsafe.SliceData(data)), int64(len(data)), dtypeOf[T](), shape)
}

// Scalar makes a tensor without dimensions.
func Scalar[T Element](value T) *Tensor {
	return fromMemory("Scalar", unsafe.Pointer(&value), 1, dtypeOf[T](), nil)
}

// FromBytes makes a tensor on the CPU from raw little-endian contents.
func FromBytes(b []byte, dt DType, shape ...int64) *Tensor {
	if dt.Size() == 0 || int64(len(b))%dt.Size() != 0 {
		fail("FromBytes", "%d bytes are no whole number of %s", len(b), dt)
	}
	return fromMemory("FromBytes", unsafe.Pointer(unsafe.SliceData(b)), int64(len(b))/dt.Size(), dt, shape)
}

func fromMemory(op string, data unsafe.Pointer, n int64, dt DType, shape []int64) *Tensor {
	count := int64(1)
	for _, s := range shape {
		count *= s
	}
	if count != n {
		fail(op, "%d values for the shape %v, which has %d", n, shape, count)
	}
	var out C.agi_tensor
	if e := C.agi_from_data((*C.char)(data), C.int8_t(dt), (*C.int64_t)(unsafe.SliceData(shape)), C.int64_t(len(shape)), &out); e != nil {
		raise(op, e)
	}
	return wrap(op, out)
}

// Data copies the values out, row-major, from any device. T must be the
// tensor's type; convert before with ToDType otherwise.
func Data[T Element](t *Tensor) []T {
	if want := dtypeOf[T](); t.ask("Data").dtype != want {
		fail("Data", "the tensor is %s, not %s: convert it with ToDType", t.dtype, want)
	}
	data := make([]T, t.Numel())
	t.copyOut("Data", unsafe.Pointer(unsafe.SliceData(data)), t.Numel()*t.dtype.Size())
	return data
}

// Bytes copies the raw little-endian contents out, row-major, from any device.
func (t *Tensor) Bytes() []byte {
	b := make([]byte, t.Numel()*t.DType().Size())
	t.copyOut("Bytes", unsafe.Pointer(unsafe.SliceData(b)), int64(len(b)))
	return b
}

func (t *Tensor) copyOut(op string, to unsafe.Pointer, bytes int64) {
	if e := C.agi_to_data(t.use(op, "self"), (*C.char)(to), C.int64_t(bytes)); e != nil {
		raise(op, e, t)
	}
}

// Item is the value of a tensor of one element; on a GPU it waits for the device.
func (t *Tensor) Item() float64 {
	var v C.double
	if e := C.agi_item(t.use("Item", "self"), &v); e != nil {
		raise("Item", e, t)
	}
	return float64(v)
}

// ItemInt is Item for integers.
func (t *Tensor) ItemInt() int64 {
	var v C.int64_t
	if e := C.agi_item_int(t.use("ItemInt", "self"), &v); e != nil {
		raise("ItemInt", e, t)
	}
	return int64(v)
}

// Equal tells whether type-compatible tensors have the same shape and values.
func Equal(a, b *Tensor) bool {
	var same C.bool
	if e := C.agi_equal(a.use("Equal", "a"), b.use("Equal", "b"), &same); e != nil {
		raise("Equal", e, a, b)
	}
	return bool(same)
}

// Empty makes a tensor whose contents are not set.
func Empty(dt DType, dev Device, shape ...int64) *Tensor {
	var out C.agi_tensor
	if e := C.agi_empty((*C.int64_t)(unsafe.SliceData(shape)), C.int64_t(len(shape)), C.int8_t(dt), dev.c("Empty"), &out); e != nil {
		raise("Empty", e)
	}
	return wrap("Empty", out)
}

// Full makes a tensor that holds value everywhere.
func Full(value float64, dt DType, dev Device, shape ...int64) *Tensor {
	var out C.agi_tensor
	if e := C.agi_full((*C.int64_t)(unsafe.SliceData(shape)), C.int64_t(len(shape)), C.double(value), C.int8_t(dt), dev.c("Full"), &out); e != nil {
		raise("Full", e)
	}
	return wrap("Full", out)
}

// Zeros makes a tensor of zeros.
func Zeros(dt DType, dev Device, shape ...int64) *Tensor { return Full(0, dt, dev, shape...) }

// Ones makes a tensor of ones.
func Ones(dt DType, dev Device, shape ...int64) *Tensor { return Full(1, dt, dev, shape...) }

// Arange makes the tensor 0, 1, ..., n-1.
func Arange(n int64, dt DType, dev Device) *Tensor {
	var out C.agi_tensor
	if e := C.agi_arange(C.int64_t(n), C.int8_t(dt), dev.c("Arange"), &out); e != nil {
		raise("Arange", e)
	}
	return wrap("Arange", out)
}

// ZerosLike makes zeros of t's shape, type and device.
func ZerosLike(t *Tensor) *Tensor {
	var out C.agi_tensor
	if e := C.agi_zeros_like(t.use("ZerosLike", "t"), &out); e != nil {
		raise("ZerosLike", e, t)
	}
	return wrap("ZerosLike", out)
}

// EmptyLike makes a tensor of t's shape, type and device whose contents are not set.
func EmptyLike(t *Tensor) *Tensor {
	var out C.agi_tensor
	if e := C.agi_empty_like(t.use("EmptyLike", "t"), &out); e != nil {
		raise("EmptyLike", e, t)
	}
	return wrap("EmptyLike", out)
}

// keepDevice tells C to leave a tensor where it is.
var keepDevice = C.agi_device{_type: -1}

// ToDevice gives the tensor on a device; where it lies there already, another
// handle on the same memory.
func (t *Tensor) ToDevice(d Device) *Tensor { return t.to("ToDevice", -1, d.c("ToDevice")) }

// ToDType gives the tensor in a type; where it has that type already, another
// handle on the same memory.
func (t *Tensor) ToDType(d DType) *Tensor { return t.to("ToDType", d, keepDevice) }

// Float is ToDType(Float32).
func (t *Tensor) Float() *Tensor { return t.ToDType(Float32) }

func (t *Tensor) to(op string, dt DType, dev C.agi_device) *Tensor {
	var out C.agi_tensor
	if e := C.agi_to(t.use(op, "self"), C.int8_t(dt), dev, false, &out); e != nil {
		raise(op, e, t)
	}
	return wrap(op, out)
}

// CopyFrom overwrites t's values with src's, across types and devices, unrecorded
// by autograd: for loading parameters. src's shape must be t's or broadcast to it.
func (t *Tensor) CopyFrom(src *Tensor) {
	NoGrad(func() { t.Copy_(src) })
}

// Share makes another handle on the same tensor, in the current scope.
func (t *Tensor) Share() *Tensor {
	var out C.agi_tensor
	if e := C.agi_share(t.use("Share", "self"), &out); e != nil {
		raise("Share", e, t)
	}
	return wrap("Share", out)
}
