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
type logicFeatures struct {
	rotary *nn.Rotary
	width  int64
}

func (logic) Features(s Shape, dt torch.DType, dev torch.Device) Features {
	_, _, head := s.Inner()
	return &logicFeatures{rotary: nn.NewRotary(head/2, 0, s.SegmentLen, dt, dev), width: head / 2}
}

func (f *logicFeatures) Free() { f.rotary.Free() }

// Rows returns for each token cos and signed sin of its position: width h'.
func (f *logicFeatures) Rows(s *Segment) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	cos, sin := f.rotary.At(s.First, s.Len)
	rows := torch.Cat([]*torch.Tensor{cos, sin}, 1).
		Expand(s.Lanes, s.Len, 2*f.width).Reshape(s.Lanes*s.Len, 2*f.width)
	scope.Exit(rows)
	return rows
}

// logicAttention is logic's attention of one layer.
type logicAttention struct {
	heads, head          int64
	qk, value, gate, out nn.Linear
	forward, backward    *torch.Tensor // [H']
}

func (logic) New(s Shape, p nn.Params) Attention {
	_, heads, head := s.Inner()
	return &logicAttention{
		heads: heads, head: head,
		qk: nn.NewLinear(p.Sub("qk")), value: nn.NewLinear(p.Sub("value")),
		gate: nn.NewLinear(p.Sub("gate")), out: nn.NewLinear(p.Sub("out")),
		forward: p.Get("forward"), backward: p.Get("backward"),
	}
}

func (a *logicAttention) Forward(u, rows *torch.Tensor, cache *nn.Cache) *torch.Tensor {
	lanes, places, half := u.Size(0), u.Size(1), a.head/2
	angle := func(start int64) *torch.Tensor {
		return rows.Narrow(2, start, half).Unsqueeze(2).Unsqueeze(2)
	}
	both := a.qk.Forward(u).View(lanes, places, 2, a.heads, half)
	qk := nn.Rotate(both, angle(0), angle(half)).Unbind(2)
	query := torch.Cat([]*torch.Tensor{qk[0], qk[1]}, -1) // [B, C, H', h']
	query = query.Mul(a.directions(query.DType()))
	key := torch.Cat([]*torch.Tensor{qk[1], qk[0]}, -1)
	attended := nn.SelfAttend(
		query.Transpose(1, 2), key.Transpose(1, 2), nn.Heads(a.value.Forward(u), a.heads), cache)
	gate := a.gate.Forward(u).Silu()
	return a.out.Forward(nn.MergeHeads(attended).Mul(gate))
}

// directions returns [H', h']: each head's forward weight over the first half
// of the width and its backward weight over the second.
func (a *logicAttention) directions(dt torch.DType) *torch.Tensor {
	widen := func(t *torch.Tensor) *torch.Tensor { return t.View(a.heads, 1).Expand(a.heads, a.head/2) }
	return torch.Cat([]*torch.Tensor{widen(a.forward), widen(a.backward)}, 1).ToDType(dt)
}
