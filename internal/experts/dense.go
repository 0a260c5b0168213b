package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// dense is an expert without attention, y = down(GELU(up(u))): the feed-forward
// layer of a plain GPT where it is a block's only expert.
type dense struct{}

func init() { Register("dense", dense{}) }

func (dense) Specs(Shape) []nn.Spec { return nil }

func (dense) Features(Shape, torch.DType, torch.Device) Features { return nil }

func (dense) New(Shape, nn.Params) Attention { return nil }

func (dense) ScoreWidth(Shape) int64 { return 0 }
