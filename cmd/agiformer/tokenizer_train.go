package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agiformer/internal/data"
	"agiformer/internal/exit"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/vocabulary"
)

// tokenizerTraining are the flags of tokenizer train.
type tokenizerTraining struct {
	corpus        []string
	gold, lexicon string
	vocabSize     int
	wholeWords    int
	out           string
	kind, mode    string
	textField     string
}

func newTokenizerTrainCommand() *cobra.Command {
	var f tokenizerTraining
	command := &cobra.Command{
		Use:   "train --corpus PATH... --out FILE",
		Short: "Train MorphoPiece on a corpus",
		Long: `Learns a morphological segmenter and a vocabulary from text (files, folders,
globs: plain text, JSONL, Parquet, each also .gz or .zst) and writes one
tokenizer.json. --gold names words with their morphemes, which the segmenter
learns from best; --lexicon a hunspell word list (its .aff file beside it).
--kind unigram makes a plain unigram tokenizer, which knows no morphemes.
--mode fused joins frequent chains of suffixes: fewer tokens, larger ones.
The same text and flags give the same file. Memory does not grow with the text.`,
		Example: `  agiformer tokenizer train --corpus texts/ --out tokenizer.json
  agiformer tokenizer train --corpus a.txt 'more/*.jsonl.zst' --gold words.tsv --vocab-size 32000 --out tokenizer.json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, args []string) error {
			f.corpus = append(f.corpus, args...)
			return f.run(command)
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&f.corpus, "corpus", nil, "text to learn from; further paths may follow")
	flags.StringVar(&f.gold, "gold", "", "words with their morphemes (TSV)")
	flags.StringVar(&f.lexicon, "lexicon", "", "word list in hunspell's format (.dic)")
	flags.IntVar(&f.vocabSize, "vocab-size", 32000, "number of ids, 256 bytes and two marks included")
	flags.StringVar(&f.out, "out", "", "the file to write")
	flags.StringVar(&f.kind, "kind", string(morphopiece.KindMorphoPiece), "morphopiece or unigram")
	flags.StringVar(&f.mode, "mode", string(morphopiece.Plain), "plain or fused")
	flags.IntVar(&f.wholeWords, "whole-words", morphopiece.DefaultWholeWords, "words of several morphemes that are one piece, at most, the most frequent ones")
	flags.StringVar(&f.textField, "text-field", "text", "field of JSONL and Parquet records that holds the text")
	return command
}

func (f *tokenizerTraining) run(command *cobra.Command) error {
	if len(f.corpus) == 0 {
		return exit.Usage(errors.New("tokenizer train needs text: name it with --corpus PATH"))
	}
	if f.wholeWords < 0 {
		return exit.Usage(fmt.Errorf("--whole-words is %d: it must be 0 or more", f.wholeWords))
	}
	if f.out == "" {
		return exit.Usage(errors.New("tokenizer train needs a file to write: name it with --out FILE"))
	}
	ctx, stop := untilInterrupted(command)
	defer stop()
	begun := time.Now()
	progress, done := stageBar(command.ErrOrStderr())
	model, report, err := vocabulary.Train(ctx, vocabulary.Options{
		Corpus: data.Options{Paths: f.corpus, TextField: f.textField},
		Gold:   f.gold, Lexicon: f.lexicon,
		Kind: morphopiece.Kind(f.kind), Mode: morphopiece.Mode(f.mode), VocabSize: f.vocabSize, WholeWords: f.wholeWords,
		Progress: progress,
	})
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return errTokenizerStopped
	case err != nil:
		return exit.Usage(err)
	}
	for _, sentence := range report.Sentences() {
		fmt.Fprintln(command.ErrOrStderr(), "note: "+sentence)
	}
	if err := writeWhole(f.out, model.Write); err != nil {
		return exit.Usage(err)
	}
	_, err = fmt.Fprintf(command.OutOrStdout(), "%s: %s, %d ids, from %.1f MB of text, in %.0f s\n",
		f.out, model.Kind(), model.VocabSize(), float64(report.Bytes)/1e6, time.Since(begun).Seconds())
	return err
}

// errTokenizerStopped is for who interrupts the training of a tokenizer.
var errTokenizerStopped = errors.New("stopped before the tokenizer was complete: run the same command again")

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s cannot be written: %w", path, err), os.Remove(file.Name()))
		}
	}()
	if err := write(file); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// stageBar shows the stages of a piece of work: a bar for each on a terminal,
// a line for each elsewhere.
func stageBar(out io.Writer) (progress func(stage string, done float64), end func()) {
	current := ""
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(stage string, _ float64) {
			if stage != current {
				current = stage
				fmt.Fprintln(out, stage+" ...")
			}
		}, func() {}
	}
	const steps = 1000
	var bar *progressbar.ProgressBar
	end = func() {
		if bar != nil {
			_ = bar.Finish() // a bar that cannot be drawn is no reason to stop
		}
	}
	return func(stage string, done float64) {
		if stage != current {
			end()
			current = stage
			bar = progressbar.NewOptions64(steps, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(stage),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		_ = bar.Set64(int64(steps * done))
	}, end
}
