package experts

import (
	"math"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// placeWidth is the number of dimensions that a spatial head has for places:
// in keys and values [p (3), |p|² in two parts, e (3)].
const placeWidth = 8

// spatial places each token at a point p in R³ a head. A score falls with the
// squared distance of two points and rises with the cosine of their directions
// e: both are inner products, so they are further dimensions of queries and
// keys. Further dimensions of the values tell a token where what it attends to
// lies.
type spatial struct{}

func init() { Register("spatial", spatial{}) }

func (spatial) Specs(s Shape) []nn.Spec {
	width, heads, head := s.Inner()
	return []nn.Spec{
		nn.Weight("qkv", 3*heads*(head-placeWidth), s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("points", 3*heads, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("out", s.DModel, width, nn.ResidualInit(width, s.Layers)),
		{Name: "distance", Shape: []int64{heads}, Init: nn.Constant(-0.7)},
		{Name: "direction", Shape: []int64{heads}, Init: nn.Constant(0.5)},
	}
}

func (spatial) ScoreWidth(s Shape) int64 {
	width, _, _ := s.Inner()
	return width
}

// Features turn what is left of a head by the token's position.
func (spatial) Features(s Shape, dt torch.DType, dev torch.Device) Features {
	_, _, head := s.Inner()
	return newPositionFeatures(head-placeWidth, s, dt, dev)
}

// spatialAttention is spatial's attention of one layer.
type spatialAttention struct {
	count, head, content int64 // H', h' and c = h' - 8
	qkv, points, out     nn.Linear
	// The logarithm of β, the weight of squared distances, and γ, that of
	// cosines, [H'] each.
	distance, direction *torch.Tensor
}

func (spatial) New(s Shape, p nn.Params) Attention {
	_, heads, head := s.Inner()
	return &spatialAttention{
		count: heads, head: head, content: head - placeWidth,
		qkv: nn.NewLinear(p.Sub("qkv")), points: nn.NewLinear(p.Sub("points")), out: nn.NewLinear(p.Sub("out")),
		distance: p.Get("distance"), direction: p.Get("direction"),
	}
}

func (a *spatialAttention) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	projected := a.project(u, cache)
	if cache.Steps(projected) {
		keys, values, place := cache.Next()
		return a.out.Forward(torch.SpatialStep(projected, a.points.Forward(u), rows[0], rows[1],
			a.distance, a.direction, keys, values, place, 1/math.Sqrt(float64(a.head))))
	}
	q, k, v, here := a.heads(projected, u, rows)
	attended := nn.MergeHeads(nn.SelfAttend(q, k, v, cache))
	return a.out.Forward(a.relate(attended, here))
}

// project returns the packed queries, keys and values [B, C, 3·H'·h'].
func (a *spatialAttention) project(u *torch.Tensor, cache *nn.Cache) *torch.Tensor {
	c := cache.Constants(func() []*torch.Tensor { return []*torch.Tensor{a.packed()} })
	return torch.Project(u, c[0])
}

// heads returns the extended queries, keys and values [B, H', C, h'] of what was
// projected from u, and the tokens' places.
func (a *spatialAttention) heads(projected, u *torch.Tensor, rows []*torch.Tensor) (q, k, v *torch.Tensor, here places) {
	dt := nn.ProductType(projected)
	here = a.places(u, dt)
	ofKeys := here.keys(dt)
	q, k, v = torch.RotaryHeads(projected, a.count, rows[0], rows[1], a.queries(here), ofKeys, ofKeys)
	return q, k, v, here
}

// packed returns the weight [3·H'·h', d] of queries, keys and values with 8
// rows of zeros after each head's c, where the places' dimensions are added.
func (a *spatialAttention) packed() *torch.Tensor {
	w := a.qkv.Weight()
	d := w.Size(1)
	return w.View(3*a.count, a.content, d).Pad([]int64{0, 0, 0, placeWidth}, 0).View(3*a.count*a.head, d)
}

// places are the tokens' places in the heads' spaces, in float32 at least.
type places struct {
	point     *torch.Tensor // p [B, C, H', 3]
	direction *torch.Tensor // e = p / sqrt(|p|² + 1e-6) [B, C, H', 3]
	square    *torch.Tensor // |p|² [B, C, H', 1]
}

// places computes p = 2·tanh(points(u)) in the precision dt of the products,
// so that queries and keys know the same points.
func (a *spatialAttention) places(u *torch.Tensor, dt torch.DType) places {
	bounded := nn.Float(a.points.Forward(u)).Tanh().MulScalar(2)
	p := nn.Float(bounded.ToDType(dt)).View(u.Size(0), u.Size(1), a.count, 3)
	square := p.Square().SumDim([]int64{-1}, true)
	return places{point: p, direction: p.Mul(square.AddScalar(1e-6).Rsqrt()), square: square}
}

// keys returns [B, C, 8H'], per head [p, s_hi, s_lo, e]: |p|² = s_hi + s_lo is
// split, since dt may have 8 bits only. The gradient goes through s_lo.
func (p places) keys(dt torch.DType) *torch.Tensor {
	high := nn.Float(p.square.Detach().ToDType(dt))
	return flatHeads(p.point, high, p.square.Sub(high), p.direction)
}

// queries returns [B, C, 8H'], per head r·[2β·p, -β, -β, γ·e]: with r = sqrt(h')
// against the softmax scale, a score gets -β|p_i - p_j|² + γ e_i·e_j, but for
// β|p_i|², which softmax does not see.
func (a *spatialAttention) queries(p places) *torch.Tensor {
	r := math.Sqrt(float64(a.head))
	near := a.distance.Exp().MulScalar(r).Unsqueeze(-1) // [H', 1]
	along := a.direction.MulScalar(r).Unsqueeze(-1)
	against := near.Neg().Expand(p.square.Size(0), p.square.Size(1), a.count, 2)
	return flatHeads(p.point.Mul(near.MulScalar(2)), against, p.direction.Mul(along))
}

// relate replaces the places' dimensions of attended [B, C, H'·h'], which are
// means over what was attended to, by how that lies to the token itself: the mean displacement, the mean
// squared distance |p_i|² - 2 p_i·m + s, the mean cosine and p_i.
func (a *spatialAttention) relate(attended *torch.Tensor, p places) *torch.Tensor {
	x := attended.View(attended.Size(0), attended.Size(1), a.count, a.head)
	means := nn.Float(x.Narrow(3, a.content, placeWidth))
	point, square, direction := means.Narrow(3, 0, 3), sum(means.Narrow(3, 3, 2)), means.Narrow(3, 5, 3)
	distance := p.square.Sub(sum(p.point.Mul(point)).MulScalar(2)).Add(square)
	related := []*torch.Tensor{x.Narrow(3, 0, a.content)}
	for _, t := range []*torch.Tensor{point.Sub(p.point), distance, sum(p.direction.Mul(direction)), p.point} {
		related = append(related, t.ToDType(x.DType()))
	}
	return flatHeads(related...)
}

// sum adds up the last dimension and keeps it as 1.
func sum(x *torch.Tensor) *torch.Tensor { return x.SumDim([]int64{-1}, true) }

// flatHeads joins parts [B, C, H', w] of heads and returns [B, C, H'·Σw].
func flatHeads(parts ...*torch.Tensor) *torch.Tensor {
	return torch.Cat(parts, -1).Flatten(2, 3)
}
