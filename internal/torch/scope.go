package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_free
#cgo nocallback agi_free
*/
import "C"

import "unsafe"

// Scope owns the tensors made since Enter, until Exit. Scopes nest; a tensor
// belongs to the innermost one that was open when it was made.
type Scope struct {
	parent  *Scope
	tensors []*Tensor
	open    bool
}

// current is the innermost open scope; only the worker touches it. Its root
// exists while a job runs.
var current *Scope

// spare holds the lists of closed scopes for the next ones.
var spare [][]*Tensor

// freeing gathers the handles that a closing scope frees in one call.
var freeing []C.agi_tensor

// Enter opens a scope inside the current one.
//
//	s := torch.Enter()
//	defer s.Exit() // closes it on a panic too; after an earlier Exit it does nothing
//	...
//	s.Exit(result)
func Enter() *Scope {
	if !onWorker() {
		fail("Enter", "called outside torch.Do")
	}
	return enter()
}

func enter() *Scope {
	s := &Scope{parent: current, open: true}
	if n := len(spare); n > 0 {
		s.tensors, spare = spare[n-1], spare[:n-1]
	}
	current = s
	return s
}

// Exit frees every tensor that the scope owns except keep, which moves to the
// enclosing scope. Scopes inside it that are still open are closed with it.
// A second Exit does nothing.
func (s *Scope) Exit(keep ...*Tensor) {
	if !s.open {
		return
	}
	for _, t := range keep {
		if t != nil && t.handle == 0 {
			t.misused("Exit", "keep")
		}
	}
	for inner := current; inner != s; inner = inner.parent {
		for _, t := range inner.tensors { // they are s's now
			if t.scope == inner {
				s.own(t)
			}
		}
		inner.close()
	}
	for _, t := range keep {
		if t != nil && t.scope == s && s.parent != nil {
			s.parent.own(t)
		}
	}
	current = s.parent
	s.release()
	s.close()
}

// Innermost returns the innermost open scope.
func Innermost() *Scope {
	if !onWorker() {
		fail("Innermost", "called outside torch.Do")
	}
	return current
}

// Take moves tensors to the scope, which must be open, from scopes inside it.
func (s *Scope) Take(tensors ...*Tensor) {
	if !s.open {
		fail("Take", "the scope is closed")
	}
	for _, t := range tensors {
		if t.use("Take", "tensors"); t.scope != s {
			s.own(t)
		}
	}
}

// own makes t the scope's. A list that held it before still does, which t.scope
// tells from the owner's.
func (s *Scope) own(t *Tensor) {
	t.scope = s
	s.tensors = append(s.tensors, t)
}

// release frees what the scope still owns, in one call.
func (s *Scope) release() {
	freeing = freeing[:0]
	for _, t := range s.tensors {
		if t.scope == s {
			freeing = append(freeing, t.handle)
			t.freed("was freed at the end of its scope: keep it with Exit(keep) or Keep")
		}
	}
	if len(freeing) == 0 {
		return
	}
	live.Add(-int64(len(freeing)))
	if e := C.agi_free(unsafe.SliceData(freeing), C.int64_t(len(freeing))); e != nil {
		raise("Exit", e)
	}
}

// close gives the list back for the next scope.
func (s *Scope) close() {
	const largest = 1 << 16 // a list grown by an unusual job is not worth keeping
	if cap(s.tensors) > 0 && cap(s.tensors) <= largest {
		clear(s.tensors)
		spare = append(spare, s.tensors[:0])
	}
	s.tensors, s.open = nil, false
}

// Scoped runs fn in a scope of its own and keeps only its result.
func Scoped(fn func() *Tensor) *Tensor {
	s := Enter()
	defer s.Exit()
	result := fn()
	s.Exit(result)
	return result
}

// ScopedList is Scoped for several results; absent ones stay nil.
func ScopedList(fn func() []*Tensor) []*Tensor {
	s := Enter()
	defer s.Exit()
	results := fn()
	s.Exit(results...)
	return results
}
