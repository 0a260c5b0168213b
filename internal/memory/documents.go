package memory

import (
	"agiformer/internal/torch"
)

// confinement says which tokens of lanes that hold several documents read their
// lane's stream. nil: all do.
type confinement struct {
	// reach is the number of places from the lanes' start that hold such tokens,
	// and first [B, reach, 1] bool marks them.
	reach int64
	first *torch.Tensor
	// fresh [B, 1, N, d] are the slots that others read; nil without a bank.
	fresh *torch.Tensor
}

// Confine lets only the first document of each lane read the lane's stream s, as
// Begin prepared it: the others, which start streams of their own, read what
// those would, nothing of the working memory and the slots themselves. The lanes
// have t places and documents of the given lengths. Called in the scope in which
// the context is read.
func (b *Backbone) Confine(c *Context, s *State, documents [][]int64, t int64) {
	lanes := int64(len(documents))
	goesOn := func(lane int) bool {
		return s != nil && (s.counts[lane] > 0 || s.written[lane]) && len(documents[lane]) > 0
	}
	reach := int64(0)
	for lane := range documents {
		if goesOn(lane) {
			reach = max(reach, documents[lane][0])
		}
	}
	if reach == 0 {
		return // every document starts a stream: all of them read what is fresh
	}
	const unit = 32 // few shapes: kernels are prepared for each
	reach = min(t, (reach+unit-1)/unit*unit)
	mask := make([]bool, lanes*reach)
	for lane, lengths := range documents {
		if goesOn(lane) {
			for i := range lengths[0] {
				mask[int64(lane)*reach+i] = true
			}
		}
	}
	c.confined = &confinement{reach: reach, first: torch.FromSlice(mask, lanes, reach, 1).ToDevice(b.device)}
	if b.bank != nil {
		c.confined.fresh = b.bank.slots.ToDType(c.bank.DType()).Expand(lanes, 1, b.shape.Slots, b.shape.DModel)
	}
}

// readWorking reads the working memory from n [B, T, d].
func (b *Backbone) readWorking(n *torch.Tensor, c *Context) *torch.Tensor {
	if c.confined == nil {
		return b.working.read(n, c)
	}
	part := b.working.read(n.Narrow(1, 0, c.confined.reach), c)
	return part.Mul(c.confined.first).Pad([]int64{0, 0, 0, n.Size(1) - c.confined.reach}, 0)
}

// readBank reads the banks from n [B, T, d].
func (b *Backbone) readBank(n *torch.Tensor, c *Context) *torch.Tensor {
	if c.confined == nil {
		return b.bank.read(n, c.bank)
	}
	fresh, reach := b.bank.read(n, c.confined.fresh), c.confined.reach
	part := torch.Where(c.confined.first, b.bank.read(n.Narrow(1, 0, reach), c.bank), fresh.Narrow(1, 0, reach))
	return torch.Cat([]*torch.Tensor{part, fresh.Narrow(1, reach, n.Size(1)-reach)}, 1)
}

// lastOf returns the length of each lane's last document.
func lastOf(documents [][]int64) []int64 {
	last := make([]int64, len(documents))
	for lane, lengths := range documents {
		if n := len(lengths); n > 0 {
			last[lane] = lengths[n-1]
		}
	}
	return last
}
