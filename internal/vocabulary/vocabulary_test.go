package vocabulary_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
	"agiformer/internal/vocabulary"
)

// options returns options for a small tokenizer of the test corpus.
func options(t *testing.T) vocabulary.Options {
	t.Helper()
	dir := t.TempDir()
	o := vocabulary.Options{
		Corpus: data.Options{Paths: []string{filepath.Join(dir, "text.txt")}, CacheDir: filepath.Join(dir, "cache")},
		Gold:   filepath.Join(dir, "gold.tsv"), Kind: morphopiece.KindMorphoPiece, Mode: morphopiece.Plain, VocabSize: 320,
	}
	write(t, o.Corpus.Paths[0], strings.Join(tokenizertest.Corpus(), ""))
	write(t, o.Gold, tokenizertest.Gold())
	return o
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is written does not depend on how the corpus is cut into files, and a
// word list may help where there is no gold.
func TestTrain(t *testing.T) {
	t.Parallel()
	o := options(t)
	var stages []string
	o.Progress = func(stage string, done float64) {
		if done < 0 || done > 1 {
			t.Errorf("%s is done to %v", stage, done)
		}
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
	}
	m, report, err := vocabulary.Train(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.VocabSize() > 320 || m.VocabSize() < 300 || report.Documents != 1 || stages[len(stages)-1] != "learning pieces" {
		t.Errorf("%d ids, %d documents, stages %q", m.VocabSize(), report.Documents, stages)
	}
	lines := tokenizertest.Corpus()
	first, second := o.Corpus.Paths[0]+".1", o.Corpus.Paths[0]+".2"
	write(t, first, strings.Join(lines[:100], ""))
	write(t, second, strings.Join(lines[100:], ""))
	o.Corpus.Paths = []string{first, second}
	again, _, err := vocabulary.Train(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != m.Hash() {
		t.Error("the same text in two files gives another tokenizer")
	}
	o.Gold, o.Lexicon = "", o.Gold+".dic"
	write(t, o.Lexicon, "2\nev\nokul\n")
	if _, _, err := vocabulary.Train(context.Background(), o); err != nil {
		t.Error(err)
	}
}

func TestTrainMistakes(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(o *vocabulary.Options){
		"kind":           func(o *vocabulary.Options) { o.Kind = "bpe" },
		"mode":           func(o *vocabulary.Options) { o.Mode = "" },
		"259":            func(o *vocabulary.Options) { o.VocabSize = 258 },
		"none.tsv":       func(o *vocabulary.Options) { o.Gold = "none.tsv" },
		"none.dic":       func(o *vocabulary.Options) { o.Lexicon = "none.dic" },
		"line 1":         func(o *vocabulary.Options) { o.Gold = o.Corpus.Paths[0] },
		"does not exist": func(o *vocabulary.Options) { o.Corpus.Paths = []string{"none.txt"} },
	} {
		o := options(t)
		change(&o)
		if _, _, err := vocabulary.Train(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, _, err := vocabulary.Train(ctx, options(t)); err == nil {
		t.Error("training went on although it was stopped")
	}
}

// Training that is stopped in any of its stages goes on with none after it.
func TestTrainStops(t *testing.T) {
	t.Parallel()
	for stage, change := range map[string]func(o *vocabulary.Options){
		"fitting":               func(*vocabulary.Options) {},
		"reading the word list": func(*vocabulary.Options) {},
		"reading words":         func(*vocabulary.Options) {},
		"reading words alone":   func(o *vocabulary.Options) { o.Gold, o.Lexicon = "", "" },
		"learning pieces":       func(*vocabulary.Options) {},
		"learning pieces alone": func(o *vocabulary.Options) { o.Kind = morphopiece.KindUnigram },
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.Lexicon = o.Gold + ".dic"
			write(t, o.Lexicon, "2\nev\nokul\n")
			change(&o)
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			wanted := strings.TrimSuffix(stage, " alone")
			after := 0
			o.Progress = func(stage string, done float64) {
				if stage == wanted && done < 1 {
					stop()
				} else if ctx.Err() != nil {
					after++
				}
			}
			_, _, err := vocabulary.Train(ctx, o)
			if ctx.Err() == nil {
				t.Fatalf("training has no stage %q", wanted)
			}
			if !errors.Is(err, context.Canceled) || after > 0 {
				t.Errorf("stopped, training reported %d times and returned %v", after, err)
			}
		})
	}
}

// What is interrupted while it trains a tokenizer first keeps none of it.
func TestOpenStops(t *testing.T) {
	t.Parallel()
	o := options(t)
	size, mode := int64(300), "plain"
	cfg := config.Tokenizer{Name: "morphopiece", VocabSize: &size, Mode: &mode, Gold: &o.Gold}
	ctx, stop := context.WithCancel(context.Background())
	_, err := vocabulary.Open(ctx, cfg, o.Corpus, func(format string, values ...any) {
		if strings.Contains(fmt.Sprintf(format, values...), "fitting") {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was stopped", err)
	}
	if kept, err := filepath.Glob(filepath.Join(o.Corpus.CacheDir, "tokenizers", "*")); err != nil || len(kept) > 0 {
		t.Errorf("the cache holds %q (%v)", kept, err)
	}
}

// A tokenizer without a file is trained once for a text and its settings.
func TestOpen(t *testing.T) {
	t.Parallel()
	o := options(t)
	size, mode := int64(300), "plain"
	cfg := config.Tokenizer{Name: "morphopiece", VocabSize: &size, Mode: &mode, Gold: &o.Gold}
	var said strings.Builder
	say := func(format string, values ...any) { fmt.Fprintf(&said, format+"\n", values...) }
	first, err := vocabulary.Open(context.Background(), cfg, o.Corpus, say)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "training morphopiece") {
		t.Errorf("training says %q", said.String())
	}
	said.Reset()
	second, err := vocabulary.Open(context.Background(), cfg, o.Corpus, say)
	if err != nil {
		t.Fatal(err)
	}
	if first.Hash() != second.Hash() || !strings.Contains(said.String(), "trained before") {
		t.Errorf("the second time says %q", said.String())
	}
	write(t, o.Corpus.Paths[0], "başka bir metin, başka bir metin\n")
	other, err := vocabulary.Open(context.Background(), cfg, o.Corpus, say)
	if err != nil {
		t.Fatal(err)
	}
	if other.Hash() == first.Hash() {
		t.Error("another text has the same tokenizer")
	}
	for name, want := range map[string]int{"byte": 256, "morphopiece": 300} {
		c := cfg
		if c.Name = name; name == "byte" {
			c = config.Tokenizer{Name: name}
		}
		if got, err := vocabulary.Size(c); err != nil || got != want {
			t.Errorf("%s has %d ids (%v), want %d", name, got, err, want)
		}
	}
}
