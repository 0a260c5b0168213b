package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
)

// parquetValues is how many values are taken from a page at once.
const parquetValues = 64

// readParquet reads one document from the text column of each row. A packed
// file is unpacked into tmp first, since Parquet is read from its end.
func readParquet(ctx context.Context, f sourceFile, field, tmp string, count *atomic.Int64, b *documentBuilder) (err error) {
	path := f.path
	if f.compression != uncompressed {
		if path, err = unpackToFile(f, tmp, count); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(path)) }()
		count = new(atomic.Int64) // the packed bytes were counted
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("data cannot be read: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// The library panics on some damaged files.
	defer func() {
		if r := recover(); r != nil {
			err = brokenf("is a damaged Parquet file (%v)", r)
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("data cannot be read: %w", err)
	}
	table, err := parquet.OpenFile(countingReaderAt{file, count}, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return brokenf("is no readable Parquet file (%v)", err)
	}
	column, err := textColumn(table.Schema(), field)
	if err != nil {
		b.problems.add(MissingField, max(1, table.NumRows()), b.file, err.Error())
		return nil
	}
	row := int64(0)
	for _, group := range table.RowGroups() {
		if err := readColumn(ctx, group.ColumnChunks()[column], &row, field, b); err != nil {
			return err
		}
	}
	return nil
}

// countingReaderAt counts the bytes that have been read.
type countingReaderAt struct {
	io.ReaderAt
	count *atomic.Int64
}

func (r countingReaderAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, off)
	r.count.Add(int64(n))
	return n, err
}

func unpackToFile(f sourceFile, tmp string, count *atomic.Int64) (path string, err error) {
	in, err := unpacked(f, count)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.CreateTemp(tmp, "unpacked-*.parquet")
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(out, in); err != nil {
		return "", errors.Join(err, out.Close(), os.Remove(out.Name()))
	}
	return out.Name(), out.Close()
}

// textColumn returns the index of the column called field, which may name a
// field within a group as group.field.
func textColumn(schema *parquet.Schema, field string) (int, error) {
	leaf, ok := schema.Lookup(field)
	if !ok {
		leaf, ok = schema.Lookup(strings.Split(field, ".")...)
	}
	if !ok {
		var names []string
		for _, path := range schema.Columns() {
			names = append(names, strings.Join(path, "."))
		}
		return 0, fmt.Errorf("there is no text column %q (data.text_field names it), only %s", field, strings.Join(names, ", "))
	}
	kind := leaf.Node.Type().Kind()
	if leaf.MaxRepetitionLevel > 0 || kind != parquet.ByteArray && kind != parquet.FixedLenByteArray {
		return 0, fmt.Errorf("the column %q is no text (it is %s)", field, leaf.Node.Type())
	}
	return leaf.ColumnIndex, nil
}

// readColumn reads the documents of one row group; row counts the file's rows.
func readColumn(ctx context.Context, chunk parquet.ColumnChunk, row *int64, field string, b *documentBuilder) (err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if b.refused() {
			return errRefused
		}
		page, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return brokenf("is a damaged Parquet file (%v)", err)
		}
		err = readPage(page, row, field, b)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

func readPage(page parquet.Page, row *int64, field string, b *documentBuilder) error {
	values := page.Values()
	var batch [parquetValues]parquet.Value
	for {
		n, err := values.ReadValues(batch[:])
		for _, v := range batch[:n] {
			*row++
			if v.IsNull() {
				b.problem(MissingField, "row %d has no value in column %q", *row, field)
				continue
			}
			b.begin(fmt.Sprintf("row %d", *row))
			if err := b.write(v.ByteArray()); err != nil {
				return err
			}
			if err := b.end(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return brokenf("is a damaged Parquet file (%v)", err)
		}
	}
}
