package torch

// #include "agiformer_torch.h"
import "C"

import "strconv"

// scratchList holds the handles of an operation's tensor lists during its call.
type scratchList struct{ buffer []C.agi_tensor }

var scratchSpace scratchList

// takeScratch makes room for n handles; the lists of one call lie in it side by side.
func takeScratch(n int) *scratchList {
	if cap(scratchSpace.buffer) < n {
		scratchSpace.buffer = make([]C.agi_tensor, 0, 2*n)
	}
	scratchSpace.buffer = scratchSpace.buffer[:0]
	return &scratchSpace
}

// handles appends the handles of a list; an absent or freed tensor in it is an error.
func (s *scratchList) handles(tensors []*Tensor, op, arg string) []C.agi_tensor {
	from := len(s.buffer)
	for i, t := range tensors {
		if t == nil || t.handle == 0 {
			t.misused(op, arg+"["+strconv.Itoa(i)+"]")
		}
		s.buffer = append(s.buffer, t.handle)
	}
	return s.buffer[from:]
}

// handlesOptional is handles for a list in which tensors may be absent.
func (s *scratchList) handlesOptional(tensors []*Tensor, op, arg string) []C.agi_tensor {
	from := len(s.buffer)
	for i, t := range tensors {
		if t != nil && t.handle == 0 {
			t.misused(op, arg+"["+strconv.Itoa(i)+"]")
		}
		s.buffer = append(s.buffer, t.useOptional(op, arg))
	}
	return s.buffer[from:]
}
