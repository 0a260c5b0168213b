package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// plain is an expert with rotary attention and nothing else: what the other
// kinds add to it is the difference to it.
type plain struct{}

func init() { Register("plain", plain{}) }

func (plain) Specs(s Shape) []nn.Spec {
	width, _, _ := s.Inner()
	return []nn.Spec{
		nn.Weight("qkv", 3*width, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("out", s.DModel, width, nn.ResidualInit(width, s.Layers)),
	}
}

func (plain) ScoreWidth(s Shape) int64 {
	width, _, _ := s.Inner()
	return width
}

func (plain) Features(s Shape, dt torch.DType, dev torch.Device) Features {
	_, _, head := s.Inner()
	return newPositionFeatures(head, s, dt, dev)
}

// positionFeatures is the rotary table of one width.
type positionFeatures struct{ rotary *nn.Rotary }

func newPositionFeatures(width int64, s Shape, dt torch.DType, dev torch.Device) *positionFeatures {
	return &positionFeatures{nn.NewRotary(width, s.SegmentLen, dt, dev)}
}

func (f *positionFeatures) Free() { f.rotary.Free() }

// Rows returns the cosines and sines of each token's position.
func (f *positionFeatures) Rows(s *Segment) []*torch.Tensor {
	return torch.ScopedList(func() []*torch.Tensor {
		cos, sin := f.rotary.At(s.First, s.Len)
		return []*torch.Tensor{s.PerToken(cos), s.PerToken(sin)}
	})
}

// plainAttention is plain's attention of one layer.
type plainAttention struct {
	count    int64 // H'
	qkv, out nn.Linear
}

func (plain) New(s Shape, p nn.Params) Attention {
	_, heads, _ := s.Inner()
	return &plainAttention{count: heads, qkv: nn.NewLinear(p.Sub("qkv")), out: nn.NewLinear(p.Sub("out"))}
}

func (a *plainAttention) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	packed := torch.Project(u, a.qkv.Weight())
	return a.out.Forward(nn.RotaryAttention(packed, a.count, rows[0], rows[1], nil, nil, cache))
}
