package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_generator_state
#cgo nocallback agi_generator_state
#cgo noescape agi_generator_new
#cgo nocallback agi_generator_new
#cgo noescape agi_generator_default
#cgo nocallback agi_generator_default
*/
import "C"

// Generator is a source of random numbers on one device. Its owner frees it;
// nil stands for the device's default generator.
type Generator struct {
	handle C.agi_generator
	freed  bool
	shared bool // a device's default
}

// NewGenerator makes a generator of its own on a device.
func NewGenerator(dev Device, seed uint64) *Generator {
	var out C.agi_generator
	if e := C.agi_generator_new(dev.c("NewGenerator"), C.uint64_t(seed), &out); e != nil {
		raise("NewGenerator", e)
	}
	return &Generator{handle: out}
}

// defaults holds the default generators asked for so far; only the worker uses it.
var defaults = map[Device]*Generator{}

// DefaultGenerator is the generator of operations which are given none (dropout,
// for instance). It lives as long as the program; Free leaves it alone.
func DefaultGenerator(dev Device) *Generator {
	var out C.agi_generator
	d := dev.c("DefaultGenerator")
	if defaults[dev] == nil {
		if e := C.agi_generator_default(d, &out); e != nil {
			raise("DefaultGenerator", e)
		}
		defaults[dev] = &Generator{handle: out, shared: true}
	}
	return defaults[dev]
}

// use gives the handle for a call of C; nil is the default generator.
func (g *Generator) use(op string) C.agi_generator {
	if g == nil {
		return 0
	}
	if g.freed {
		fail(op, "the generator was freed")
	}
	return g.handle
}

// own is use for what has no meaning without a generator.
func (g *Generator) own(op string) C.agi_generator {
	if g == nil {
		fail(op, "nil generator: take DefaultGenerator")
	}
	return g.use(op)
}

// Seed starts the generator's sequence anew.
func (g *Generator) Seed(seed uint64) {
	if e := C.agi_generator_seed(g.own("Seed"), C.uint64_t(seed)); e != nil {
		raise("Seed", e)
	}
}

// State is where the generator's sequence stands, for SetState.
func (g *Generator) State() []byte {
	var out C.agi_tensor
	if e := C.agi_generator_state(g.own("State"), &out); e != nil {
		raise("State", e)
	}
	t := wrap("State", out)
	defer t.Free()
	return t.Bytes()
}

// SetState puts the generator back to where State was taken.
func (g *Generator) SetState(state []byte) {
	t := FromBytes(state, Uint8, int64(len(state)))
	defer t.Free()
	if e := C.agi_generator_set_state(g.own("SetState"), t.handle); e != nil {
		raise("SetState", e)
	}
}

// Free ends the generator; a second Free is an error.
func (g *Generator) Free() {
	if g.own("Free"); g.shared {
		return
	}
	if e := C.agi_generator_free(g.own("Free")); e != nil {
		raise("Free", e)
	}
	g.freed = true
}
