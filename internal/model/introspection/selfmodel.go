package introspection

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// SelfModel looks at the states of an iteration: causal attention from them to
// the states that entered the loop, then reasoning over the result and the
// iteration before.
type SelfModel struct {
	heads, head                int64
	norm, queryNorm, stateNorm nn.LayerNorm
	query, key, value, out     nn.Linear
	metaIn, metaOut            nn.Linear
	verdictWeight, verdictBias *torch.Tensor // [3, d], [3]: error, confidence, halt
	rotary                     *nn.Rotary
}

func newSelfModel(s Shape, p nn.Params, dt torch.DType, dev torch.Device) *SelfModel {
	linear := func(name string) nn.Linear { return nn.NewLinear(p.Sub(name)) }
	norm := func(name string) nn.LayerNorm { return nn.NewLayerNorm(p.Sub(name)) }
	return &SelfModel{
		heads: s.Heads, head: s.Head,
		norm: norm("norm"), queryNorm: norm("query_norm"), stateNorm: norm("state_norm"),
		query: linear("query"), key: linear("key"), value: linear("value"), out: linear("out"),
		metaIn: linear("meta_in"), metaOut: linear("meta_out"),
		verdictWeight: p.Get("heads.weight"), verdictBias: p.Get("heads.bias"),
		rotary: nn.NewRotary(s.Head, s.SegmentLen, dt, dev),
	}
}

// context is what the iterations of a pass share.
type context struct {
	cos, sin     *torch.Tensor // [T, h'/2] of the queries
	keys, values *torch.Tensor // [B, H', S, h']
	causal       bool
	cache        *nn.Cache
}

// begin computes keys and values of the states x [B, T, d] that enter the loop,
// which are at the given positions: once for all iterations, so that what one
// token does in the loop touches no other, and one cache serves them all.
func (m *SelfModel) begin(x *torch.Tensor, at Positions, cache *nn.Cache) context {
	c := context{cache: cache}
	c.cos, c.sin = m.rotary.Of(at.Each, at.First, x.Size(1))
	u := m.norm.Forward(x)
	keys := m.rotated(m.key.Forward(u), c)
	c.keys, c.values, c.causal = cache.Extend(keys, nn.Heads(m.value.Forward(u), m.heads))
	return c
}

// rotated cuts a projection [B, T, d'] into heads [B, H', T, h'] and turns them
// by their positions.
func (m *SelfModel) rotated(projected *torch.Tensor, c context) *torch.Tensor {
	parts := projected.View(projected.Size(0), projected.Size(1), m.heads, m.head)
	return nn.Rotate(parts, c.cos, c.sin).Transpose(1, 2)
}

// reflect returns the meta-state [B, T, d] of the states s [B, T, d]. looking is
// query_norm(s), and before the same of the iteration before, or zeros:
//
//	o = state_norm(s + attention(looking)),  m = o + meta_out(GELU(meta_in([o; before])))
func (m *SelfModel) reflect(s, looking, before *torch.Tensor, c context) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		attended := m.attend(m.query.Forward(looking), c)
		o := m.stateNorm.Forward(nn.Residual(s, m.out.Forward(attended), 0, false))
		joined := torch.Cat([]*torch.Tensor{o, before}, -1)
		return nn.Residual(o, nn.MLP(joined, m.metaIn, m.metaOut), 0, false)
	})
}

// attend returns the attention [B, T, d'] of projected queries [B, T, d'].
func (m *SelfModel) attend(query *torch.Tensor, c context) *torch.Tensor {
	if !c.causal && c.cache.Steps(query) {
		return c.cache.AttendFrom(query, c.cos, c.sin)
	}
	return nn.MergeHeads(nn.AttendExtended(m.rotated(query, c), c.keys, c.values, c.causal, c.cache))
}

// verdict returns the logits [B, T, 3] of error, confidence and halting, in
// float32.
func (m *SelfModel) verdict(meta *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() (z *torch.Tensor) {
		torch.NoAutocast(meta.Device().Type, func() {
			z = torch.Project(nn.Float(meta), m.verdictWeight).Add(m.verdictBias)
		})
		return z
	})
}
