package morphopiece_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

// gold returns the word forms as gold words.
func gold(t testing.TB) []morphology.GoldWord {
	t.Helper()
	words, err := morphology.ReadGold(strings.NewReader(tokenizertest.Gold()))
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func counted() *morphopiece.Counter {
	c := morphopiece.NewCounter()
	for _, line := range tokenizertest.Corpus() {
		c.Add([]byte(line))
	}
	return c
}

// newModel trains a small model; a mode of "" makes a unigram model.
func newModel(t testing.TB, mode morphopiece.Mode) *morphopiece.Model {
	t.Helper()
	c := counted()
	var segmenter morphopiece.Segmenter
	if mode != "" {
		s, err := morphology.Train(context.Background(), c.Words(), gold(t), nil, morphology.Options{})
		if err != nil {
			t.Fatal(err)
		}
		segmenter = s
	} else {
		mode = morphopiece.Plain
	}
	m, err := morphopiece.Train(context.Background(), c, segmenter, morphopiece.TrainOptions{VocabSize: 258 + 80, Mode: mode, WholeWords: 5})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// plain and free are models that tests share.
var (
	sharedPlain, sharedUnigram *morphopiece.Model
	oncePlain, onceUnigram     sync.Once
)

func plain(t testing.TB) *morphopiece.Model {
	t.Helper()
	oncePlain.Do(func() { sharedPlain = newModel(t, morphopiece.Plain) })
	return sharedPlain
}

func withoutMorphemes(t testing.TB) *morphopiece.Model {
	t.Helper()
	onceUnigram.Do(func() { sharedUnigram = newModel(t, "") })
	return sharedUnigram
}
