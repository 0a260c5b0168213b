package data_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
)

// benchmarkText is 32 MB of lines.
func benchmarkText() string {
	var text strings.Builder
	for i := 0; text.Len() < 32<<20; i++ {
		fmt.Fprintf(&text, "Satır %d: bahçede oynayan çocukların gülüşü, ağaçların arasından geliyordu.\n", i)
	}
	return text.String()
}

func BenchmarkPrepare(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "a.txt")
	text := benchmarkText()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for i := 0; b.Loop(); i++ {
		ds, _, err := data.Prepare(context.Background(), data.Options{
			Paths: []string{path}, MaxDocumentBytes: 65536, CacheDir: filepath.Join(dir, fmt.Sprint(i)),
		}, tokenizer.NewByte())
		if err != nil {
			b.Fatal(err)
		}
		if err := ds.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoader(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte(benchmarkText()), 0o600); err != nil {
		b.Fatal(err)
	}
	ds, _, err := data.Prepare(context.Background(), data.Options{
		Paths: []string{path}, MaxDocumentBytes: 65536, CacheDir: b.TempDir(),
	}, tokenizer.NewByte())
	if err != nil {
		b.Fatal(err)
	}
	defer ds.Close()
	l, err := data.NewLoader(ds, data.LoaderOptions{Lanes: 32, BatchSize: 8, SeqLen: 512})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.SetBytes(32 * 512)
	for b.Loop() {
		if _, err := l.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
