package torch

/*
#include <stdlib.h>
#include "agiformer_torch.h"
*/
import "C"

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unsafe"
)

// Error is what went wrong in an operation: libtorch's own message or ours
// about a misused tensor. Inside a job it travels as a panic, which Do returns.
type Error struct {
	Op          string    // the Go name of the operation
	Shapes      [][]int64 // shapes of its tensors, nil for an absent one
	Message     string
	OutOfMemory bool // the host's or the device's memory did not suffice
}

// Error is one sentence: operation, shapes and reason, no C++ stack.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	for i, s := range e.Shapes {
		if i == 0 {
			b.WriteString(" of ")
		} else {
			b.WriteString(", ")
		}
		if s == nil {
			b.WriteString("nil")
			continue
		}
		fmt.Fprint(&b, s)
	}
	b.WriteString(": ")
	b.WriteString(e.Message)
	return b.String()
}

// wantedBytes finds what libtorch's allocator on the CPU could not give; CUDA's
// says in plain words how much was asked for and how much is there.
var wantedBytes = regexp.MustCompile(`you tried to allocate (\d+) bytes`)

// memorySentence is an out-of-memory message without the allocator's code.
func memorySentence(message string) string {
	if found := wantedBytes.FindStringSubmatch(message); found != nil {
		if n, err := strconv.ParseFloat(found[1], 64); err == nil {
			return fmt.Sprintf("out of memory: %.1f GB more were asked for", n/1e9)
		}
	}
	return "out of memory: " + message
}

// failure carries an error that is not ours through a job.
type failure struct{ err error }

// Fail ends the running job; its Do returns err.
func Fail(err error) { panic(failure{err}) }

// fail ends the running job with an Error about an operation.
func fail(op, format string, args ...any) {
	panic(&Error{Op: op, Message: fmt.Sprintf(format, args...)})
}

// raise turns an error of C into a panic of *Error; tensors are the operation's.
func raise(op string, e *C.agi_error, tensors ...*Tensor) {
	err := takeError(op, e)
	for _, t := range tensors {
		err.Shapes = append(err.Shapes, t.knownShape())
	}
	panic(err)
}

// raiseLists is raise for operations on lists; at most a few shapes are told.
func raiseLists(op string, e *C.agi_error, tensors []*Tensor, lists ...[]*Tensor) {
	const most = 4
	for _, l := range lists {
		tensors = append(tensors, l[:min(len(l), most)]...)
	}
	raise(op, e, tensors...)
}

// takeError copies an error of C and frees it.
func takeError(op string, e *C.agi_error) *Error {
	err := &Error{Op: op, Message: sentence(C.GoString(e.message)), OutOfMemory: e.kind == C.AGI_OUT_OF_MEMORY}
	if err.OutOfMemory {
		err.Message = memorySentence(err.Message)
	}
	C.free(unsafe.Pointer(e))
	return err
}

// sentence keeps libtorch's message and drops line ends and what it says about
// its own sources ("Exception raised from ...").
func sentence(message string) string {
	if i := strings.Index(message, "Exception raised from"); i > 0 {
		message = message[:i]
	}
	return strings.Join(strings.Fields(message), " ")
}

// knownShape is the shape for an error message: it never fails.
func (t *Tensor) knownShape() []int64 {
	if t == nil || t.handle == 0 {
		return nil
	}
	if !t.known {
		var meta C.agi_meta
		if e := C.agi_info(t.handle, &meta); e != nil {
			C.free(unsafe.Pointer(e))
			return nil
		}
		t.learn(&meta)
	}
	return t.shape
}
