package nn

import "agiformer/internal/torch"

// LayerNormEps is the epsilon of every LayerNorm.
const LayerNormEps = 1e-5

// LayerNorm normalises the last dimension (Ba et al. 2016).
type LayerNorm struct{ weight, bias *torch.Tensor }

// NewLayerNorm takes the parameters weight and bias of p.
func NewLayerNorm(p Params) LayerNorm {
	return LayerNorm{weight: p.Get("weight"), bias: p.Get("bias")}
}

// Forward normalises x [..., d].
func (n LayerNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.LayerNorm(x, n.weight.Shape(), n.weight, n.bias, LayerNormEps)
}

// Linear is l(n(x)) for x [..., d]. Its gradient computes the norm again instead
// of keeping it, and costs half where x needs none.
func (n LayerNorm) Linear(x *torch.Tensor, l Linear) *torch.Tensor {
	return torch.NormLinear(x, n.weight, n.bias, LayerNormEps, l.weight)
}

// MLP is down(GELU(up(n(x)))) for x [..., d]. Its gradient keeps the widest
// tensor once and computes the norm and GELU again.
func (n LayerNorm) MLP(x *torch.Tensor, up, down Linear) *torch.Tensor {
	return torch.NormMLP(x, n.weight, n.bias, LayerNormEps, up.weight, down.weight)
}

// MLP is down(GELU(up(x))) for x [..., d]; what is kept for its gradient is x
// and the widest tensor once.
func MLP(x *torch.Tensor, up, down Linear) *torch.Tensor {
	return torch.MLP(x, up.weight, down.weight)
}

// Linear is a linear map without bias; its weight is [out, in].
type Linear struct{ weight *torch.Tensor }

// NewLinear takes the parameter weight of p.
func NewLinear(p Params) Linear { return Linear{weight: p.Get("weight")} }

// Weight returns the weight [out, in].
func (l Linear) Weight() *torch.Tensor { return l.weight }

// Columns is the part of the map that n inputs from first on go through: the
// map of [a; b] is the sum of its parts' maps of a and b.
func (l Linear) Columns(first, n int64) Linear {
	return Linear{weight: l.weight.Narrow(1, first, n)}
}

// Forward maps x [..., in] to [..., out].
func (l Linear) Forward(x *torch.Tensor) *torch.Tensor { return torch.Project(x, l.weight) }

// Residual returns x + dropout(branch), both [..., d]. It consumes branch:
// where the dtypes allow the sum is written into it, since x stays saved for
// the gradient of the norm that read it and branch is saved by nothing.
func Residual(x, branch *torch.Tensor, dropout float64, train bool) *torch.Tensor {
	if train && dropout > 0 {
		branch = torch.Dropout(branch, dropout, true)
	}
	if branch.DType() == x.DType() {
		return branch.Add_(x)
	}
	return x.Add(branch)
}

// ProductType is the type in which matrix products read x: autocast's, where it
// is on and x in float32, else x's own.
func ProductType(x *torch.Tensor) torch.DType {
	if x.DType() != torch.Float32 {
		return x.DType()
	}
	return torch.AutocastDType(x.Device().Type, torch.Float32)
}

// Float returns x in float32 where it is narrower, and x itself otherwise
// (float64 stays float64).
func Float(x *torch.Tensor) *torch.Tensor {
	switch x.DType() {
	case torch.Float32, torch.Float64:
		return x
	default:
		return x.ToDType(torch.Float32)
	}
}
