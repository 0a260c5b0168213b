package experts

import (
	"fmt"
	"maps"
	"slices"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Shape is what an expert needs to know of the model.
type Shape struct {
	DModel, DFF, Heads, Layers, SegmentLen int64
}

// Inner returns the inner width d' = d/2 of an expert's attention, its heads
// H' (half the model's where that is whole) and the head width h' = d'/H'.
func (s Shape) Inner() (width, heads, head int64) {
	width, heads = s.DModel/2, s.Heads
	if heads%2 == 0 {
		heads /= 2
	}
	return width, heads, width / heads
}

// Attention is the part in which the kinds of experts differ.
type Attention interface {
	// Forward attends u [B, C, d] causally to itself and returns [B, C, d]. A row
	// may hold several lanes or documents, which only the cache keeps apart: every
	// attention goes through it (nn.SelfAttend and its like, or cache.Each), also
	// where it keeps nothing.
	// rows [B, C, w] each are the tokens' rows of the kind's Features. With a
	// cache the keys and values are added to it and C = 1 unless it is empty.
	Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor
}

// Features computes what a kind of expert knows of tokens beside their
// states; all layers share it.
type Features interface {
	// Rows returns tables [B·T, w] of the tokens of the segment, w of the
	// kind's choice, without gradient.
	Rows(s *Segment) []*torch.Tensor
	// Free frees the tables.
	Free()
}

// Kind is one type of expert.
type Kind interface {
	// Specs lists the parameters of the attention, in order, without libtorch.
	// None: the kind has no attention, and New is not called.
	Specs(s Shape) []nn.Spec
	// Features makes the tables in dt on dev; nil where the kind needs none.
	Features(s Shape, dt torch.DType, dev torch.Device) Features
	// New builds the attention of one expert over its parameters.
	New(s Shape, p nn.Params) Attention
	// ScoreWidth is the width over which scores are computed, summed over
	// heads, for counting operations; 0 without attention.
	ScoreWidth(s Shape) int64
}

var kinds = map[string]Kind{}

// Register makes a kind of expert known by name (config model.expert_types). A
// name that is taken is a mistake in the program, and panics.
func Register(name string, k Kind) {
	if _, taken := kinds[name]; taken {
		panic(fmt.Sprintf("experts.Register: there is an expert %q already: give the new one another name", name))
	}
	kinds[name] = k
}

// Lookup returns the kind registered under name.
func Lookup(name string) (Kind, bool) {
	k, ok := kinds[name]
	return k, ok
}

// Names lists the registered kinds in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }
