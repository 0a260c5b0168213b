package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Expert is one expert of one block:
//
//	a = attention(u),  y = a + down(GELU(up(LN(u + a))))
//
// over a subsequence u of the tokens, in which causality is order. Without an
// attention it is y = down(GELU(up(u))).
type Expert struct {
	kind      string
	attention Attention // nil: none, and no norm
	norm      nn.LayerNorm
	up, down  nn.Linear
}

// ExpertSpecs lists the parameters of an expert of the kind.
func ExpertSpecs(kind string, s Shape) []nn.Spec {
	var specs []nn.Spec
	if own := kinds[kind].Specs(s); len(own) > 0 {
		specs = append(nn.Prefix("attention", own), nn.Norm("norm", s.DModel)...)
	}
	return append(specs,
		nn.Weight("up", s.DFF, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("down", s.DModel, s.DFF, nn.ResidualInit(s.DFF, s.Layers)))
}

// NewExpert builds an expert of the registered kind over its parameters.
func NewExpert(kind string, s Shape, p nn.Params) *Expert {
	e := &Expert{kind: kind, up: nn.NewLinear(p.Sub("up")), down: nn.NewLinear(p.Sub("down"))}
	if k := kinds[kind]; len(k.Specs(s)) > 0 {
		e.attention = k.New(s, p.Sub("attention").Of("the expert "+kind))
		e.norm = nn.NewLayerNorm(p.Sub("norm"))
	}
	return e
}

// Forward maps u [B, C, d] to [B, C, d]; rows and cache as in Attention.
func (e *Expert) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	if e.attention == nil {
		return nn.MLP(u, e.up, e.down)
	}
	scope := torch.Enter()
	defer scope.Exit()
	a := e.attention.Forward(u, rows, cache)
	y := nn.Residual(a, e.norm.MLP(u.Add(a), e.up, e.down), 0, false)
	scope.Exit(y)
	return y
}
