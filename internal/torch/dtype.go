package torch

import (
	"fmt"
	"strings"
)

// DType is an element type; the values are libtorch's ScalarType.
type DType int8

// The element types in use.
const (
	Uint8    DType = 0
	Int32    DType = 3
	Int64    DType = 4
	Float16  DType = 5
	Float32  DType = 6
	Float64  DType = 7
	Bool     DType = 11
	BFloat16 DType = 15
)

type dtypeInfo struct {
	name string
	size int64
}

var dtypes = map[DType]dtypeInfo{
	Uint8: {"uint8", 1}, Int32: {"int32", 4}, Int64: {"int64", 8},
	Float16: {"float16", 2}, Float32: {"float32", 4}, Float64: {"float64", 8},
	Bool: {"bool", 1}, BFloat16: {"bfloat16", 2},
}

// String is the type's name as PyTorch writes it, for instance "float32".
func (d DType) String() string {
	if info, ok := dtypes[d]; ok {
		return info.name
	}
	return fmt.Sprintf("dtype(%d)", int8(d))
}

// Size is the bytes that one element takes.
func (d DType) Size() int64 { return dtypes[d].size }

// IsFloat tells whether the type has a fraction, and so can have a gradient.
func (d DType) IsFloat() bool {
	return d == Float16 || d == Float32 || d == Float64 || d == BFloat16
}

// ParseDType reads a type's name; the error names the types that exist.
func ParseDType(name string) (DType, error) {
	for d, info := range dtypes {
		if info.name == name {
			return d, nil
		}
	}
	names := []string{"float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"}
	return 0, fmt.Errorf("data type %q is unknown: use one of %s", name, strings.Join(names, ", "))
}
