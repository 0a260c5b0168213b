package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLineBytes bounds a line of JSONL, which is held in memory.
const maxLineBytes = 256 << 20

// readJSONL reads one document from the text field of each line.
func readJSONL(r io.Reader, field string, b *documentBuilder) error {
	in := bufio.NewReaderSize(r, readBufferBytes)
	if err := skipMark(in); err != nil {
		return err
	}
	var long, text []byte
	for number := 1; ; number++ {
		line, rest, err := readLine(in, long[:0])
		long = rest
		if err != nil && err != io.EOF {
			return err
		}
		if len(line) > maxLineBytes {
			b.problem(BrokenLine, "line %d is longer than %d MB", number, maxLineBytes>>20)
		} else if len(bytes.TrimSpace(line)) > 0 {
			if text, err = jsonDocument(text[:0], line, field, number, b); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// readLine returns the next line with its end, io.EOF with the last one.
// long holds a line that the reader's buffer is too small for; what of a line
// is above maxLineBytes is dropped, except one byte that tells so.
func readLine(in *bufio.Reader, long []byte) (line, buffer []byte, err error) {
	part, err := in.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return part, long, err
	}
	for {
		long = append(long, part[:min(len(part), maxLineBytes+1-len(long))]...)
		if err != bufio.ErrBufferFull {
			return long, long, err
		}
		part, err = in.ReadSlice('\n')
	}
}

func jsonDocument(text, line []byte, field string, number int, b *documentBuilder) ([]byte, error) {
	text, err := textField(text, line, field)
	switch {
	case errors.Is(err, errNoField):
		b.problem(MissingField, "line %d has no field %q (data.text_field names it)", number, field)
	case errors.Is(err, errNotString):
		b.problem(MissingField, "line %d: the field %q is no string", number, field)
	case err != nil:
		b.problem(BrokenLine, "line %d %v", number, err)
	default:
		b.begin(fmt.Sprintf("line %d", number))
		if err := b.write(text); err != nil {
			return text, err
		}
		return text, b.end()
	}
	return text, nil
}
