package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"agiformer/internal/exit"
	"agiformer/internal/tokenizer"
)

func newTokenizerCommand() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "tokenizer",
		Short: "Train a tokenizer, turn text into ids and back",
		Long: `train makes a tokenizer of a corpus. The other commands work line by line from standard input to standard output. --tokenizer names a
tokenizer.json, as every checkpoint holds one, or a folder with one; without it
the byte tokenizer is used.`,
		Args: noCommand,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.PersistentFlags().StringVar(&file, "tokenizer", "", "tokenizer.json, or a folder that holds one (default: the byte tokenizer)")
	var pieces bool
	encode := lineCommand(&file, "encode", "Print the ids of each line, separated by spaces", func(t tokenizer.Tokenizer, line string) (string, error) {
		if pieces {
			return line + "\t" + joinPieces(t, line), nil
		}
		return joinIDs(t.Encode([]byte(line))), nil
	})
	encode.Flags().BoolVar(&pieces, "pieces", false, "print the line, a tab, and its pieces joined by |, bytes as <0xNN>")
	command.AddCommand(encode,
		lineCommand(&file, "decode", "Print the text of each line of ids", decodeLine),
		lineCommand(&file, "segment", "Print each line (a word, say), a tab, and its morphemes joined by |", segmentWord),
		lineCommand(&file, "inspect", "Print a table of each line's tokens and their features", inspectLine),
		newTokenizerTrainCommand(),
		newTokenizerExportCommand(&file),
	)
	return command
}

// lineCommand runs f on each line of standard input and prints what it returns.
func lineCommand(file *string, name, short string, f func(t tokenizer.Tokenizer, line string) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name,
		Short:   short,
		Example: "  agiformer tokenizer " + name + " < lines.txt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.Usage(fmt.Errorf("tokenizer %s reads standard input and takes no argument, and was given %q: use < FILE", name, args[0]))
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			t, err := openTokenizer(*file)
			if err != nil {
				return exit.Usage(err)
			}
			return eachLine(command.InOrStdin(), command.OutOrStdout(), func(line string) (string, error) { return f(t, line) })
		},
	}
}

func openTokenizer(path string) (tokenizer.Tokenizer, error) {
	if path == "" {
		return tokenizer.NewByte(), nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "tokenizer.json")
	}
	t, err := tokenizer.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--tokenizer: %w", err)
	}
	return t, nil
}

// eachLine writes f of every line of in, a line each; lines may be of any
// length. An error of f is the input's fault.
func eachLine(in io.Reader, out io.Writer, f func(line string) (string, error)) (err error) {
	reader, writer := bufio.NewReader(in), bufio.NewWriter(out)
	defer func() { err = errors.Join(err, writer.Flush()) }()
	for number := 1; ; number++ {
		line, err := reader.ReadString('\n')
		if err == io.EOF && line == "" {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		result, err := f(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return exit.Usage(fmt.Errorf("line %d: %w", number, err))
		}
		if _, err := writer.WriteString(result + "\n"); err != nil {
			return err
		}
		if reader.Buffered() == 0 { // a person or a pipe may wait for the answer
			if err := writer.Flush(); err != nil {
				return err
			}
		}
	}
}

func joinIDs(ids []int32) string {
	var text []byte
	for i, id := range ids {
		if i > 0 {
			text = append(text, ' ')
		}
		text = strconv.AppendInt(text, int64(id), 10)
	}
	return string(text)
}

func joinPieces(t tokenizer.Tokenizer, line string) string {
	var pieces []string
	if m, ok := t.(*tokenizer.MorphoPiece); ok {
		pieces = m.MidSentence([]byte(line))
	} else {
		for _, id := range t.Encode([]byte(line)) {
			pieces = append(pieces, t.Piece(id))
		}
	}
	return strings.Join(pieces, "|")
}

func decodeLine(t tokenizer.Tokenizer, line string) (string, error) {
	var ids []int32
	for _, field := range strings.Fields(line) {
		id, err := strconv.ParseInt(field, 10, 32)
		if err != nil || id < 0 || id >= int64(t.VocabSize()) {
			return "", fmt.Errorf("%q is no id of the tokenizer, expected whole numbers from 0 to %d separated by spaces", field, t.VocabSize()-1)
		}
		ids = append(ids, int32(id))
	}
	return string(t.Decode(ids)), nil
}

func segmentWord(t tokenizer.Tokenizer, line string) (string, error) {
	m, ok := t.(*tokenizer.MorphoPiece)
	if !ok || m.Model().Segmenter() == nil {
		return "", fmt.Errorf("the %s tokenizer knows no morphemes: name a MorphoPiece with --tokenizer FILE (agiformer tokenizer train makes one)", t.Name())
	}
	return line + "\t" + strings.Join(m.Model().Morphemes([]byte(line)), "|"), nil
}
