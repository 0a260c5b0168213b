package model

import (
	"math"
	"strings"

	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/memory"
	"agiformer/internal/model/introspection"
	"agiformer/internal/model/nn"
)

// Counts sizes a model without building it.
type Counts struct {
	// Parameters is the number of learned values, and Active how many of them
	// one token uses: k of the E experts of each block, of their mean size.
	Parameters, Active int64
	// ByComponent splits Parameters (see Parameter.Component).
	ByComponent map[string]int64
	// FLOPs a token of a forward pass at full segments: two for each product
	// of a weight or score, with all iterations of the introspection. A training step takes about three times as many.
	FLOPs float64
	// StreamBytes is the state a lane carries from segment to segment, in
	// float32; it is part of a checkpoint.
	StreamBytes int64
}

// Count sizes the model of cfg. It needs no libtorch; cfg must be Supported.
func Count(cfg config.Model, vocab int) Counts {
	c := Counts{ByComponent: map[string]int64{}}
	var inExperts, usedOfExperts, expertProducts float64
	var products int64
	for _, s := range specs(cfg, int64(vocab)) {
		n := s.Numel()
		part := component(cfg, s.Name)
		c.Parameters += n
		c.ByComponent[part] += n
		switch {
		case strings.HasPrefix(part, "experts."):
			used := float64(n) * expertShare(cfg, blockOf(s.Name))
			inExperts += float64(n)
			usedOfExperts += used
			if s.Decay {
				expertProducts += used
			}
		case part == "introspection": // its maps work several times a token
		case s.Decay && !onceASegment(s.Name):
			products += n // the maps that every token goes through
		}
	}
	c.Active = c.Parameters - int64(math.Round(inExperts-usedOfExperts))
	c.FLOPs = 2*(float64(products)+expertProducts) + scoreFLOPs(cfg)
	if k := cfg.EmbeddingContext; k > 1 {
		c.FLOPs += float64(2 * (k - 1) * cfg.DModel)
	}
	if cfg.UseIntrospection {
		c.FLOPs += introspection.FLOPs(introspectionShape(cfg))
	}
	if cfg.UseMemory {
		s := memoryShape(cfg)
		c.FLOPs += memory.FLOPs(s)
		c.StreamBytes = memory.StateBytes(s, 4)
	}
	return c
}

// onceASegment says whether the map of this name is the memory's and computed for
// a segment, not for each token that reads: memory.FLOPs has it.
func onceASegment(name string) bool {
	return strings.Contains(name, ".write_") || strings.HasSuffix(name, "gate.weight") || strings.HasSuffix(name, "working.value.weight")
}

// expertShare is k/E of block i: of its tokens each expert gets that share, and
// of its experts each token.
func expertShare(cfg config.Model, i int64) float64 {
	return float64(cfg.TopKOf(i)) / float64(len(cfg.ExpertsOf(i)))
}

// scoreFLOPs counts a token's products with keys and values in all blocks:
// the causal mean of half the (sub)sequence; with linear attention of half the
// chunk, and those with the heads' states [h, h], written and read.
func scoreFLOPs(cfg config.Model) float64 {
	t := float64(cfg.SegmentLen())
	own := t / 2
	if cfg.UseLinearAttention {
		own = min(t, nn.RetentionChunk)/2 + float64(cfg.HeadDim())
	}
	var total float64
	for i := range cfg.NLayers {
		share := expertShare(cfg, i)
		var inner float64
		for _, m := range members(cfg, i) {
			kind, _ := experts.Lookup(m.Kind)
			inner += float64(kind.ScoreWidth(expertShape(cfg)))
		}
		total += 4*own*float64(cfg.DModel) + 4*(t*share)/2*inner*share
	}
	return total
}
