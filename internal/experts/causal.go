package experts

import (
	"math"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Dimensions that a causal head has beside the rotated ones: 4 of its queries
// and keys that are not rotated, then 4 for the distance of two positions.
const unrotatedWidth, distanceWidth = 4, 4

// causal attends from effects to strictly earlier causes, which have
// projections of their own, and before them to a learned null cause. A score
// falls with the distance in tokens of the segment.
type causal struct{}

func init() { Register("causal", causal{}) }

func (causal) Specs(s Shape) []nn.Spec {
	width, heads, head := s.Inner()
	relation := heads * (head - distanceWidth)
	return []nn.Spec{
		nn.Weight("effect", relation, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("cause", relation+width, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("out", s.DModel, width, nn.ResidualInit(width, s.Layers)),
		{Name: "decay", Shape: []int64{heads}, Init: nn.Ramp(-2*math.Ln2, -8*math.Ln2, heads)},
		{Name: "null_key", Shape: []int64{heads, unrotatedWidth}},
		{Name: "null_value", Shape: []int64{heads, head}},
	}
}

func (causal) ScoreWidth(s Shape) int64 {
	width, _, _ := s.Inner()
	return width
}

// causalFeatures holds the rotary table of width h' - 8 and each position as
// 256·hi + lo, beside a 1.
type causalFeatures struct {
	rotary    *nn.Rotary
	positions *torch.Tensor // [T, 3]
}

func (causal) Features(s Shape, dt torch.DType, dev torch.Device) Features {
	scope := torch.Enter()
	defer scope.Exit()
	_, _, head := s.Inner()
	parts := make([]float64, 0, 3*s.SegmentLen)
	for t := range s.SegmentLen {
		parts = append(parts, float64(t/256*256), float64(t%256), 1)
	}
	return &causalFeatures{
		rotary:    nn.NewRotary(head-unrotatedWidth-distanceWidth, s.SegmentLen, dt, dev),
		positions: torch.FromSlice(parts, s.SegmentLen, 3).ToDType(dt).ToDevice(dev).Keep(),
	}
}

func (f *causalFeatures) Free() {
	f.rotary.Free()
	f.positions.Free()
}

// Rows returns for each token the cosines and sines of its position, and
// [256·hi, lo, 1]: each is exact in bfloat16 below 65,536, where their sum is not.
func (f *causalFeatures) Rows(s *Segment) []*torch.Tensor {
	return torch.ScopedList(func() []*torch.Tensor {
		cos, sin := f.rotary.At(s.First, s.Len)
		positions := f.positions.Narrow(0, s.First, s.Len)
		return []*torch.Tensor{s.PerToken(cos), s.PerToken(sin), s.PerToken(positions)}
	})
}

// causalAttention is causal's attention of one layer.
type causalAttention struct {
	count, head        int64 // H' and h'
	effect, cause, out nn.Linear
	decay              *torch.Tensor // [H'], the logarithm of δ
	nullKey, nullValue *torch.Tensor // [H', 4], [H', h']
}

func (causal) New(s Shape, p nn.Params) Attention {
	_, heads, head := s.Inner()
	return &causalAttention{
		count: heads, head: head,
		effect: nn.NewLinear(p.Sub("effect")), cause: nn.NewLinear(p.Sub("cause")), out: nn.NewLinear(p.Sub("out")),
		decay: p.Get("decay"), nullKey: p.Get("null_key"), nullValue: p.Get("null_value"),
	}
}

func (a *causalAttention) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	packed, ofQueries, ofKeys := a.project(u, rows, cache)
	return a.out.Forward(nn.RotaryEarlier(packed, a.count, rows[0], rows[1], ofQueries, ofKeys, a.null, cache))
}

// project returns the packed effects, causes and values [B, C, 3·H'·h'], and what
// is added to the last 8 dimensions of effects and causes [B, C, 8H'].
func (a *causalAttention) project(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) (packed, ofQueries, ofKeys *torch.Tensor) {
	c := cache.Constants(func() []*torch.Tensor {
		ofQueries, ofKeys := a.distances(nn.ProductType(a.decay))
		return []*torch.Tensor{a.packed(), ofQueries, ofKeys}
	})
	return torch.Project(u, c[0]), rows[2].Matmul(c[1]), rows[2].Matmul(c[2])
}

// packed returns the weight [3·H'·h', d] of effects, causes and values, with 4
// rows of zeros after each effect and cause head, where distances are added.
func (a *causalAttention) packed() *torch.Tensor {
	effect, cause := a.effect.Weight(), a.cause.Weight()
	relation, d := effect.Size(0), effect.Size(1)
	relations := torch.Cat([]*torch.Tensor{effect, cause.Narrow(0, 0, relation)}, 0).
		View(2*a.count, a.head-distanceWidth, d).Pad([]int64{0, 0, 0, distanceWidth}, 0)
	value := cause.Narrow(0, relation, a.count*a.head)
	return torch.Cat([]*torch.Tensor{relations.View(2*a.count*a.head, d), value}, 0)
}

// distances returns the tables [3, 8H'] that turn a position's [256·hi, lo, 1] into
// what is added to the 8 dimensions of query and key heads that are not rotated:
// nothing to the first 4, then with δ' = δ·sqrt(h') against the softmax scale
// [δ', δ', -256·hi, -lo] and [256·hi, lo, δ', δ'], whose product is δ'·(t_j - t_i).
// What carries the large numbers is exact, as each entry has one term, and δ' is
// rounded to dt, the type of the products, on both sides: a difference of the two
// would be multiplied by t.
func (a *causalAttention) distances(dt torch.DType) (ofQueries, ofKeys *torch.Tensor) {
	slope := nn.Float(a.decay.Exp().MulScalar(math.Sqrt(float64(a.head))).ToDType(dt)).View(1, a.count, 1)
	table := func(sign float64, place, slopes int64) *torch.Tensor {
		row := func(part *torch.Tensor, at int64) *torch.Tensor { // [1, 1 or H', w] from a dimension of distances on
			around := []int64{unrotatedWidth + at, distanceWidth - at - part.Size(-1)}
			return part.Pad(around, 0).Expand(1, a.count, unrotatedWidth+distanceWidth)
		}
		one := torch.Full(sign, slope.DType(), slope.Device(), 1, 1, 1)
		rows := []*torch.Tensor{row(one, place), row(one, place+1), row(slope.Expand(1, a.count, 2), slopes)}
		return torch.Cat(rows, 0).Flatten(1, 2)
	}
	return table(-1, 2, 0), table(1, 0, 2)
}

// null returns the null cause. Its key is null_key in the dimensions that are
// neither rotated nor distances, and 0 in the others.
func (a *causalAttention) null() nn.Null {
	rotated := a.head - unrotatedWidth - distanceWidth
	return nn.Null{Key: a.nullKey.Pad([]int64{rotated, distanceWidth}, 0), Value: a.nullValue}
}
