package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// tiny returns the named variant's shape scaled down; segments are 8 tokens.
func tiny(variant string) config.Model {
	c := config.Model{
		Name: variant, DModel: 32, NLayers: 2, NHeads: 2, DFF: 48, NExperts: 2,
		ExpertTypes: []string{"language", "logic"}, MemorySize: 5, MaxSeqLen: 8, MemoryUpdateFreq: 1, EmbeddingContext: 3,
		MoE: config.MoE{LoadBalancingLossWeight: 0.01, LoadBalancingScope: "batch"},
	}
	switch variant {
	case "text_only":
		c.UseMemory = true
	case "working", "bank": // one part of the memory
		c.UseMemory, c.MemoryParts = true, variant
	case "minimal": // with the tokens' features in the embeddings
		c.UseMemory, c.NExperts, c.ExpertTypes, c.EmbeddingFeatures = true, 1, []string{"language"}, true
	case "t4_optimized":
		c.UseMemory, c.DModel, c.NHeads, c.DFF = true, 96, 6, 64
	case "four": // four experts, of which a token visits two; a short memory written every second segment
		c.UseMemory, c.NExperts = true, 4
		c.ExpertTypes = []string{"language", "logic", "logic", "language"}
		c.MaxSegmentLen, c.MemoryUpdateFreq = ptr(int64(5)), 2
	case "linear":
		c.UseMemory, c.UseLinearAttention = true, true
	case "introspective": // with loss terms heavy enough to show
		c.UseMemory, c.UseIntrospection, c.MaxIterations = true, true, 3
		c.Introspection = config.Introspection{LossWeight: 0.5, PonderWeight: 0.3}
	case "single thought":
		c.UseLinearAttention, c.UseIntrospection, c.MaxIterations = true, true, 1
		c.Introspection = config.Introspection{LossWeight: 0.5}
	case "all", "all twice": // every kind of expert, of which a token visits two
		c.UseMemory, c.ExpertTypes = true, slices.Clone(kinds)
		if variant == "all twice" {
			c.ExpertTypes = append(c.ExpertTypes, kinds...)
		}
		c.DModel, c.NHeads, c.NExperts = 64, 4, int64(len(c.ExpertTypes)) // two heads an expert
	case "pruned": // of two experts of which a token visits one; a block has one left, whose router weighs it
		c.UseMemory, c.BlockExperts = true, [][]int64{{0, 1}, {1}}
	case "pruned four": // of four, of which a token visits two
		c.UseMemory, c.NLayers, c.NExperts = true, 3, 4
		c.ExpertTypes, c.BlockExperts = []string{"language", "logic", "logic", "language"}, [][]int64{{1, 2, 3}, {2}, {0, 3}}
	default:
		if kind, ok := strings.CutPrefix(variant, "only "); ok {
			c.UseMemory, c.NExperts, c.ExpertTypes = true, 1, []string{kind}
		}
	}
	return c
}

// kinds are the experts that attend.
var kinds = []string{"language", "logic", "spatial", "causal"}

var variants = []string{"base", "text_only", "minimal", "t4_optimized", "four", "linear", "working", "bank",
	"only language", "only logic", "only spatial", "only causal", "only dense", "all", "all twice",
	"introspective", "single thought", "pruned", "pruned four"}

func ptr[T any](v T) *T { return &v }

// build makes a float64 model of 256 ids that is freed with the current job.
// Its routers are steep, so that choices are far from ties, and its introspection
// moves the states and lets tokens go at different iterations.
func build(t *testing.T, cfg config.Model, seed uint64) *model.Model {
	t.Helper()
	m, err := model.New(cfg, 256, torch.CPU, torch.Float64, seed)
	if err != nil {
		t.Fatal(err)
	}
	torch.NoGrad(func() {
		for _, p := range m.Parameters() {
			switch p.Component {
			case "router":
				p.Tensor.MulScalar_(10)
			case "embedding":
				if p.Name == "embedding.context" {
					continue
				}
				p.Tensor.MulScalar_(50) // louder than the memory, so that tokens differ
			case "introspection":
				think(p, seed)
			}
			switch {
			case strings.Contains(p.Name, ".null_"):
				p.Tensor.Fill_(0.3) // a null cause that shows
			case p.Name == "memory.fusion.norm.weight":
				p.Tensor.Fill_(0.3) // the tokens decide their experts, so that few stand between two
			}
		}
	})
	return m
}

