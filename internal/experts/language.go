package experts

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Sizes of the token features (docs/model.md, Token features) and of the
// bias dimensions that they get in queries and keys.
const (
	typeCount, placeCount, vowelCount = 32, 16, 8
	biasWidth                         = 4
	oneHotWidth                       = typeCount + placeCount + vowelCount
)

// language is AgglutinativeAttention: dot-product attention whose queries and
// keys are extended by learned vectors of the token's type, its place in the
// word and its vowel class, and of whose rotary pairs every other part turns
// with the word's index instead of the token's.
type language struct{}

func init() { Register("language", language{}) }

// languageWidths returns the heads H', the head width h', and the width
// c = h' - 8 of the part of queries and keys that comes from the states.
func languageWidths(s Shape) (heads, head, content int64) {
	_, heads, head = s.Inner()
	return heads, head, head - 2*biasWidth
}

func (language) Specs(s Shape) []nn.Spec {
	width, _, _ := s.Inner()
	heads, head, content := languageWidths(s)
	table := func(name string, rows int64) nn.Spec {
		return nn.Table(name+".weight", rows, biasWidth*heads, nn.Normal(0.5))
	}
	return []nn.Spec{
		nn.Weight("qkv", heads*(2*content+head), s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("out", s.DModel, width, nn.ResidualInit(width, s.Layers)),
		table("type_query", typeCount), table("type_key", typeCount),
		table("place_query", placeCount), table("place_key", placeCount),
		table("vowel_query", vowelCount), table("vowel_key", vowelCount),
	}
}

func (language) ScoreWidth(s Shape) int64 {
	width, _, _ := s.Inner()
	return width
}

// languageFeatures holds the rotary tables: of the c/2 pairs the first n_t turn
// with the token's position in the segment, the rest with its word's index.
type languageFeatures struct {
	token, word                            *nn.Rotary    // [T, n_t], [T+1, n_w]
	typeNumbers, placeNumbers, vowelNumber *torch.Tensor // 0..count-1
	dtype                                  torch.DType
}

func (language) Features(s Shape, dt torch.DType, dev torch.Device) Features {
	scope := torch.Enter()
	defer scope.Exit()
	_, _, content := languageWidths(s)
	wordPairs := content / 4
	tokenPairs := content/2 - wordPairs
	return &languageFeatures{
		token:        nn.NewRotary(2*tokenPairs, s.SegmentLen, dt, dev),
		word:         nn.NewRotary(2*wordPairs, s.SegmentLen+1, dt, dev),
		typeNumbers:  torch.Arange(typeCount, torch.Int64, dev).Keep(),
		placeNumbers: torch.Arange(placeCount, torch.Int64, dev).Keep(),
		vowelNumber:  torch.Arange(vowelCount, torch.Int64, dev).Keep(),
		dtype:        dt,
	}
}

func (f *languageFeatures) Free() {
	f.token.Free()
	f.word.Free()
	torch.FreeAll([]*torch.Tensor{f.typeNumbers, f.placeNumbers, f.vowelNumber})
}

// Rows returns for each token the cosines and sines of its c/2 angles, and
// the one-hot type, place and vowel (width 56): these turn the table look-ups
// of the layers and their gradients into small matrix products.
func (f *languageFeatures) Rows(s *Segment) []*torch.Tensor {
	return torch.ScopedList(func() []*torch.Tensor {
		n := s.Lanes * s.Len
		tokenCos, tokenSin := f.token.At(s.First, s.Len)
		wordCos, wordSin := f.word.Of(s.Words, 0, s.Len)
		angles := func(token, word *torch.Tensor) *torch.Tensor {
			return torch.Cat([]*torch.Tensor{s.PerToken(token), word.View(n, -1)}, 1)
		}
		oneHot := func(ids, numbers *torch.Tensor) *torch.Tensor { return ids.Reshape(n, 1).Eq(numbers) }
		features := torch.Cat([]*torch.Tensor{
			oneHot(s.Types, f.typeNumbers), oneHot(s.Places, f.placeNumbers), oneHot(s.Vowels, f.vowelNumber)}, 1)
		return []*torch.Tensor{angles(tokenCos, wordCos), angles(tokenSin, wordSin), features.ToDType(f.dtype)}
	})
}

// languageAttention is language's attention of one layer.
type languageAttention struct {
	count, head, content int64 // H', h' and c
	qkv, out             nn.Linear
	// Feature tables, queries first: [32, 4H'], [16, 4H'], [8, 4H'].
	types, places, vowels [2]*torch.Tensor
}

func (language) New(s Shape, p nn.Params) Attention {
	heads, head, content := languageWidths(s)
	pair := func(name string) [2]*torch.Tensor {
		return [2]*torch.Tensor{p.Get(name + "_query.weight"), p.Get(name + "_key.weight")}
	}
	return &languageAttention{
		count: heads, head: head, content: content,
		qkv: nn.NewLinear(p.Sub("qkv")), out: nn.NewLinear(p.Sub("out")),
		types: pair("type"), places: pair("place"), vowels: pair("vowel"),
	}
}

func (a *languageAttention) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	packed, ofQueries, ofKeys := a.project(u, rows, cache)
	return a.out.Forward(nn.RotaryAttention(packed, a.count, rows[0], rows[1], ofQueries, ofKeys, cache))
}

// project returns the packed queries, keys and values [B, C, 3·H'·h'], and what
// the features add to the last 8 dimensions of query and key heads [B, C, 8H'].
func (a *languageAttention) project(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) (packed, ofQueries, ofKeys *torch.Tensor) {
	c := cache.Constants(func() []*torch.Tensor { return []*torch.Tensor{a.packed(), a.bias(0), a.bias(1)} })
	return torch.Project(u, c[0]), rows[2].Matmul(c[1]), rows[2].Matmul(c[2])
}

// packed returns the weight [3·H'·h', d] that gives queries, keys and values
// of one width: 8 rows of zeros after the c rows of each query and key head,
// where the features' dimensions are added.
func (a *languageAttention) packed() *torch.Tensor {
	w := a.qkv.Weight()
	d, content := w.Size(1), 2*a.count*a.content
	queryKey := w.Narrow(0, 0, content).View(2*a.count, a.content, d).Pad([]int64{0, 0, 0, 2 * biasWidth}, 0)
	value := w.Narrow(0, content, a.count*a.head)
	return torch.Cat([]*torch.Tensor{queryKey.View(2*a.count*a.head, d), value}, 0)
}

// bias returns the table [56, 8H'] that a one-hot row turns into the learned
// dimensions of the queries (side 0) or keys (side 1): per head 4 of type and
// place together, then 4 of the vowel.
func (a *languageAttention) bias(side int) *torch.Tensor {
	typePlace := torch.Cat([]*torch.Tensor{a.types[side], a.places[side]}, 0).View(-1, a.count, biasWidth)
	vowel := a.vowels[side].View(-1, a.count, biasWidth)
	return torch.Cat([]*torch.Tensor{
		typePlace.Pad([]int64{0, biasWidth}, 0), vowel.Pad([]int64{biasWidth, 0}, 0),
	}, 0).View(oneHotWidth, a.count*2*biasWidth)
}
