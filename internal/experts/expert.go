package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Expert is one expert of one block:
//
//	a = attention(u),  y = a + down(GELU(up(LN(u + a))))
//
// over a subsequence u of the tokens, in which causality is order.
type Expert struct {
	kind      string
	attention Attention
	norm      nn.LayerNorm
	up, down  nn.Linear
}

// ExpertSpecs lists the parameters of an expert of the kind.
func ExpertSpecs(kind string, s Shape) []nn.Spec {
	k := kinds[kind]
	specs := nn.Prefix("attention", k.Specs(s))
	specs = append(specs, nn.Norm("norm", s.DModel, 1)...)
	return append(specs,
		nn.Weight("up", s.DFF, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("down", s.DModel, s.DFF, nn.ResidualInit(s.DFF, s.Layers)))
}

// NewExpert builds an expert of the registered kind over its parameters.
func NewExpert(kind string, s Shape, p nn.Params) *Expert {
	return &Expert{
		kind:      kind,
		attention: kinds[kind].New(s, p.Sub("attention")),
		norm:      nn.NewLayerNorm(p.Sub("norm")),
		up:        nn.NewLinear(p.Sub("up")),
		down:      nn.NewLinear(p.Sub("down")),
	}
}

// Forward maps u [B, C, d] to [B, C, d]; rows and cache as in Attention.
func (e *Expert) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	a := e.attention.Forward(u, rows, cache)
	y := nn.Residual(a, e.norm.MLP(u.Add(a), e.up, e.down), 0, false)
	scope.Exit(y)
	return y
}
