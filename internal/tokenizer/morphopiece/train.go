package morphopiece

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// TrainOptions says what Train makes.
type TrainOptions struct {
	// VocabSize is the number of ids, bytes and marks included.
	VocabSize int
	Mode      Mode
	// WholeWords bounds the words of several morphemes that are one piece, the
	// most frequent first. More of them make fewer tokens, and more tokens that
	// are no morphemes. A fused model has as many chains of suffixes on top.
	WholeWords int
	// Progress, if not nil, is told the share of the work that is done.
	Progress func(done float64)
}

// Train makes a model of the spans that were counted. segmenter is nil for one
// that knows no morphemes. It gives the same for the same counts, and
// returns ctx's error soon after ctx ends.
func Train(ctx context.Context, c *Counter, segmenter Segmenter, o TrainOptions) (*Model, error) {
	if o.VocabSize <= FirstPiece {
		return nil, fmt.Errorf("the vocabulary size is %d, expected more than %d: 256 bytes and two marks come first", o.VocabSize, FirstPiece)
	}
	spans := c.sorted()
	if len(spans) == 0 {
		return nil, errors.New("the corpus holds no text")
	}
	m := &Model{kind: KindMorphoPiece, mode: o.Mode, segmenter: segmenter}
	if segmenter == nil {
		m.kind = KindUnigram
	}
	if o.Progress != nil {
		o.Progress(0)
	}
	items, err := analyse(ctx, spans, segmenter)
	if err != nil {
		return nil, err
	}
	vocabulary, err := unigram.Train(ctx, items, unigram.Options{
		VocabSize: o.VocabSize - FirstPiece, Join: m.join(), MaxJoined: o.joined(), MaxLength: maxPiece, Required: m.required(), Progress: o.Progress,
	})
	if err != nil {
		return nil, err
	}
	pieces := make([]unigram.Piece, vocabulary.Len())
	for i := range pieces {
		pieces[i] = vocabulary.Piece(int32(i))
		pieces[i].Score = math.Round(pieces[i].Score*scoreUnits) / scoreUnits
	}
	if err := m.setPieces(pieces); err != nil {
		return nil, err
	}
	if err := m.setReadings(ctx, spans); err != nil {
		return nil, err
	}
	m.frequent = mostFrequentWords(spans)
	text, err := m.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return ReadFile(text) // what a file of it holds, and no more
}

// scoreUnits is the inverse of the precision of scores, which keeps the file
// short.
const scoreUnits = 1e4

// maxPiece is the longest piece, in characters.
const maxPiece = 24

// DefaultWholeWords keeps Turkish text below two tokens a word
// (docs/tokenizer.md).
const DefaultWholeWords = 1500

// required are the pieces that stay however rare they are: the spellings of the
// grammar's suffixes.
func (m *Model) required() []string {
	if m.segmenter == nil {
		return nil
	}
	return morphology.Suffixes()
}

// joined bounds the pieces that cover several morphemes.
func (o TrainOptions) joined() int {
	if o.Mode == Fused {
		return 2 * o.WholeWords
	}
	return o.WholeWords
}

// join returns what a piece may cover.
func (m *Model) join() unigram.Join {
	switch {
	case m.kind == KindUnigram:
		return unigram.JoinNone
	case m.mode == Fused:
		return unigram.JoinTail
	default:
		return unigram.JoinWhole
	}
}

// setPieces gives the pieces their ids.
func (m *Model) setPieces(pieces []unigram.Piece) error {
	vocabulary, err := unigram.NewVocabulary(pieces, m.join())
	if err != nil {
		return err
	}
	m.vocabulary = vocabulary
	m.ids = make([]int32, vocabulary.Len())
	m.letters = map[byte]*Entry{}
	var order []int32
	for i := range m.ids {
		if p := vocabulary.Piece(int32(i)); len(p.Text) == 1 {
			m.ids[i] = byteID(p.Text[0])
			m.letters[p.Text[0]] = &Entry{Text: p.Text, Score: p.Score, Reading: unread}
		} else {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		p, q := vocabulary.Piece(a), vocabulary.Piece(b)
		return cmp.Or(cmp.Compare(q.Score, p.Score), cmp.Compare(p.Text, q.Text))
	})
	m.entries = m.entries[:0]
	for place, i := range order {
		p := vocabulary.Piece(i)
		m.ids[i] = FirstPiece + int32(place)
		m.entries = append(m.entries, Entry{Text: p.Text, Score: p.Score, Reading: unread})
	}
	return nil
}

// frequentWords is how many words a model keeps of the text it was trained on.
const frequentWords = 10000

func mostFrequentWords(spans []counted) []counted {
	var words []counted
	for _, s := range spans {
		if pretoken.Next([]byte(s.text), pretoken.Number).Kind == pretoken.Word {
			words = append(words, s)
		}
	}
	slices.SortStableFunc(words, func(a, b counted) int { return cmp.Compare(b.count, a.count) })
	return words[:min(len(words), frequentWords)]
}

// counted is a span and how often it occurs.
type counted struct {
	text  string
	count int64
}

// sorted returns what was counted in the order of the texts.
func (c *Counter) sorted() []counted {
	list := make([]counted, 0, len(c.counts))
	for text, n := range c.counts {
		list = append(list, counted{text, *n})
	}
	slices.SortFunc(list, func(a, b counted) int { return cmp.Compare(a.text, b.text) })
	return list
}

// analyse returns the spans with the cuts between their morphemes.
func analyse(ctx context.Context, spans []counted, segmenter Segmenter) ([]unigram.Item, error) {
	items := make([]unigram.Item, len(spans))
	eachSpan(ctx, spans, segmenter, func(i int, _ pretoken.Span, found []Morpheme) {
		item := unigram.Item{Text: spans[i].text, Count: spans[i].count}
		for _, m := range found[1:] {
			item.Cuts = append(item.Cuts, m.Start)
		}
		items[i] = item
	})
	return items, ctx.Err()
}

// eachSpan calls f with the morphemes of every span, in several goroutines,
// until ctx ends.
func eachSpan(ctx context.Context, spans []counted, segmenter Segmenter, f func(i int, span pretoken.Span, found []Morpheme)) {
	var wait sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for w := range n {
		wait.Go(func() {
			a := analyser{segmenter: segmenter}
			for i := w * len(spans) / n; i < (w+1)*len(spans)/n && ctx.Err() == nil; i++ {
				text := []byte(spans[i].text)
				// After a number an apostrophe begins a tail; nothing else of
				// what was counted begins with an apostrophe and a letter.
				span := pretoken.Next(text, pretoken.Number)
				f(i, span, a.morphemes(text, span))
			}
		})
	}
	wait.Wait()
}
