package data_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
)

// write puts files (name to contents) into a new folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// prepare makes a dataset with a cache of its own.
func prepare(t *testing.T, opts data.Options) (*data.Dataset, *data.Report) {
	t.Helper()
	if opts.CacheDir == "" {
		opts.CacheDir = t.TempDir()
	}
	ds, report, err := data.Prepare(context.Background(), opts, tokenizer.NewByte())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ds.Close(); err != nil {
			t.Error(err)
		}
	})
	return ds, report
}

// texts returns the text of every document.
func texts(t *testing.T, ds *data.Dataset) []string {
	t.Helper()
	list := make([]string, ds.Documents())
	for i := range list {
		ids, err := ds.Document(int64(i))
		if err != nil {
			t.Fatal(err)
		}
		list[i] = string(ds.Tokenizer().Decode(ids))
	}
	return list
}

// lines makes a dataset of one document a line.
func lines(t *testing.T, docs []string) *data.Dataset {
	t.Helper()
	dir := write(t, map[string]string{"lines.txt": strings.Join(docs, "\n")})
	ds, _ := prepare(t, data.Options{Paths: []string{dir}, Split: data.SplitLine})
	return ds
}

// numbered returns n different documents of 1 to longest bytes or a few more;
// each holds its own number.
func numbered(n, longest int) []string {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	docs := make([]string, n)
	for i := range docs {
		docs[i] = fmt.Sprintf("%d:%s", i, strings.Repeat("xy", r.IntN(longest)/2))
	}
	return docs
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func zstandard(t *testing.T, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return string(z.EncodeAll([]byte(text), nil))
}

// row is a record with a column that may be null.
type row struct {
	ID   int64   `parquet:"id"`
	Text *string `parquet:"text,optional"`
}

// table returns a Parquet file with the texts; an empty pointer is a null.
func table(t *testing.T, list ...*string) string {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[row](&out, parquet.Compression(&parquet.Zstd))
	for i, text := range list {
		if _, err := w.Write([]row{{int64(i), text}}); err != nil {
			t.Fatal(err)
		}
		if i%3 == 2 { // several row groups
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
