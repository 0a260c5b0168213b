package morphology

import (
	"context"
	"errors"
	"math"
	"sort"
)

// LexiconEntry is a word of a user's word list.
type LexiconEntry struct {
	Stem string
	// Noun and Verb say which suffixes the list gives the stem; both false
	// means that it does not tell.
	Noun, Verb bool
}

// Options are the settings of Train; the zero value takes the defaults.
type Options struct {
	Rounds      int     // passes over the raw words, each followed by fitting (default 2; negative for none)
	Epochs      int     // passes over the gold words in each fit (default 8)
	MinEvidence float64 // raw word types that a root needs to enter the lexicon (default 0.7)
	MaxWords    int     // word types that are read, the most frequent: they bound the memory (default 500,000)
	MaxRoots    int     // roots that the lexicon has for raw evidence alone: those with the most (default 100,000)
	Seed        uint64
	// Progress, if set, is told what is being done and how much of it is done.
	Progress func(stage string, done, total int)
}

func (o Options) withDefaults() Options {
	if o.Rounds == 0 {
		o.Rounds = 2
	}
	if o.Epochs == 0 {
		o.Epochs = 8
	}
	if o.MinEvidence == 0 {
		o.MinEvidence = 0.7
	}
	if o.MaxWords == 0 {
		o.MaxWords = 500_000
	}
	if o.MaxRoots == 0 {
		o.MaxRoots = 100_000
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o
}

const (
	learningRate = 0.15
	weightDecay  = 2e-4
)

// Train learns a segmenter from the word types of a text with their counts,
// and, where there are any, gold words and a word list. The result depends on
// the arguments only. It returns ctx's error soon after ctx ends.
func Train(ctx context.Context, words map[string]int64, gold []GoldWord, lexicon []LexiconEntry, o Options) (*Segmenter, error) {
	o = o.withDefaults()
	raw, err := rawWords(ctx, words, o.MaxWords)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 && len(gold) == 0 {
		return nil, errors.New("training a segmenter needs words: neither the text nor the gold has any")
	}
	t := trainer{o: o, raw: raw}
	if t.examples, t.gold, err = goldEvidence(ctx, gold); err != nil {
		return nil, err
	}
	t.examples = append(t.examples, capitalised(t.examples)...)
	t.merge(evidence{})
	if len(t.examples) == 0 {
		err = t.learnRaw(ctx, lexicon)
	} else {
		err = t.learnGold(ctx, lexicon)
	}
	if err != nil {
		return nil, err
	}
	return newSegmenter(t.m), nil
}

// trainer holds what training has learnt so far.
type trainer struct {
	o        Options
	raw      []rawWord
	examples []*example
	gold     evidence
	listed   evidence
	m        *model
}

// learnGold learns from the gold words, then from the raw words and the gold
// words in turn.
func (t *trainer) learnGold(ctx context.Context, lexicon []LexiconEntry) error {
	if err := t.fit(ctx, 0); err != nil {
		return err
	}
	if err := t.list(ctx, lexicon); err != nil {
		return err
	}
	for round := 1; round <= t.o.Rounds; round++ {
		if err := t.readRaw(ctx, nil); err != nil {
			return err
		}
		if err := t.fit(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

// fit learns the weights from the gold words, from zero.
func (t *trainer) fit(ctx context.Context, round int) error {
	t.o.Progress("fitting", round, t.o.Rounds+1)
	if err := newLearner(t.m, learningRate, weightDecay).fit(ctx, t.examples, t.o.Epochs, t.o.Seed+uint64(round)); err != nil {
		return err
	}
	for i, w := range t.m.weights {
		t.m.weights[i] = quantise(w)
	}
	return nil
}

// readRaw counts the roots of the raw words under the present model, and makes
// the next model's lexicon of them.
func (t *trainer) readRaw(ctx context.Context, counts transitions) error {
	byText := map[string][]*example{}
	for _, x := range t.examples {
		letters := string(bytesOf(fold(string(x.text))))
		byText[letters] = append(byText[letters], x)
		x.credits = withoutRaw(x.credits)
	}
	found := evidence{}
	var s sums
	var l lattice
	for i, w := range t.raw {
		if i%1000 == 0 {
			t.o.Progress("reading words", i, len(t.raw))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		credits := s.collect(t.m, &l, w.text, found, counts)
		for _, x := range byText[w.letters] {
			x.credits = append(x.credits, credits...)
		}
	}
	t.merge(found)
	return nil
}

// withoutRaw returns the credits of a former pass's gold only.
func withoutRaw(credits []credit) []credit {
	kept := credits[:0]
	for _, c := range credits {
		if c.gold != 0 || c.cut != 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

// merge makes the model of what gold, list and raw words say.
func (t *trainer) merge(found evidence) {
	all := evidence{}
	for _, source := range []evidence{t.gold, t.listed, found} {
		for key, x := range source {
			y := all.at(key.letters, key.pos)
			y.gold += x.gold
			y.cut += x.cut
			y.raw += x.raw
			y.front += x.front
			y.listed = y.listed || x.listed
			for k, n := range x.kinds {
				y.kinds[k] += n
			}
		}
	}
	lexemes := t.choose(all)
	t.m = newModel(newLexicon(lexemes))
	t.m.shape = fitShape(t.m.lexicon.lexemes)
}

// choose returns the lexemes that the lexicon takes: all that gold or the list
// has, and those with the most raw evidence.
func (t *trainer) choose(all evidence) []lexeme {
	var kept, others []lexeme
	for _, x := range all {
		for _, n := range x.counts() {
			*n = math.Round(*n*evidenceSteps) / evidenceSteps
		}
		if x.gold > 0 || x.cut > 0 || x.listed {
			kept = append(kept, *x)
		} else if x.raw >= t.o.MinEvidence {
			others = append(others, *x)
		}
	}
	sort.Slice(others, func(i, j int) bool {
		a, b := &others[i], &others[j]
		return a.raw > b.raw || a.raw == b.raw && a.before(b)
	})
	return append(kept, others[:min(len(others), t.o.MaxRoots)]...)
}
