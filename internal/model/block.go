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
	attention              selfAttention
	moe                    *experts.MoE
	dropout                float64
}

func newBlock(cfg config.Model, i int64, p nn.Params) *block {
	return &block{
		attentionNorm: nn.NewLayerNorm(p.Sub("attention_norm")),
		moeNorm:       nn.NewLayerNorm(p.Sub("moe_norm")),
		attention:     newSelfAttention(cfg, p.Sub("attention")),
		moe:           experts.New(members(cfg, i), expertShape(cfg), routing(cfg, i), p.Sub("moe")),
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
		branch := b.attention.forward(x, b.attentionNorm, p, cache)
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

// selfAttention is what mixes the tokens of a segment.
type selfAttention interface {
	// forward attends norm(x) [B, T, d] causally to itself and, where given, to
	// what the cache holds of earlier tokens, and returns [B, T, d].
	forward(x *torch.Tensor, norm nn.LayerNorm, p *pass, cache *blockCache) *torch.Tensor
}

func newSelfAttention(cfg config.Model, p nn.Params) selfAttention {
	if cfg.UseLinearAttention {
		return newLinearAttention(cfg, p)
	}
	return newAttention(cfg, p)
}

// attention is causal multi-head attention with rotary positions.
type attention struct {
	heads    int64
	qkv, out nn.Linear
}

func newAttention(cfg config.Model, p nn.Params) *attention {
	return &attention{heads: cfg.NHeads, qkv: nn.NewLinear(p.Sub("qkv")), out: nn.NewLinear(p.Sub("out"))}
}

func (a *attention) forward(x *torch.Tensor, norm nn.LayerNorm, p *pass, cache *blockCache) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	y := a.out.Forward(nn.RotaryAttention(norm.Linear(x, a.qkv), a.heads, p.cos, p.sin, nil, nil, cache.ofAttention(p)))
	scope.Exit(y)
	return y
}

// blockCache is what a block keeps of the tokens of a segment while decoding.
// Of attention and retention one exists, as the block attends.
type blockCache struct {
	attention *nn.Cache
	retention *nn.RetentionState
	experts   []*nn.Cache
}

// newBlockCache makes the cache of block i.
func newBlockCache(cfg config.Model, i int64) *blockCache {
	c := &blockCache{}
	if cfg.UseLinearAttention {
		c.retention = &nn.RetentionState{}
	} else {
		c.attention = nn.NewCache(cfg.SegmentLen())
	}
	for range cfg.ExpertsOf(i) {
		c.experts = append(c.experts, nn.NewCache(cfg.SegmentLen()))
	}
	return c
}

func (c *blockCache) ofAttention(p *pass) *nn.Cache {
	if c == nil {
		return p.Confined
	}
	return c.attention
}

func (c *blockCache) ofRetention() *nn.RetentionState {
	if c == nil {
		return nil
	}
	return c.retention
}

func (c *blockCache) ofExperts() []*nn.Cache {
	if c == nil {
		return nil
	}
	return c.experts
}

// reset empties the cache for the next segment.
func (c *blockCache) reset() {
	c.each(func(part resettable) { part.Reset() })
}

func (c *blockCache) free() {
	c.each(func(part resettable) { part.Free() })
}

type resettable interface {
	Reset()
	Free()
}

func (c *blockCache) each(fn func(resettable)) {
	if c.attention != nil {
		fn(c.attention)
	}
	if c.retention != nil {
		fn(c.retention)
	}
	for _, e := range c.experts {
		fn(e)
	}
}
