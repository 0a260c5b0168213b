package memory

import (
	"slices"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// working attends to the last states of the stream's earlier segments
// (segment-level recurrence, Dai et al. 2019), at the positions -c..-1.
type working struct {
	heads, head, capacity   int64
	norm                    nn.LayerNorm
	query, key, value, out  nn.Linear
	queryRotary, keysRotary *nn.Rotary
}

func workingSpecs(s Shape) []nn.Spec {
	specs := nn.Norm("state_norm", s.DModel, 1)
	for _, name := range []string{"query", "key", "value", "out"} {
		specs = append(specs, nn.Weight(name, s.DModel, s.DModel, nn.LinearInit(s.DModel)))
	}
	return specs
}

func newWorking(s Shape, p nn.Params, dt torch.DType, dev torch.Device) *working {
	head := s.DModel / s.Heads
	return &working{
		heads: s.Heads, head: head, capacity: s.WorkingLen,
		norm:  nn.NewLayerNorm(p.Sub("state_norm")),
		query: nn.NewLinear(p.Sub("query")), key: nn.NewLinear(p.Sub("key")),
		value: nn.NewLinear(p.Sub("value")), out: nn.NewLinear(p.Sub("out")),
		queryRotary: nn.NewRotary(head, 0, s.SegmentLen, dt, dev),
		keysRotary:  nn.NewRotary(head, -s.WorkingLen-1, s.WorkingLen+1, dt, dev),
	}
}

func (w *working) free() {
	w.queryRotary.Free()
	w.keysRotary.Free()
}

// begin computes the keys and values of the streams' states. Before them
// stands one null entry with key 0 and value 0, visible to all: a stream
// without states reads exactly 0.
func (w *working) begin(c *Context, s *State) {
	most := slices.Max(s.counts)
	if most == 0 {
		return
	}
	states := s.working.Narrow(1, w.capacity-most, most) // [B, c, d]
	normed := w.norm.Forward(states)
	// A zero row stays zero through the linear maps and the rotation.
	normed = normed.Pad([]int64{0, 0, 1, 0}, 0) // [B, 1+c, d]
	cos, sin := w.keysRotary.At(-most-1, most+1)
	keys := w.key.Forward(normed).View(s.lanes, most+1, w.heads, w.head)
	c.keys = nn.Rotate(keys, cos, sin).Transpose(1, 2)
	c.values = nn.Heads(w.value.Forward(normed), w.heads)
	c.visible = visible(s.counts, most, true, states.Device())
}

// read attends from the positions of n [B, T, d], the first of which is at
// first in its segment.
func (w *working) read(n *torch.Tensor, c *Context, first int64) *torch.Tensor {
	lanes, places := n.Size(0), n.Size(1)
	cos, sin := w.queryRotary.At(first, places)
	query := w.query.Forward(n).View(lanes, places, w.heads, w.head)
	query = nn.Rotate(query, cos, sin).Transpose(1, 2)
	return w.out.Forward(nn.MergeHeads(nn.Attend(query, c.keys, c.values, c.visible, false)))
}

// visible returns the mask [B, 1, 1, c] of the last counts[b] of most states,
// or [B, 1, 1, 1+c] with the null entry in front, as bool; nil when all
// states are valid.
func visible(counts []int64, most int64, null bool, dev torch.Device) *torch.Tensor {
	if !slices.ContainsFunc(counts, func(n int64) bool { return n < most }) {
		return nil
	}
	width := most
	if null {
		width++
	}
	mask := make([]bool, 0, int64(len(counts))*width)
	for _, n := range counts {
		if null {
			mask = append(mask, true)
		}
		for i := range most {
			mask = append(mask, i >= most-n)
		}
	}
	return torch.FromSlice(mask, int64(len(counts)), 1, 1, width).ToDevice(dev)
}
