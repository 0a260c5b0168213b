// Package vocabulary trains a tokenizer on a corpus: it reads the text, learns
// the morphological segmenter and then the pieces.
package vocabulary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/morphopiece"
)

// Options says what Train makes and of what.
type Options struct {
	// Corpus is the text. Progress in it is not looked at.
	Corpus data.Options
	// Gold is a file of words with their morphemes (morphology.ReadGold), ""
	// for none.
	Gold string
	// Lexicon is a word list in hunspell's format, its .aff file beside it, ""
	// for none.
	Lexicon string
	// Kind and Mode are the model's. A unigram model takes no notice of Gold
	// and Lexicon.
	Kind morphopiece.Kind
	Mode morphopiece.Mode
	// VocabSize is the number of ids.
	VocabSize int
	// WholeWords bounds the words of several morphemes that are one piece.
	WholeWords int
	// Progress, if not nil, is told what is being done and the share of it
	// that is done.
	Progress func(stage string, done float64)
}

// Train trains a tokenizer. The same options and files give the same one.
// Errors are sentences for the user; soon after ctx ends it is ctx's.
func Train(ctx context.Context, o Options) (*morphopiece.Model, *data.Report, error) {
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	supervision, err := o.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	counter := morphopiece.NewCounter()
	corpus := o.Corpus
	corpus.Progress = func(done, total int64) { o.Progress("reading", float64(done)/float64(max(total, 1))) }
	report, err := data.EachText(ctx, corpus, counter.Add)
	if err != nil {
		return nil, nil, err
	}
	segmenter, err := o.segmenter(ctx, counter, supervision)
	if err != nil {
		return nil, nil, err
	}
	model, err := morphopiece.Train(ctx, counter, segmenter, morphopiece.TrainOptions{
		VocabSize: o.VocabSize, Mode: o.Mode, WholeWords: o.WholeWords,
		Progress: func(done float64) { o.Progress("learning pieces", done) },
	})
	return model, report, err
}

func (o Options) check() error {
	switch {
	case o.Kind != morphopiece.KindMorphoPiece && o.Kind != morphopiece.KindUnigram:
		return fmt.Errorf("the kind of tokenizer is %q, expected %s or %s", o.Kind, morphopiece.KindMorphoPiece, morphopiece.KindUnigram)
	case o.Mode != morphopiece.Plain && o.Mode != morphopiece.Fused:
		return fmt.Errorf("the mode is %q, expected %s or %s", o.Mode, morphopiece.Plain, morphopiece.Fused)
	case o.VocabSize <= morphopiece.FirstPiece || o.VocabSize > maxVocab:
		return fmt.Errorf("the vocabulary size is %d, expected %d to %d ids (256 bytes and two marks come first; 32000 is usual)", o.VocabSize, morphopiece.FirstPiece+1, maxVocab)
	}
	return nil
}

// maxVocab is a bound that only a slip of the hand exceeds.
const maxVocab = 1 << 20

// supervision is what a segmenter learns from beside the text.
type supervision struct {
	gold    []morphology.GoldWord
	lexicon []morphology.LexiconEntry
}

// read reads what Gold and Lexicon name.
func (o Options) read(ctx context.Context) (s supervision, err error) {
	if o.Kind == morphopiece.KindUnigram {
		return s, nil
	}
	if o.Gold != "" {
		err := reading(ctx, "gold morphemes", o.Gold, func(r io.Reader) (err error) {
			s.gold, err = morphology.ReadGold(r)
			return err
		})
		if err != nil {
			return s, err
		}
	}
	if o.Lexicon == "" {
		return s, nil
	}
	return s, reading(ctx, "word list", o.Lexicon, func(dictionary io.Reader) (err error) {
		affixes, err := os.Open(affixes(o.Lexicon))
		if errors.Is(err, fs.ErrNotExist) {
			s.lexicon, err = morphology.ReadHunspell(dictionary, nil)
			return err
		}
		if err != nil {
			return fmt.Errorf("its affixes cannot be read: %w", err)
		}
		defer func() { _ = affixes.Close() }() // it was only read
		s.lexicon, err = morphology.ReadHunspell(dictionary, untilDone{ctx, affixes})
		return err
	})
}

// affixes returns the path of a word list's affix file; empty for none.
func affixes(lexicon string) string {
	if lexicon == "" {
		return ""
	}
	return strings.TrimSuffix(lexicon, ".dic") + ".aff"
}

// reading opens a file for f and names it in errors.
func reading(ctx context.Context, what, path string, f func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the %s cannot be read: %w", what, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	if err := f(untilDone{ctx, file}); err != nil {
		return fmt.Errorf("the %s in %s: %w", what, path, err)
	}
	return nil
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// segmenter learns the segmenter, nil for a model that needs none.
func (o Options) segmenter(ctx context.Context, c *morphopiece.Counter, s supervision) (morphopiece.Segmenter, error) {
	if o.Kind == morphopiece.KindUnigram {
		return nil, nil
	}
	return morphology.Train(ctx, c.Words(), s.gold, s.lexicon, morphology.Options{
		Progress: func(stage string, done, total int) { o.Progress(stage, float64(done)/float64(max(total, 1))) },
	})
}
