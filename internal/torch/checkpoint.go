package torch

// #include "agiformer_torch.h"
import "C"

// Activation checkpointing (Chen et al. 2016) without a callback from C++: a
// region runs without recording, so only its inputs stay in memory; the
// backward pass recomputes it with recording, from the last region to the
// first.
//
//	var c torch.Checkpoints
//	x = c.Run(block1, []*torch.Tensor{x})[0]
//	x = c.Run(block2, []*torch.Tensor{x})[0]
//	c.Backward([]*torch.Tensor{loss(x)}, nil)
//
// Gradients equal the plain run's bit for bit, dropout included: a region's
// recomputation starts from the same generator states and under the same
// autocast. A region may return several tensors, auxiliary losses among them;
// parameters that its function uses get their gradients as usual.

// Checkpoints is the regions of one forward pass. The zero value is ready.
// It belongs to the scope of its tensors: use it within one micro-step.
type Checkpoints struct {
	regions []*region
}

type region struct {
	fn              func([]*Tensor) []*Tensor
	inputs, outputs []*Tensor
	modes           [2]C.agi_autocast // CPU's and CUDA's
	random          []randomState
}

type randomState struct {
	device Device
	state  []byte
}

// Run calls fn(inputs) without recording and returns its results, as leaves
// that later operations record. Absent inputs and results (nil) are passed on.
// fn must depend on nothing that changes until Backward but its inputs and the
// parameters; everything it makes except its results is freed.
func (c *Checkpoints) Run(fn func([]*Tensor) []*Tensor, inputs []*Tensor) []*Tensor {
	r := &region{fn: fn, inputs: inputs, modes: autocastModes(), random: randomStates(inputs)}
	r.outputs = ScopedList(func() []*Tensor {
		var results []*Tensor
		NoGrad(func() { results = fn(inputs) })
		leaves := make([]*Tensor, len(results))
		for i, t := range results {
			if t != nil {
				leaves[i] = t.Detach()
			}
		}
		return leaves
	})
	if !GradEnabled() {
		return r.outputs
	}
	for _, t := range r.outputs {
		if t != nil && t.DType().IsFloat() {
			t.SetRequiresGrad(true)
		}
	}
	c.regions = append(c.regions, r)
	return r.outputs
}

// Backward is torch.Backward through the regions: outputs, whose gradients are
// gradients (nil means ones), then every region from the last to the first.
// Afterwards the regions are done with. outputs must depend on a region's
// recorded inputs through the region only.
func (c *Checkpoints) Backward(outputs, gradients []*Tensor) {
	backward("Backward", outputs, gradients, false)
	for i := len(c.regions) - 1; i >= 0; i-- {
		s := Enter()
		c.regions[i].backward()
		s.Exit()
	}
	c.regions = nil
}

// backward recomputes the region with recording and hands the gradients of its
// inputs on. An input may be a parameter, a result of an earlier region (a leaf)
// or the result of recorded operations: their graph is kept, since several
// regions may share it.
func (r *region) backward() {
	var outputs, gradients []*Tensor
	copies := make([]*Tensor, len(r.inputs))
	for i, t := range r.inputs {
		if t != nil {
			copies[i] = t.Detach().SetRequiresGrad(t.RequiresGrad())
		}
	}
	for i, t := range r.recompute(copies) {
		if r.outputs[i] == nil || t == nil || !t.RequiresGrad() {
			continue
		}
		if g := r.outputs[i].Grad(); g != nil {
			outputs, gradients = append(outputs, t), append(gradients, g)
		}
	}
	if len(outputs) == 0 {
		return
	}
	backward("Backward", outputs, gradients, false)
	var inputs, inputGrads []*Tensor
	for i, t := range copies {
		if t == nil {
			continue
		}
		if g := t.Grad(); g != nil {
			inputs, inputGrads = append(inputs, r.inputs[i]), append(inputGrads, g)
		}
	}
	ClearGrads(present(r.outputs))
	if len(inputs) > 0 {
		backward("Backward", inputs, inputGrads, true)
	}
}

// recompute runs fn as Run did: same autocast, same random numbers, recording.
func (r *region) recompute(inputs []*Tensor) (results []*Tensor) {
	nowModes, nowRandom := autocastModes(), randomStates(inputs)
	restoreAutocast(r.modes)
	restoreRandom(r.random)
	// A weight's cast has a graph of its own, used up by one backward: regions
	// must not share it.
	clearAutocast("Checkpoints")
	nestAutocast("Checkpoints", 1)
	defer func() {
		nestAutocast("Checkpoints", -1)
		clearAutocast("Checkpoints")
		restoreAutocast(nowModes)
		restoreRandom(nowRandom)
	}()
	WithGrad(func() { results = r.fn(inputs) })
	if len(results) != len(r.outputs) {
		fail("Checkpoints", "the region returned %d tensors, %d when it ran first", len(results), len(r.outputs))
	}
	return results
}

func autocastModes() [2]C.agi_autocast {
	return [2]C.agi_autocast{getAutocast("Checkpoints", CPUType), getAutocast("Checkpoints", CUDAType)}
}

func restoreAutocast(modes [2]C.agi_autocast) {
	setAutocast("Checkpoints", CPUType, modes[0])
	setAutocast("Checkpoints", CUDAType, modes[1])
}

// randomStates is the default generators' states on the CPU and on the GPUs of tensors.
func randomStates(tensors []*Tensor) []randomState {
	devices := []Device{CPU}
	for _, t := range present(tensors) {
		if d := t.Device(); d.Type == CUDAType && d != devices[len(devices)-1] {
			devices = append(devices, d)
		}
	}
	states := make([]randomState, len(devices))
	for i, d := range devices {
		states[i] = randomState{d, DefaultGenerator(d).State()}
	}
	return states
}

func restoreRandom(states []randomState) {
	for _, s := range states {
		DefaultGenerator(s.device).SetState(s.state)
	}
}

func present(tensors []*Tensor) []*Tensor {
	var there []*Tensor
	for _, t := range tensors {
		if t != nil {
			there = append(there, t)
		}
	}
	return there
}