// think makes a parameter of the introspection as if it had learned something.
func think(p model.Parameter, seed uint64) {
	switch p.Name {
	case "introspection.heads.weight":
		g := torch.NewGenerator(torch.CPU, seed)
		defer g.Free()
		p.Tensor.Normal_(0, 3/math.Sqrt(float64(p.Tensor.Size(1))), g)
	case "introspection.heads.bias":
		p.Tensor.Narrow(0, 2, 1).Fill_(1) // some tokens halt at once, some later, some never
	case "introspection.out.weight", "introspection.meta_out.weight", "introspection.correction_out.weight":
		p.Tensor.MulScalar_(5)
	}
}

// randomText returns n bytes of words, spaces, digits and vowels.
func randomText(rng *rand.Rand, n int) []int32 {
	const letters = "aeıoöuübkst  123.,\n"
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(letters[rng.IntN(len(letters))])
	}
	return ids
}

// segment is one lane's part of an input.
type segment struct {
	ids     []int32
	labeler tokenizer.Labeler // advanced past ids
}

// input makes [B, T] of the lanes' ids, padded at their ends with random
// ids, which must not matter.
func input(rng *rand.Rand, t int, lanes ...segment) model.Input {
	var columns [5][]int64
	lengths := make([]int64, len(lanes))
	for b, lane := range lanes {
		lengths[b] = int64(len(lane.ids))
		word := int64(0)
		for i := range t {
			row := [5]int64{rng.Int64N(256), rng.Int64N(32), rng.Int64N(16), rng.Int64N(8), rng.Int64N(int64(t))}
			if i < len(lane.ids) {
				l := lane.labeler.Next(lane.ids[i])
				if l.WordStart {
					word++
				}
				row = [5]int64{int64(lane.ids[i]), int64(l.Type), int64(l.Place), int64(l.Vowel), word}
			}
			for c := range row {
				columns[c] = append(columns[c], row[c])
			}
		}
	}
	put := func(c int) *torch.Tensor { return torch.FromSlice(columns[c], int64(len(lanes)), int64(t)) }
	return model.Input{IDs: put(0), Types: put(1), Places: put(2), Vowels: put(3), Words: put(4), Lengths: lengths}
}

// fresh returns a segment at the start of a document.
func fresh(ids []int32) segment { return segment{ids, tokenizer.NewByte().NewLabeler()} }

// cut returns the segments of a document.
func cut(ids []int32, t int) []segment {
	labeler := tokenizer.NewByte().NewLabeler()
	var all []segment
	for len(ids) > 0 {
		n := min(t, len(ids))
		all = append(all, segment{ids[:n], labeler})
		ids = ids[n:]
	}
	return all
}

// infer runs Forward without gradients and returns the logits but for id 0.
func infer(m *model.Model, in model.Input, s *model.State, o model.Options) *torch.Tensor {
	var logits *torch.Tensor
	torch.NoGrad(func() { logits = m.Forward(in, s, o).Logits })
	return tail(logits)
}

// tail leaves id 0 out, whose logit is -inf.
func tail(logits *torch.Tensor) *torch.Tensor {
	return logits.Narrow(-1, 1, logits.Size(-1)-1)
}

// parallel returns the logits [n, V-1] of a document read segment by segment.
func parallel(m *model.Model, ids []int32) *torch.Tensor {
	rng := rand.New(rand.NewPCG(1, 1))
	s := m.NewState(1)
	defer s.Free()
	var parts []*torch.Tensor
	for _, part := range cut(ids, int(m.Config().MaxSeqLen)) {
		parts = append(parts, infer(m, input(rng, len(part.ids), part), s, model.Options{}).Select(0, 0))
	}
	return torch.Cat(parts, 0)
}
