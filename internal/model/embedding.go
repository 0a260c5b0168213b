package model

import (
	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/model/nn"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// embedding gives each token a vector that knows the tokens just before it:
//
//	x_t = E[id_t] + Σ_{i=1}^{K-1} c_i ⊙ E[id_{t-i}]
//
// a causal depthwise convolution over the segment, or over the document where a
// segment holds several; before its start stands nothing. With bytes for tokens a
// single embedding says next to nothing, and attention would have to learn
// first what stands beside what.
//
// With model.embedding_features the vectors of the token's type, its place in
// the word and its vowel class come on top: what pieces of the same kind have in
// common need not be learnt for each.
type embedding struct {
	weight  *torch.Tensor // E [V, d]
	context *torch.Tensor // c [K-1, d]; nil where K = 1
	// features are the tables of types, places and vowel classes, [32, d],
	// [16, d] and [8, d]; none without them.
	features []*torch.Tensor
}

// featureTables names the tables of token features and says how long they are.
var featureTables = []struct {
	name string
	rows int64
}{{"types", tokenizer.TypeCount}, {"places", tokenizer.PlaceCount}, {"vowels", tokenizer.VowelCount}}

func embeddingSpecs(cfg config.Model, vocab int64) []nn.Spec {
	specs := []nn.Spec{nn.Table("weight", vocab, cfg.DModel, nn.Normal(0.02))}
	if k := cfg.EmbeddingContext; k > 1 {
		specs = append(specs, nn.Table("context", k-1, cfg.DModel, nn.Normal(0.5)))
	}
	if cfg.EmbeddingFeatures {
		for _, table := range featureTables {
			specs = append(specs, nn.Table(table.name, table.rows, cfg.DModel, nn.Normal(0.02)))
		}
	}
	return specs
}

func newEmbedding(p nn.Params) embedding {
	e := embedding{weight: p.Get("weight")}
	if p.Has("context") {
		e.context = p.Get("context")
	}
	if p.Has(featureTables[0].name) {
		for _, table := range featureTables {
			e.features = append(e.features, p.Get(table.name))
		}
	}
	return e
}

// reach returns K-1, the number of earlier tokens that a vector is made of.
func (e embedding) reach() int64 {
	if e.context == nil {
		return 0
	}
	return e.context.Size(0)
}

// forward returns the vectors [B, T, d] of ids [B, T], which begin a segment or
// follow on at least as many of its tokens as are read back to.
func (e embedding) forward(ids *torch.Tensor, documents *experts.Documents) *torch.Tensor {
	x := torch.Embedding(e.weight, ids, -1)
	if e.context == nil {
		return x
	}
	scope := torch.Enter()
	defer scope.Exit()
	if documents == nil {
		x = torch.CausalConvolution(x, e.context)
	} else {
		shape := x.Shape()
		gapped, back := documents.Spaced(x.View(1, -1, shape[2]), e.reach())
		x = torch.CausalConvolution(gapped, e.context).IndexSelect(1, back).View(shape...)
	}
	scope.Exit(x)
	return x
}

// described returns x [B, T, d] and the vectors of its tokens' features.
func (e embedding) described(x *torch.Tensor, s *experts.Segment) *torch.Tensor {
	if e.features == nil {
		return x
	}
	for i, ids := range []*torch.Tensor{s.Types, s.Places, s.Vowels} {
		x = x.Add(torch.Embedding(e.features[i], ids, -1))
	}
	return x
}
