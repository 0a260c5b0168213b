package data_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/data"
)

func TestFormats(t *testing.T) {
	t.Parallel()
	one, two, three, four := "bir\nçift\n", "iki", "üç", "dört"
	jsonl := `{"id":1,"text":"bir\nçift\n"}` + "\n\n" + `{"text":"iki","more":{"text":"no"}}` + "\r\n" + `{"text":"\u00fc\u00e7"}` + "\n" + `{"text":"dört"}`
	four4 := []string{one, two, three, four}
	plain := "bir\nçift\n\n\n \niki\n\nüç\n\r\ndört"
	cases := map[string]struct {
		name, contents string
		opts           data.Options
		want           []string
	}{
		"text":         {"a.txt", one, data.Options{}, []string{one}},
		"other ending": {"a.log", one, data.Options{}, []string{one}},
		"mark":         {"a.txt", "\xEF\xBB\xBFiki", data.Options{}, []string{two}},
		"blank lines":  {"a.txt", plain, data.Options{Split: "blank_line"}, []string{"bir\nçift", two, three, four}},
		"lines":        {"a.txt", plain, data.Options{Split: "line"}, []string{"bir", "çift", two, three, four}},
		"jsonl":        {"a.jsonl", jsonl, data.Options{}, four4},
		"field":        {"a.ndjson", `{"body":"iki","text":"no"}`, data.Options{TextField: "body"}, []string{two}},
		"parquet":      {"a.parquet", table(t, &one, &two, &three, &four), data.Options{}, four4},
	}
	for name, c := range cases {
		for _, packing := range []struct{ ending, contents string }{
			{"", c.contents}, {".gz", gzipped(t, c.contents)}, {".zst", zstandard(t, c.contents)},
		} {
			t.Run(name+packing.ending, func(t *testing.T) {
				t.Parallel()
				dir := write(t, map[string]string{c.name + packing.ending: packing.contents})
				opts := c.opts
				opts.Paths = []string{filepath.Join(dir, c.name+packing.ending)}
				ds, report := prepare(t, opts)
				if got := texts(t, ds); !slices.Equal(got, c.want) {
					t.Errorf("documents %q, want %q", got, c.want)
				}
				if len(report.Problems) > 0 {
					t.Errorf("problems were reported: %v", report.Sentences())
				}
				bytes := int64(len(strings.Join(c.want, "")))
				if ds.Bytes() != bytes || ds.Tokens() != bytes || report.Documents != int64(len(c.want)) {
					t.Errorf("%d bytes, %d tokens, %d documents reported; want %d bytes", ds.Bytes(), ds.Tokens(), report.Documents, bytes)
				}
			})
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"b.txt": "b", "a.txt": "a", "sub/c.md": "c", "sub/deep/d.jsonl": `{"text":"d"}`, "e.txt.gz": gzipped(t, "e"),
		"SOURCE": "not text", ".hidden.txt": "h", ".git/f.txt": "f", "x[1].txt": "x",
	})
	cases := map[string]struct {
		paths []string
		want  string
	}{
		"folder":             {[]string{""}, "abecdx"},
		"file and again":     {[]string{"b.txt", "b.txt", "a.txt"}, "ba"},
		"glob":               {[]string{"*.txt"}, "abx"},
		"deep glob":          {[]string{"**/*.md", "**/d*"}, "cd"},
		"class":              {[]string{"[ab].txt"}, "ab"},
		"a name like a glob": {[]string{"x[1].txt"}, "x"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var paths []string
			for _, p := range c.paths {
				paths = append(paths, filepath.Join(dir, p))
			}
			ds, _ := prepare(t, data.Options{Paths: paths})
			if got := strings.Join(texts(t, ds), ""); got != c.want {
				t.Errorf("documents %q, want %q", got, c.want)
			}
		})
	}
}

func TestCutting(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		max  int64
		want []string
	}{
		"never":           {"aaaa\nbbbb\n", 0, []string{"aaaa\nbbbb\n"}},
		"short enough":    {"aaaa\nbbbb\n", 10, []string{"aaaa\nbbbb\n"}},
		"at the next end": {"aaaa\nbbbb\ncccc\n", 6, []string{"aaaa\nbbbb\n", "cccc\n"}},
		"exactly":         {"aaaa\nbbbb\nc", 5, []string{"aaaa\n", "bbbb\n", "c"}},
		"no line end":     {strings.Repeat("a", 100), 5, []string{strings.Repeat("a", 100)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"a.txt": c.text})
			ds, _ := prepare(t, data.Options{Paths: []string{dir}, MaxDocumentBytes: c.max})
			if got := texts(t, ds); !slices.Equal(got, c.want) {
				t.Errorf("documents %q, want %q", got, c.want)
			}
		})
	}
}

// A document far longer than every buffer comes through whole, with and
// without line ends.
func TestLongDocuments(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"lines":    strings.Repeat("uzun bir satır, ığüşöç\n", 200_000),
		"one line": strings.Repeat("ığüşöç ", 400_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"a.txt": text})
			ds, report := prepare(t, data.Options{Paths: []string{dir}})
			if got := texts(t, ds); len(got) != 1 || got[0] != text {
				t.Errorf("the document changed: %d documents, %d bytes, want %d", len(got), ds.Bytes(), len(text))
			}
			if len(report.Problems) > 0 {
				t.Errorf("problems were reported: %v", report.Sentences())
			}
			cut, _ := prepare(t, data.Options{Paths: []string{dir}, MaxDocumentBytes: 65536})
			if got := strings.Join(texts(t, cut), ""); got != text {
				t.Error("the pieces of a cut document are not the document")
			}
		})
	}
}
