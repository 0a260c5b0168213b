package data

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	readBufferBytes = 1 << 18
	// maxWindowBytes bounds what a zstd stream may ask to keep in memory.
	maxWindowBytes = 128 << 20
)

var lineEnd = []byte{'\n'}

// brokenError says that a file's contents cannot be read to the end, or not at
// all.
type brokenError struct {
	kind   Kind
	reason string
}

func (e *brokenError) Error() string { return e.reason }

func brokenf(format string, args ...any) error {
	return &brokenError{BrokenFile, fmt.Sprintf(format, args...)}
}

// countingReader counts the bytes of the file that have been read.
type countingReader struct {
	io.Reader
	count *atomic.Int64
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.count.Add(int64(n))
	return n, err
}

// errRefused ends the reading of a file in which a problem was met.
var errRefused = errors.New("the file has a problem")

// stoppableReader stops when the caller does or a problem was met that is not
// to be skipped.
type stoppableReader struct {
	ctx context.Context
	io.Reader
	builder *documentBuilder
}

func (r *stoppableReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.builder.refused() {
		return 0, errRefused
	}
	return r.Reader.Read(p)
}

// unpacked opens the contents of a file, decompressed. count grows by the bytes
// read from the disk.
func unpacked(f sourceFile, count *atomic.Int64) (io.ReadCloser, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("data cannot be read: %w", err)
	}
	raw := countingReader{file, count}
	switch f.compression {
	case compressGzip:
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, errors.Join(brokenf("is no gzip file (%v)", err), file.Close())
		}
		return &unpackedFile{contentReader{z}, func() error { return errors.Join(z.Close(), file.Close()) }}, nil
	case compressZstd:
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			return nil, errors.Join(brokenf("is no zstd file (%v)", err), file.Close())
		}
		return &unpackedFile{contentReader{z}, func() error { z.Close(); return file.Close() }}, nil
	default:
		return &unpackedFile{raw, file.Close}, nil
	}
}

type unpackedFile struct {
	io.Reader
	close func() error
}

func (u *unpackedFile) Close() error { return u.close() }

// contentReader turns a decompressor's errors into a brokenError.
type contentReader struct{ io.Reader }

func (r contentReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = brokenf("cannot be decompressed to its end (%v)", err)
	}
	return n, err
}

// readText reads the documents of a plain text file.
func readText(r io.Reader, split string, b *documentBuilder) error {
	in := bufio.NewReaderSize(r, readBufferBytes)
	if err := skipMark(in); err != nil {
		return err
	}
	if split == SplitFile {
		return readWhole(in, b)
	}
	return readLines(in, split == SplitLine, b)
}

// skipMark skips a UTF-8 byte order mark and refuses UTF-16.
func skipMark(in *bufio.Reader) error {
	head, err := in.Peek(3)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		_, err := in.Discard(3)
		return err
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return &brokenError{ForeignText, "looks like UTF-16, expected UTF-8 (iconv -f UTF-16 -t UTF-8 FILE > NEW converts it)"}
	}
	return nil
}

func readWhole(in *bufio.Reader, b *documentBuilder) error {
	b.begin("the file")
	for {
		_, err := in.Peek(1)
		if err == nil {
			text, _ := in.Peek(in.Buffered()) // never fails: it is buffered
			if err := b.write(text); err != nil {
				return err
			}
			if _, err := in.Discard(len(text)); err != nil {
				return err
			}
			continue
		}
		// What came before a break is kept.
		if endErr := b.end(); endErr != nil || err == io.EOF {
			return endErr
		}
		return err
	}
}

// readLines reads documents of one line each, or of lines up to a blank one;
// line ends become a single \n.
func readLines(in *bufio.Reader, single bool, b *documentBuilder) error {
	open, middle := false, false // a document is open; the last part ended within a line
	for number := 1; ; {
		part, more, err := in.ReadLine()
		if err != nil {
			if open {
				if err := b.end(); err != nil {
					return err
				}
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
		blank := !middle && !more && len(bytes.TrimSpace(part)) == 0
		if open && (blank || single && !middle) {
			open = false
			if err := b.end(); err != nil {
				return err
			}
		}
		if !blank {
			switch {
			case !open:
				open = true
				b.begin(fmt.Sprintf("the document at line %d", number))
			case !middle:
				if err := b.write(lineEnd); err != nil {
					return err
				}
			}
			if err := b.write(part); err != nil {
				return err
			}
		}
		if middle = more; !more {
			number++
		}
	}
}
