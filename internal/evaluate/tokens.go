package evaluate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"agiformer/internal/train"
)

// tokenFile writes a JSON line per predicted token, document after document.
// Lanes are evaluated side by side, so the lines of later documents wait in
// memory until those before them are complete.
type tokenFile struct {
	file     *os.File
	buffer   *bufio.Writer
	lines    *json.Encoder
	expected func(doc int64) (int64, error) // predicted tokens of a document
	doc      int64                          // the document that is being written
	written  int64                          // its lines so far
	waiting  map[int64][]train.TokenLoss
}

func newTokenFile(path string, expected func(doc int64) (int64, error)) (*tokenFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--token-losses: %w", err)
	}
	buffer := bufio.NewWriterSize(file, 1<<20)
	return &tokenFile{
		file: file, buffer: buffer, lines: json.NewEncoder(buffer),
		expected: expected, waiting: map[int64][]train.TokenLoss{},
	}, nil
}

// add takes the next token of a document; each document's come in order.
func (f *tokenFile) add(t train.TokenLoss) error {
	for f.doc < t.Doc {
		expected, err := f.expected(f.doc)
		if err != nil {
			return err
		}
		if f.written < expected {
			break
		}
		if err := f.nextDocument(); err != nil {
			return err
		}
	}
	if t.Doc != f.doc {
		f.waiting[t.Doc] = append(f.waiting[t.Doc], t)
		return nil
	}
	f.written++
	return f.lines.Encode(t)
}

// nextDocument goes on with the following document and what waits of it.
func (f *tokenFile) nextDocument() error {
	f.doc++
	f.written = int64(len(f.waiting[f.doc]))
	for _, t := range f.waiting[f.doc] {
		if err := f.lines.Encode(t); err != nil {
			return err
		}
	}
	delete(f.waiting, f.doc)
	return nil
}

// close writes what still waits and closes the file.
func (f *tokenFile) close() error {
	var errs []error
	for len(f.waiting) > 0 && len(errs) == 0 {
		if err := f.nextDocument(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, f.buffer.Flush(), f.file.Close())...)
}
