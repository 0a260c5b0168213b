package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// logic attends to relations in both directions: with q and k of half the
// head width the score is forward·q_i·k_j + backward·k_i·q_j, as the product
// of [forward·q; backward·k] and [k; q]. Forward and backward are learned per
// head; equal ones would be symmetric and blind to direction. The result is
// gated by the querying token.
type logic struct{}

func init() { Register("logic", logic{}) }

func (logic) Specs(s Shape) []nn.Spec {
	width, heads, _ := s.Inner()
	inner := func(name string) nn.Spec { return nn.Weight(name, width, s.DModel, nn.LinearInit(s.DModel)) }
	return []nn.Spec{
		inner("qk"), inner("value"), inner("gate"),
		nn.Weight("out", s.DModel, width, nn.ResidualInit(width, s.Layers)),
		{Name: "forward", Shape: []int64{heads}, Init: nn.Constant(1)},
		{Name: "backward", Shape: []int64{heads}, Init: nn.Constant(0.5)},
	}
}

func (logic) ScoreWidth(s Shape) int64 {
	width, _, _ := s.Inner()
	return width
}

// logicFeatures is the rotary table of width h'/2.
type logicFeatures struct{ rotary *nn.Rotary }

func (logic) Features(s Shape, dt torch.DType, dev torch.Device) Features {
	_, _, head := s.Inner()
	return &logicFeatures{nn.NewRotary(head/2, s.SegmentLen, dt, dev)}
}

func (f *logicFeatures) Free() { f.rotary.Free() }

// Rows returns for each token the cosines and sines of its position's h'/4
// angles, each twice: for q and for k.
func (f *logicFeatures) Rows(s *Segment) []*torch.Tensor {
	return torch.ScopedList(func() []*torch.Tensor {
		cos, sin := f.rotary.At(s.First, s.Len)
		twice := func(t *torch.Tensor) *torch.Tensor { return s.PerToken(torch.Cat([]*torch.Tensor{t, t}, 1)) }
		return []*torch.Tensor{twice(cos), twice(sin)}
	})
}

// logicAttention is logic's attention of one layer.
type logicAttention struct {
	count, head          int64 // H' and h'
	qk, value, gate, out nn.Linear
	forward, backward    *torch.Tensor // [H']
}

func (logic) New(s Shape, p nn.Params) Attention {
	_, heads, head := s.Inner()
	return &logicAttention{
		count: heads, head: head,
		qk: nn.NewLinear(p.Sub("qk")), value: nn.NewLinear(p.Sub("value")),
		gate: nn.NewLinear(p.Sub("gate")), out: nn.NewLinear(p.Sub("out")),
		forward: p.Get("forward"), backward: p.Get("backward"),
	}
}

func (a *logicAttention) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	attended := nn.RotaryAttention(a.project(u, cache), a.count, rows[0], rows[1], nil, nil, cache)
	return a.out.Forward(attended.Mul(a.gate.Forward(u).Silu()))
}

// project returns the packed queries, keys and values [B, C, 3·H'·h'].
func (a *logicAttention) project(u *torch.Tensor, cache *nn.Cache) *torch.Tensor {
	c := cache.Constants(func() []*torch.Tensor { return []*torch.Tensor{a.packed()} })
	return torch.Project(u, c[0])
}

// packed returns the weight [3·H'·h', d] that gives the extended queries
// [forward·q; backward·k], the extended keys [k; q], and the values. Rotation
// is linear, so the factors may stand in the weight. A head's dimensions are
// ordered [q1, k1, q2, k2], 1 and 2 the halves of q and k, so that the pairs
// (j, j + h'/2) are the pairs of q and of k; products do not see the order.
func (a *logicAttention) packed() *torch.Tensor {
	w := a.qk.Weight()
	d := w.Size(1)
	roles := w.View(2, a.count, 2, a.head/4, d).Permute(1, 2, 0, 3, 4) // [H', half, q or k, h'/4, d]
	directions := torch.Stack([]*torch.Tensor{a.forward, a.backward}, 1).View(a.count, 1, 2, 1, 1)
	return torch.Cat([]*torch.Tensor{
		roles.Mul(directions).Reshape(a.count*a.head, d),
		roles.Flip([]int64{2}).Reshape(a.count*a.head, d),
		a.value.Weight(),
	}, 0)
}
