package model

import (
	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// block is x += Attn(LN(x)); x += MoE(LN(x)).
type block struct {
	attentionNorm, moeNorm nn.LayerNorm
	attention              *attention
	moe                    *experts.MoE
	dropout                float64
}

func newBlock(cfg config.Model, p nn.Params) *block {
	return &block{
		attentionNorm: nn.NewLayerNorm(p.Sub("attention_norm")),
		moeNorm:       nn.NewLayerNorm(p.Sub("moe_norm")),
		attention:     newAttention(cfg, p.Sub("attention")),
		moe:           experts.New(cfg.ExpertTypes, expertShape(cfg), routing(cfg), p.Sub("moe")),
		dropout:       cfg.Dropout,
	}
}

// forward returns the block's output [B, T, d] and the experts' result, whose
// states are consumed. Every sublayer has a scope of its own, so that without
// gradients its intermediate results are gone when it ends.
func (b *block) forward(x *torch.Tensor, p *pass, cache *blockCache) (*torch.Tensor, experts.Result) {
	scope := torch.Enter()
	defer scope.Exit()
	x = torch.Scoped(func() *torch.Tensor {
		branch := b.attention.forward(x, b.attentionNorm, p, cache.ofAttention())
		return nn.Residual(x, branch, b.dropout, p.Train)
	})
	inner := torch.Enter()
	defer inner.Exit()
	u := b.moeNorm.Forward(x)
	var r experts.Result
	if p.single {
		r.States = b.moe.Step(u, &p.Segment, cache.ofExperts())
	} else {
		r = b.moe.Forward(u, &p.Segment, cache.ofExperts())
	}
	x = nn.Residual(x, r.States, b.dropout, p.Train)
	r.States = nil
	inner.Exit(x, r.Balance, r.Counts)
	scope.Exit(x, r.Balance, r.Counts)
	return x, r
}

// checkpointed is forward without a cache, through c where given.
func (b *block) checkpointed(x *torch.Tensor, p *pass, c *torch.Checkpoints) (*torch.Tensor, experts.Result) {
	if c == nil {
		return b.forward(x, p, nil)
	}
	results := c.Run(func(inputs []*torch.Tensor) []*torch.Tensor {
		y, r := b.forward(inputs[0], p, nil)
		return []*torch.Tensor{y, r.Balance, r.Counts}
	}, []*torch.Tensor{x})
	return results[0], experts.Result{Balance: results[1], Counts: results[2]}
}

// attention is causal multi-head attention with rotary positions.
type attention struct {
	heads    int64
	qkv, out nn.Linear
}

func newAttention(cfg config.Model, p nn.Params) *attention {
	return &attention{heads: cfg.NHeads, qkv: nn.NewLinear(p.Sub("qkv")), out: nn.NewLinear(p.Sub("out"))}
}

// forward attends norm(x) [B, T, d] to itself and, where given, to the cache.
func (a *attention) forward(x *torch.Tensor, norm nn.LayerNorm, p *pass, cache *nn.Cache) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	y := a.out.Forward(nn.RotaryAttention(norm.Linear(x, a.qkv), a.heads, p.cos, p.sin, nil, nil, cache))
	scope.Exit(y)
	return y
}

// blockCache is what a block keeps of the tokens of a segment while decoding.
type blockCache struct {
	attention *nn.Cache
	experts   []*nn.Cache
}

func (c *blockCache) ofAttention() *nn.Cache {
	if c == nil {
		return nil
	}
	return c.attention
}

func (c *blockCache) ofExperts() []*nn.Cache {
	if c == nil {
		return nil
	}
	return c.experts
}

func (c *blockCache) each(fn func(*nn.Cache)) {
	fn(c.attention)
	for _, e := range c.experts {
		fn(e)
	}
}
