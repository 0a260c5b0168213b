package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"agiformer/internal/data"
	"agiformer/internal/exit"
	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphopiece"
)

// tokenizerExport are the flags of tokenizer export.
type tokenizerExport struct {
	format, out string
	corpus      []string
}

func newTokenizerExportCommand(file *string) *cobra.Command {
	var f tokenizerExport
	command := &cobra.Command{
		Use:   "export --format hf --out FILE",
		Short: "Write a trained tokenizer in the format of another library",
		Long: `--format hf writes a tokenizer.json that Hugging Face's tokenizers loads, with
the same ids. That format has no morphological segmenter: in some words it
takes other pieces. How many is measured and printed.`,
		Example: `  agiformer tokenizer export --tokenizer tokenizer.json --format hf --out hf/tokenizer.json --corpus valid.txt`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, args []string) error {
			f.corpus = append(f.corpus, args...)
			return f.run(command, *file)
		},
	}
	command.Flags().StringVar(&f.format, "format", "", "hf")
	command.Flags().StringVar(&f.out, "out", "", "the file to write")
	command.Flags().StringArrayVar(&f.corpus, "corpus", nil, "text to measure the agreement on, instead of the most frequent words of the training text; further paths may follow")
	return command
}

func (f *tokenizerExport) run(command *cobra.Command, file string) error {
	t, err := openTokenizer(file)
	if err != nil {
		return exit.Usage(err)
	}
	m, ok := t.(*tokenizer.MorphoPiece)
	switch {
	case !ok:
		return exit.Usage(fmt.Errorf("the %s tokenizer needs no export: name a trained one with --tokenizer FILE", t.Name()))
	case f.format != "hf":
		return exit.Usage(fmt.Errorf("--format is %q, expected hf: it is the only format that there is", f.format))
	case f.out == "":
		return exit.Usage(errors.New("tokenizer export needs a file to write: name it with --out FILE"))
	}
	text, err := m.Model().HuggingFace()
	if err != nil {
		return err
	}
	counter, where, err := f.words(command, m.Model())
	if err != nil {
		return exit.Usage(err)
	}
	if err := writeWhole(f.out, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return exit.Usage(err)
	}
	a := m.Model().Agreement(counter)
	_, err = fmt.Fprintf(command.OutOrStdout(), `%s: agrees on %.2f %% of %d running words (%s).
The format knows no morphemes and takes the most probable pieces of a word: %d kinds of words
are cut in another way, %d of them with a piece across a morpheme boundary.
`, f.out, 100*float64(a.Same)/float64(max(a.Words, 1)), a.Words, where, a.Different, a.Crossing)
	return err
}

// words returns the words to measure on, and which they are.
func (f *tokenizerExport) words(command *cobra.Command, m *morphopiece.Model) (*morphopiece.Counter, string, error) {
	if len(f.corpus) == 0 {
		return m.FrequentWords(), "the most frequent words of the training text", nil
	}
	ctx, stop := untilInterrupted(command)
	defer stop()
	counter := morphopiece.NewCounter()
	_, err := data.EachText(ctx, data.Options{Paths: f.corpus}, counter.Add)
	return counter, strings.Join(f.corpus, ", "), err
}
