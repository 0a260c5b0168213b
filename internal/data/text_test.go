package data_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/data"
)

// The text of files of all kinds comes in order, broken records left out and
// counted, NULs kept.
func TestEachText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt":   "bir\niki\x00\n",
		"b.jsonl": `{"text":"üç"}` + "\nbroken\n" + `{"other":1}` + "\n" + `{"text":"dört\n"}` + "\n",
		"c.txt":   "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	report, err := data.EachText(context.Background(), data.Options{Paths: []string{dir}}, func(text []byte) { got.Write(text) })
	if err != nil {
		t.Fatal(err)
	}
	if want := "bir\niki\x00\nüçdört\n"; got.String() != want || report.Documents != 3 || report.Bytes != int64(len(want)) || report.Files != 3 {
		t.Errorf("text %q, report %+v", got.String(), report)
	}
	if notes := strings.Join(report.Sentences(), "; "); !strings.Contains(notes, "b.jsonl") || !strings.Contains(notes, "empty") {
		t.Errorf("the report says %q", notes)
	}
	if _, err := data.EachText(context.Background(), data.Options{Paths: []string{dir}, OnError: data.OnErrorFail}, func([]byte) {}); err == nil {
		t.Error("broken records were not refused")
	}
	if _, err := data.EachText(context.Background(), data.Options{Paths: []string{filepath.Join(dir, "c.txt")}}, func([]byte) {}); err == nil {
		t.Error("a corpus without text was taken")
	}
}

func TestSourceHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hash := func(text string, o data.Options) string {
		o.Paths, o.CacheDir = []string{filepath.Join(dir, "a.txt")}, filepath.Join(dir, "cache")
		if err := os.WriteFile(o.Paths[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, cache, err := data.SourceHash(context.Background(), o)
		if err != nil || cache != o.CacheDir {
			t.Fatal(err, cache)
		}
		return h
	}
	a, b, c := hash("a", data.Options{}), hash("b", data.Options{}), hash("a", data.Options{Split: data.SplitLine})
	if a == b || a == c || a != hash("a", data.Options{}) {
		t.Errorf("hashes %s, %s, %s", a, b, c)
	}
}
