package evaluate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"agiformer/internal/data"
	"agiformer/internal/train"
)

// tokenFile writes a JSON line per predicted token, document after document.
// Lanes are evaluated side by side, so the lines of later documents wait in
// memory until those before them are complete. The nil *tokenFile writes none.
type tokenFile struct {
	file     *os.File
	path     string // that the file gets once it is complete; "" where it has it
	buffer   *bufio.Writer
	lines    *json.Encoder
	expected func(doc int64) (int64, error) // predicted tokens of a document
	doc      int64                          // the document that is being written
	written  int64                          // its lines so far
	waiting  map[int64][]train.TokenLoss
}

// openTokenFile opens the file for the losses, nil for "". What is written goes
// to a file beside path and takes its place in the end, so that a file of losses
// is whole; a pipe or a device is written to as it is.
func openTokenFile(path string) (*tokenFile, error) {
	if path == "" {
		return nil, nil
	}
	f := &tokenFile{waiting: map[int64][]train.TokenLoss{}}
	target := path
	info, err := os.Stat(path)
	// /dev/stdout may be a regular file, which others hold open.
	if err != nil || info.Mode().IsRegular() && !strings.HasPrefix(path, "/dev/") {
		f.path, target = path, path+".aside"
		if real, err := filepath.EvalSymlinks(path); err == nil { // a link stays one
			f.path, target = real, real+".aside"
		}
	}
	if f.file, err = os.Create(target); err != nil {
		return nil, fmt.Errorf("--token-losses=%s cannot be written (%w): name a file in a folder that can be written", path, err)
	}
	f.buffer = bufio.NewWriterSize(f.file, 1<<20)
	f.lines = json.NewEncoder(f.buffer)
	return f, nil
}

// expect says what the losses will be of.
func (f *tokenFile) expect(text *data.Dataset) {
	if f == nil {
		return
	}
	f.expected = func(doc int64) (int64, error) {
		tokens, err := text.DocumentTokens(doc)
		return max(tokens-1, 0), err
	}
}

// add takes the next token of a document; each document's come in order.
func (f *tokenFile) add(t train.TokenLoss) error {
	if f == nil {
		return nil
	}
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

// close writes what still waits, closes the file and gives it its name.
func (f *tokenFile) close() error {
	if f == nil {
		return nil
	}
	var err error
	for len(f.waiting) > 0 && err == nil {
		err = f.nextDocument()
	}
	if err = errors.Join(err, f.buffer.Flush()); err != nil {
		return errors.Join(err, f.discard())
	}
	if err := f.file.Close(); err != nil || f.path == "" {
		return err
	}
	return os.Rename(f.file.Name(), f.path)
}

// discard closes the file and leaves none.
func (f *tokenFile) discard() error {
	if f == nil {
		return nil
	}
	err := f.file.Close()
	if f.path != "" {
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	return err
}
