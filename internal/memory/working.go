package memory

import (
	"slices"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// working finds where in the stream's last W tokens the same context stood
// before, and reads what came next there. Of each token the stream keeps its
// input x_j and its state s_j after the last block. A token reads by its own
// input,
//
//	score(t, j) = query(n_t)·query(n_j) / sqrt(h),  n = LN(x),
//
// so the same map makes queries and keys, and equal contexts match from the first
// step of training, at any distance: nothing is rotated. The value of entry j is
// that of its successor, value([LN(s_{j+1}); n_{j+1}]); the last entry has none yet
// and is not read.
type working struct {
	heads, head, capacity int64
	input, norm           nn.LayerNorm // of inputs (shared with what reads) and of states
	query, value, out     nn.Linear
}

func workingSpecs(s Shape) []nn.Spec {
	d := s.DModel
	return append(nn.Norm("state_norm", d),
		nn.Weight("query", d, d, nn.LinearInit(d)),
		nn.Weight("value", d, 2*d, nn.LinearInit(2*d)),
		nn.Weight("out", d, d, nn.LinearInit(d)))
}

func newWorking(s Shape, input nn.LayerNorm, p nn.Params) *working {
	return &working{
		heads: s.Heads, head: s.DModel / s.Heads, capacity: s.WorkingLen,
		input: input, norm: nn.NewLayerNorm(p.Sub("state_norm")),
		query: nn.NewLinear(p.Sub("query")), value: nn.NewLinear(p.Sub("value")), out: nn.NewLinear(p.Sub("out")),
	}
}

// begin computes the keys and values of the streams' tokens that have a
// successor. Before them stands one null entry with key 0 and value 0, visible to
// all: a stream without such tokens reads exactly 0.
func (w *working) begin(c *Context, s *State) {
	most := slices.Max(s.counts) - 1
	if most < 1 {
		return
	}
	d := w.heads * w.head
	last := func(x *torch.Tensor) *torch.Tensor { return x.Narrow(1, w.capacity-most-1, most+1) } // [B, 1+c, d]
	inputs, states := last(s.inputs()), last(s.states())
	keys := w.input.Linear(inputs, w.query)
	values := w.norm.Linear(states, w.value.Columns(0, d)).Add_(w.input.Linear(inputs, w.value.Columns(d, d)))
	// The null entry comes in front; of the keys the last drops out, of the values
	// the first. All tokens are projected: copies of parts would be kept for the
	// gradient.
	behindNull := func(x *torch.Tensor, first int64) *torch.Tensor {
		return nn.Heads(torch.Cat([]*torch.Tensor{torch.ZerosLike(x.Narrow(1, 0, 1)), x.Narrow(1, first, most)}, 1), w.heads)
	}
	c.keys, c.values = behindNull(keys, 0), behindNull(values, 1)
	pairs := make([]int64, len(s.counts))
	for lane, n := range s.counts {
		pairs[lane] = max(0, n-1)
	}
	c.visible = visible(pairs, most, true, s.device)
}

// read attends from n [B, T, d], the normalised inputs.
func (w *working) read(n *torch.Tensor, c *Context) *torch.Tensor {
	query := nn.Heads(w.query.Forward(n), w.heads)
	return w.out.Forward(nn.MergeHeads(nn.Attend(query, c.keys, c.values, c.visible, false)))
}

// visible returns the mask [B, 1, 1, most] of the last counts[b] of most rows,
// or [B, 1, 1, 1+most] with the null entry in front, as bool; nil when all
// rows are valid.
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
