package unigram_test

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/unigram"
)

// segment returns the pieces of text, what is unknown in brackets.
func segment(v *unigram.Vocabulary, text string, cuts ...int) []string {
	var pieces []string
	start := int32(0)
	for _, token := range v.NewSegmenter().Segment([]byte(text), cuts, nil) {
		piece := text[start:token.End]
		if token.Piece == unigram.Unknown {
			piece = "[" + piece + "]"
		}
		pieces = append(pieces, piece)
		start = token.End
	}
	return pieces
}

func vocabulary(t *testing.T, join unigram.Join, scores map[string]float64) *unigram.Vocabulary {
	t.Helper()
	var pieces []unigram.Piece
	for text, score := range scores {
		pieces = append(pieces, unigram.Piece{Text: text, Score: score})
	}
	v, err := unigram.NewVocabulary(pieces, join)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSegment(t *testing.T) {
	t.Parallel()
	scores := map[string]float64{
		"a": -3, "b": -3, "ab": -5, "abc": -20, "c": -2, "ş": -4, "ev": -3, "ler": -3, "e": -6, "v": -6, "evler": -5,
		"in": -3, "de": -3, "lerin": -4, "leri": -1, "lerinde": -8.9,
	}
	cases := []struct {
		join unigram.Join
		text string
		cuts []int
		want []string
	}{
		{unigram.JoinNone, "", nil, nil},
		{unigram.JoinNone, "abş", nil, []string{"ab", "ş"}},
		{unigram.JoinNone, "abc", nil, []string{"abc"}}, // a whole part is one piece
		{unigram.JoinNone, "abcc", nil, []string{"ab", "c", "c"}},
		{unigram.JoinNone, "abğx", nil, []string{"ab", "[ğ]", "[x]"}},
		{unigram.JoinNone, "ab", []int{1}, []string{"a", "b"}},
		{unigram.JoinNone, "evler", []int{2}, []string{"ev", "ler"}},
		{unigram.JoinWhole, "evler", []int{2}, []string{"evler"}},
		{unigram.JoinWhole, "evlerin", []int{2, 5}, []string{"ev", "ler", "in"}},
		{unigram.JoinTail, "evlerin", []int{2, 5}, []string{"ev", "lerin"}},
		{unigram.JoinTail, "evlerinde", []int{2, 5, 7}, []string{"ev", "lerin", "de"}},
		{unigram.JoinTail, "evleri", []int{2, 5}, []string{"ev", "leri"}},
	}
	for _, c := range cases {
		if got := segment(vocabulary(t, c.join, scores), c.text, c.cuts...); !slices.Equal(got, c.want) {
			t.Errorf("join %d, %q cut at %v is %q, want %q", c.join, c.text, c.cuts, got, c.want)
		}
	}
}

// The segmentation is the best of all, found by trying them.
func TestSegmentIsTheBest(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		scores := map[string]float64{"a": -r.Float64() * 9, "b": -r.Float64() * 9, "ı": -r.Float64() * 9}
		for range 12 {
			scores[randomText(r, 2+r.IntN(3))] = -r.Float64() * 15
		}
		text := randomText(r, 1+r.IntN(9))
		v := vocabulary(t, unigram.JoinWhole, scores)
		got := 0.0
		for _, piece := range segment(v, text) {
			got += scores[piece]
		}
		if want := bestScore(scores, text); math.Abs(got-want) > 1e-9 {
			t.Fatalf("%q under %v scores %v, want %v", text, scores, got, want)
		}
	}
}

func randomText(r *rand.Rand, n int) string {
	var text strings.Builder
	for range n {
		text.WriteString([]string{"a", "b", "ı"}[r.IntN(3)])
	}
	return text.String()
}

func bestScore(scores map[string]float64, text string) float64 {
	if text == "" {
		return 0
	}
	best := math.Inf(-1)
	for piece, score := range scores {
		if rest, ok := strings.CutPrefix(text, piece); ok {
			best = max(best, score+bestScore(scores, rest))
		}
	}
	return best
}

func TestNewVocabularyRefuses(t *testing.T) {
	t.Parallel()
	for name, pieces := range map[string][]unigram.Piece{
		"empty":    {{Text: ""}},
		"twice":    {{Text: "a"}, {Text: "a"}},
		"UTF-8":    {{Text: "\xff"}},
		"finite":   {{Text: "a", Score: math.NaN()}},
		"infinite": {{Text: "a", Score: math.Inf(-1)}},
	} {
		if _, err := unigram.NewVocabulary(pieces, unigram.JoinNone); err == nil {
			t.Errorf("%s: a vocabulary was made of %+v", name, pieces)
		}
	}
}

// corpus makes words of a few stems and suffixes.
func corpus() []unigram.Item {
	stems := []string{" ev", " kitap", " göz", " araba", " yol", " deniz", " ışık", " çiçek"}
	suffixes := []string{"", "ler", "lar", "de", "da", "im", "ım", "lerde", "larda", "lerim"}
	var items []unigram.Item
	for i, stem := range stems {
		for k, suffix := range suffixes {
			item := unigram.Item{Text: stem + suffix, Count: int64(1 + (7*i+5*k)%23)}
			if suffix != "" {
				item.Cuts = []int{len(stem)}
			}
			items = append(items, item)
		}
	}
	return items
}

func train(t *testing.T, items []unigram.Item, o unigram.Options) []unigram.Piece {
	t.Helper()
	v, err := unigram.Train(context.Background(), items, o)
	if err != nil {
		t.Fatal(err)
	}
	var pieces []unigram.Piece
	for i := range v.Len() {
		pieces = append(pieces, v.Piece(int32(i)))
	}
	return pieces
}

func TestTrainFindsTheParts(t *testing.T) {
	t.Parallel()
	v, err := unigram.Train(context.Background(), corpus(), unigram.Options{VocabSize: 40, Seeds: 1000, MaxLength: 16})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range corpus() {
		for _, cut := range item.Cuts {
			pieces := segment(v, item.Text, item.Cuts...)
			if !slices.Contains(pieces, item.Text[cut:]) || !slices.Contains(pieces, item.Text[:cut]) {
				t.Errorf("%q is %v: stem and suffix are no pieces", item.Text, pieces)
			}
		}
	}
}

// The same items in another order, on another number of processors, give the
// same vocabulary.
func TestTrainIsDeterministic(t *testing.T) { // changes GOMAXPROCS, so not parallel
	o := unigram.Options{VocabSize: 30, Join: unigram.JoinTail, MaxJoined: 20}
	want := train(t, corpus(), o)
	shuffled := corpus()
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := train(t, shuffled, o); !slices.Equal(got, want) {
		t.Errorf("the vocabulary changed: %+v, before %+v", got, want)
	}
}

func TestTrainKeepsSizeAndRequired(t *testing.T) {
	t.Parallel()
	o := unigram.Options{VocabSize: 15, Required: []string{"lerim", "no such piece"}}
	pieces := train(t, corpus(), o)
	long, found := 0, false
	for _, p := range pieces {
		if len(p.Text) > 1 {
			long++
		}
		found = found || p.Text == "lerim"
		if p.Text == "no such piece" || p.Score > 0 {
			t.Errorf("piece %q, score %v", p.Text, p.Score)
		}
	}
	if long != 15 || !found {
		t.Errorf("%d long pieces, want 15; lerim is there: %v", long, found)
	}
	if _, err := unigram.Train(context.Background(), nil, o); err == nil {
		t.Error("a vocabulary was made of nothing")
	}
}
