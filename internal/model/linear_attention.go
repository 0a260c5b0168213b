package model

import (
	"math"

	"agiformer/internal/config"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// headNormEps is the epsilon of the norm of linear attention's heads.
const headNormEps = 1e-5

// linearAttention is causal multi-head attention whose cost a token does not
// grow with the segment: retention with a learned decay for each head, without
// a denominator, so each head's result is brought to unit size instead.
type linearAttention struct {
	heads    int64
	qkv, out nn.Linear
	decay    *torch.Tensor // [H]
	norm     *torch.Tensor // [d]
}

func newLinearAttention(cfg config.Model, p nn.Params) *linearAttention {
	return &linearAttention{heads: cfg.NHeads, qkv: nn.NewLinear(p.Sub("qkv")), out: nn.NewLinear(p.Sub("out")),
		decay: p.Get("decay"), norm: p.Get("norm.weight")}
}

// linearAttentionSpecs lists what linear attention has beside qkv and out.
// Half of what a head remembers is gone after 1.4 tokens for the first one
// and after 177 for the last.
func linearAttentionSpecs(cfg config.Model) []nn.Spec {
	return []nn.Spec{
		{Name: "decay", Shape: []int64{cfg.NHeads}, Init: nn.Ramp(-math.Ln2, -8*math.Ln2, cfg.NHeads)},
		{Name: "norm.weight", Shape: []int64{cfg.DModel}, Init: nn.Constant(1)},
	}
}

func (a *linearAttention) forward(x *torch.Tensor, norm nn.LayerNorm, p *pass, cache *blockCache) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	o := nn.RotaryRetain(norm.Linear(x, a.qkv), p.cos, p.sin, a.decay, p.Confined, cache.ofRetention())
	y := torch.HeadNormLinear(o, a.heads, a.norm, headNormEps, a.out.Weight())
	scope.Exit(y)
	return y
}
