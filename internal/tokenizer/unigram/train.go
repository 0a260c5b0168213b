package unigram

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"unicode/utf8"
)

// Options says what Train makes.
type Options struct {
	// VocabSize is the number of pieces wanted that take more than one byte.
	// Pieces of one byte come on top: they are the bytes that any tokenizer has.
	VocabSize int
	// MaxLength bounds a piece, in characters; 0 means 16.
	MaxLength int
	// Seeds bounds the candidates that training begins with; 0 means a million.
	Seeds int
	// Join says which pieces may cover several parts.
	Join Join
	// MaxJoined bounds the pieces that cover several parts, the most frequent
	// first.
	MaxJoined int
	// Required are pieces that are kept where the corpus holds them.
	Required []string
	// Progress, if not nil, is told the share of the work that is done.
	Progress func(done float64)
}

// shrink is the share of the candidates that one round of pruning leaves, and
// surplus how many more than wanted the last round leaves, to be cut by score.
const (
	shrink  = 0.75
	surplus = 1.1
	// subIterations is the number of steps of EM in each round.
	subIterations = 2
	// leastCount is the expected count below which a candidate goes.
	leastCount = 0.5
)

func workers() int { return runtime.GOMAXPROCS(0) }

// Train learns a vocabulary from the items by expectation maximisation and
// pruning by the loss of likelihood. It gives the same for the same items,
// whatever their order and the number of processors. Fewer pieces than wanted
// come out where the corpus has no more. It returns ctx's error soon after ctx
// ends.
func Train(ctx context.Context, items []Item, o Options) (*Vocabulary, error) {
	if len(items) == 0 {
		return nil, errors.New("the corpus holds no text to learn pieces from")
	}
	o = o.filled()
	t := newTrainer(ctx, items, o)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for t.wanted() < len(t.long()) {
		if err := t.fit(ctx); err != nil {
			return nil, err
		}
		if !t.prune(ctx) {
			break // all that is left must stay
		}
		o.Progress(t.progress())
	}
	if err := t.fit(ctx); err != nil {
		return nil, err
	}
	t.finish()
	o.Progress(1)
	return NewVocabulary(t.pieces, o.Join)
}

func (o Options) filled() Options {
	if o.MaxLength == 0 {
		o.MaxLength = 16
	}
	if o.Seeds == 0 {
		o.Seeds = 1 << 20
	}
	if o.Progress == nil {
		o.Progress = func(float64) {}
	}
	return o
}

// trainer holds the pieces between the steps.
type trainer struct {
	o      Options
	items  []Item // sorted, without duplicates
	shards [][]Item
	pieces []Piece // in ascending order of text
	counts []float64
	keep   map[string]bool // pieces that are never pruned
	start  int             // candidates at the beginning
}

func newTrainer(ctx context.Context, items []Item, o Options) *trainer {
	t := &trainer{o: o, items: merged(items), keep: characters(ctx, items)}
	t.shards = split(t.items)
	texts := seeds(ctx, t.items, o)
	if ctx.Err() != nil {
		return t
	}
	present := map[string]bool{}
	for _, text := range texts {
		present[text] = true
	}
	for _, text := range o.Required {
		if present[text] {
			t.keep[text] = true
		}
	}
	for text := range t.keep {
		if !present[text] {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	for _, text := range texts {
		t.pieces = append(t.pieces, Piece{Text: text})
	}
	t.firstScores(ctx)
	t.start = len(t.long())
	return t
}

// merged returns the items in order, equal ones added up.
func merged(items []Item) []Item {
	list := slices.Clone(items)
	slices.SortFunc(list, func(a, b Item) int {
		if c := compare(a.Text, b.Text); c != 0 {
			return c
		}
		return slices.Compare(a.Cuts, b.Cuts)
	})
	out := list[:0]
	for _, item := range list {
		if n := len(out); n > 0 && out[n-1].Text == item.Text && slices.Equal(out[n-1].Cuts, item.Cuts) {
			out[n-1].Count += item.Count
		} else {
			out = append(out, item)
		}
	}
	return out
}

// shardCount is fixed, so that sums do not depend on the machine.
const shardCount = 8

// split cuts the items into shards of about the same number of bytes.
func split(items []Item) [][]Item {
	total := 0
	for _, item := range items {
		total += len(item.Text)
	}
	var shards [][]Item
	start, size := 0, 0
	for i, item := range items {
		if size += len(item.Text); size*shardCount >= total*(len(shards)+1) || i == len(items)-1 {
			shards = append(shards, items[start:i+1])
			start = i + 1
		}
	}
	return shards
}

// firstScores gives every piece the share of its occurrences, counted in the
// parts, overlapping ones too.
func (t *trainer) firstScores(ctx context.Context) {
	texts := make([]string, len(t.pieces))
	for i, p := range t.pieces {
		texts[i] = p.Text
	}
	tree := newTrie(texts)
	t.counts = t.overShards(func(shard []Item, counts []float64) {
		occurrences(ctx, shard, tree, t.o.Join, counts)
	})
	total := 0.0
	for i := range t.counts {
		t.counts[i] = max(t.counts[i], 1)
		total += t.counts[i]
	}
	for i := range t.pieces {
		t.pieces[i].Score = math.Log(t.counts[i] / total)
	}
}

// long returns the pieces that are no single bytes.
func (t *trainer) long() []Piece {
	list := make([]Piece, 0, len(t.pieces))
	for _, p := range t.pieces {
		if len(p.Text) > 1 {
			list = append(list, p)
		}
	}
	return list
}

// wanted is the number of long pieces at which pruning ends.
func (t *trainer) wanted() int { return int(float64(t.o.VocabSize) * surplus) }

func (t *trainer) progress() float64 {
	now, end := float64(len(t.long())), float64(t.wanted())
	if start := float64(t.start); start > end && now > end {
		return math.Log(start/now) / math.Log(start/end)
	}
	return 1
}

// finish cuts the pieces down to the number wanted: those that must stay, then
// the best by score.
func (t *trainer) finish() {
	var bytes, long []Piece
	for _, p := range t.pieces {
		if len(p.Text) == 1 {
			bytes = append(bytes, p)
		} else {
			long = append(long, p)
		}
	}
	slices.SortFunc(long, func(a, b Piece) int {
		if t.keep[a.Text] != t.keep[b.Text] {
			if t.keep[a.Text] {
				return -1
			}
			return 1
		}
		return byScore(a, b)
	})
	t.pieces = append(bytes, long[:min(len(long), t.o.VocabSize)]...)
}

// single says whether text is one character.
func single(text string) bool {
	_, size := utf8.DecodeRuneInString(text)
	return size == len(text)
}
