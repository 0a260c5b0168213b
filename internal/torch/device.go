package torch

// #include "agiformer_torch.h"
import "C"

import (
	"fmt"
	"strconv"
	"strings"
)

// DeviceType is the kind of a device; the values are libtorch's.
type DeviceType int8

// The kinds of devices.
const (
	CPUType  DeviceType = 0
	CUDAType DeviceType = 1
)

// String is "cpu" or "cuda".
func (t DeviceType) String() string {
	if t == CUDAType {
		return "cuda"
	}
	return "cpu"
}

// Device is where a tensor lies.
type Device struct {
	Type  DeviceType
	Index int // the GPU's number; 0 for the CPU
}

// CPU is the host.
var CPU = Device{}

// CUDA is the GPU of that number, counted from 0.
func CUDA(index int) Device { return Device{Type: CUDAType, Index: index} }

// String is "cpu" or, for instance, "cuda:1".
func (d Device) String() string {
	if d.Type == CPUType {
		return "cpu"
	}
	return fmt.Sprintf("%s:%d", d.Type, d.Index)
}

// ParseDevice reads "cpu", "cuda" or "cuda:1". It does not ask whether the device exists.
func ParseDevice(name string) (Device, error) {
	kind, number, numbered := strings.Cut(name, ":")
	switch {
	case kind == "cpu" && !numbered:
		return CPU, nil
	case kind == "cuda" && !numbered:
		return CUDA(0), nil
	case kind == "cuda":
		if i, err := strconv.Atoi(number); err == nil && i >= 0 {
			return CUDA(i), nil
		}
	}
	return CPU, fmt.Errorf("device %q is unknown: use cpu, cuda or cuda:N", name)
}

// c gives the device to C; a GPU's libraries are loaded on the way.
func (d Device) c(op string) C.agi_device {
	if d.Type == CUDAType {
		if err := loadCUDA(); err != nil {
			panic(&Error{Op: op, Message: err.Error()})
		}
	}
	return C.agi_device{_type: C.int8_t(d.Type), index: C.int16_t(d.Index)}
}
