package vocabulary

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphopiece"
)

// Size returns the number of ids of the tokenizer that a configuration
// chooses; of one that is yet to be trained, the number wanted.
func Size(t config.Tokenizer) (int, error) {
	if Trains(t) && t.VocabSize != nil {
		return int(*t.VocabSize), nil
	}
	tok, err := tokenizer.FromConfig(t.Name, t.Path)
	if err != nil {
		return 0, err
	}
	return tok.VocabSize(), nil
}

// Trains says whether the tokenizer is to be trained on the text first.
func Trains(t config.Tokenizer) bool {
	return t.Path == nil && (t.Name == string(morphopiece.KindMorphoPiece) || t.Name == string(morphopiece.KindUnigram))
}

// Open returns the tokenizer that a configuration chooses. One without a file
// is trained on the corpus, once: it is kept in the cache under what it was
// made of. say is told what was done.
func Open(ctx context.Context, t config.Tokenizer, corpus data.Options, say func(format string, values ...any)) (tokenizer.Tokenizer, error) {
	if !Trains(t) {
		return tokenizer.FromConfig(t.Name, t.Path)
	}
	o := Options{Corpus: corpus, Kind: morphopiece.Kind(t.Name), Mode: morphopiece.Plain, VocabSize: int(*t.VocabSize), WholeWords: morphopiece.DefaultWholeWords}
	if t.Mode != nil {
		o.Mode = morphopiece.Mode(*t.Mode)
	}
	if t.Gold != nil {
		o.Gold = *t.Gold
	}
	if t.Lexicon != nil {
		o.Lexicon = *t.Lexicon
	}
	path, err := o.cached(ctx)
	if err != nil {
		return nil, err
	}
	if tok, err := tokenizer.Open(path); err == nil {
		say("tokenizer: %s with %d ids, trained before on this text (%s)", tok.Name(), tok.VocabSize(), path)
		return tok, nil
	}
	say("tokenizer: training %s with %d ids on the text first", o.Kind, o.VocabSize)
	o.Progress = stages(say)
	model, _, err := Train(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := keep(model, path); err != nil {
		return nil, fmt.Errorf("the tokenizer cannot be kept: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	tok := tokenizer.NewMorphoPiece(model)
	say("tokenizer: trained, %d ids, and kept in %s", tok.VocabSize(), path)
	return tok, nil
}

// stages says when a stage begins.
func stages(say func(format string, values ...any)) func(stage string, done float64) {
	current := ""
	return func(stage string, _ float64) {
		if stage != current {
			current = stage
			say("tokenizer: %s", stage)
		}
	}
}

// formatVersion changes when training gives another tokenizer of the same text.
const formatVersion = 2

// cached returns the place in the cache of what the options make.
func (o Options) cached(ctx context.Context) (string, error) {
	hash, cacheDir, err := data.SourceHash(ctx, o.Corpus)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %d %q\n", formatVersion, o.Kind, o.Mode, o.VocabSize, hash)
	for _, path := range []string{o.Gold, o.Lexicon, affixes(o.Lexicon)} {
		var text []byte
		if path != "" {
			text, err = os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) && path == affixes(o.Lexicon) {
				err = nil // a word list may have none
			}
			if err != nil {
				return "", fmt.Errorf("what the tokenizer learns from cannot be read: %w", err)
			}
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(text))
	}
	return filepath.Join(cacheDir, "tokenizers", hex.EncodeToString(h.Sum(nil))[:24]+".json"), nil
}

// keep writes the model so that it is there whole or not at all.
func keep(m *morphopiece.Model, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return err
	}
	if err := errors.Join(m.Write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	// The cache may be shared: CreateTemp's files are their owner's alone.
	err = os.Chmod(file.Name(), 0o644)
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
