package data_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
)

func TestBrokenInput(t *testing.T) {
	t.Parallel()
	good := "iyi"
	zipped := gzipped(t, strings.Repeat("a b c d e f g h ", 5000)+good)
	cases := map[string]struct {
		name, contents string
		kind           data.Kind
		count          int64
		mention        string // in the sentence about it
		left           string // documents that are kept, "" for any
	}{
		"broken line":    {"a.jsonl", "{\"text\":\"iyi\"}\n{\"text\":\nnonsense", data.BrokenLine, 2, "line 2", good},
		"array":          {"a.json", "[1]\n{\"text\":\"iyi\"}", data.BrokenLine, 1, "line 1", good},
		"missing field":  {"a.jsonl", "{\"text\":\"iyi\"}\n{\"txt\":\"\"}\n{\"text\":5}\n{\"text\":null}", data.MissingField, 3, "line 2", good},
		"empty record":   {"a.jsonl", "{\"text\":\"iyi\"}\n{\"text\":\"\"}", data.EmptyText, 1, "line 2", good},
		"only NUL":       {"a.jsonl", "{\"text\":\"iyi\"}\n{\"text\":\"\\u0000\"}", data.EmptyText, 1, "line 2", good},
		"invalid UTF-8":  {"a.txt", "iyi\xff", data.InvalidUTF8, 1, "UTF-8", "iyi\xff"},
		"in JSON":        {"a.jsonl", "{\"text\":\"iyi\xff\"}", data.InvalidUTF8, 1, "line 1", "iyi\xff"},
		"NUL":            {"a.txt", "i\x00y\x03i\x00", data.RemovedByte, 3, "NUL", good},
		"broken gzip":    {"a.txt.gz", zipped[:len(zipped)-20], data.BrokenFile, 1, "decompressed", ""},
		"no gzip":        {"a.txt.gz", good, data.BrokenFile, 1, "gzip", ""},
		"no zstd":        {"a.jsonl.zst", good, data.BrokenFile, 1, "decompressed", ""},
		"no Parquet":     {"a.parquet", good, data.BrokenFile, 1, "Parquet", ""},
		"null":           {"a.parquet", table(t, &good, nil), data.MissingField, 1, "row 2", good},
		"UTF-16":         {"a.txt", "\xff\xfea\x00", data.ForeignText, 1, "not UTF-8 and left out", ""},
		"empty file":     {"a.txt", "", data.EmptyFile, 1, "empty", ""},
		"no such column": {"a.pq", strings.ReplaceAll(table(t, &good), "text", "body"), data.MissingField, 1, "body", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{c.name: c.contents, "z.txt": "son"})
			opts := data.Options{Paths: []string{dir}, CacheDir: t.TempDir()}
			for _, when := range []string{"new", "cached"} {
				ds, report := prepare(t, opts)
				if len(report.Problems) == 0 || report.Problems[len(report.Problems)-1].Kind != c.kind && report.Problems[0].Kind != c.kind {
					t.Fatalf("%s: problems %+v, want %s", when, report.Problems, c.kind)
				}
				for _, p := range report.Problems {
					if p.Kind == c.kind && (p.Count != c.count || !strings.Contains(p.First, c.name)) {
						t.Errorf("%s: problem %+v, want a count of %d in %s", when, p, c.count, c.name)
					}
				}
				if text := strings.Join(report.Sentences(), "\n"); !strings.Contains(text, c.mention) {
					t.Errorf("%s: the report does not mention %q: %s", when, c.mention, text)
				}
				if got := texts(t, ds); c.left != "" && got[0] != c.left || got[len(got)-1] != "son" {
					t.Errorf("%s: documents %q, want %q and son", when, got, c.left)
				}
			}
			// What is skipped above is refused where problems are errors,
			// whether the shard is in the cache or not.
			opts.OnError = data.OnErrorFail
			for _, cache := range []string{opts.CacheDir, t.TempDir()} {
				opts.CacheDir = cache
				_, _, err := data.Prepare(context.Background(), opts, tokenizer.NewByte())
				if err == nil || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), "data.on_error") {
					t.Errorf("on_error=fail gives %v, want an error that names %s and data.on_error", err, c.name)
				}
			}
		})
	}
}

func TestNothingToRead(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"empty/a.txt": "", "other/a.bin": "x"})
	cases := map[string]struct {
		opts data.Options
		want string
	}{
		"no path":       {data.Options{}, "data.train"},
		"no file":       {data.Options{Paths: []string{filepath.Join(dir, "none.txt")}}, "does not exist"},
		"no match":      {data.Options{Paths: []string{filepath.Join(dir, "*.none")}}, "matches no file"},
		"empty file":    {data.Options{Paths: []string{filepath.Join(dir, "empty")}}, "no text was found"},
		"unknown kinds": {data.Options{Paths: []string{filepath.Join(dir, "other")}}, "holds no text"},
		"split":         {data.Options{Paths: []string{dir}, Split: "page"}, "data.split"},
		"on_error":      {data.Options{Paths: []string{dir}, OnError: "ask"}, "data.on_error"},
		"maximum":       {data.Options{Paths: []string{dir}, MaxDocumentBytes: -1}, "data.max_document_bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.opts.CacheDir = t.TempDir()
			if _, _, err := data.Prepare(context.Background(), c.opts, tokenizer.NewByte()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// Every line is read as the standard library reads it, or refused where it
// refuses it.
func FuzzJSONLine(f *testing.F) {
	for _, line := range []string{
		`{"text":"a"}`, `{"a":[1,-2.5e+3,true,{"b":null}],"text":"x\"\\\/\b\f\n\r\t\u00e7\ud83d\ude42\ud83d"}`,
		`{"text":"a","text":"b"}`, `{}`, `{"text":1}`, `[]`, `{"text":"a"} x`, `{"text":01}`, `{"text":"a",}`, ` {"te\u0078t" : "a" } `,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\x00\x03") || !utf8.ValidString(line) || strings.HasPrefix(line, "\uFEFF") ||
			strings.TrimSpace(line) == "" || strings.Contains(strings.ToLower(line), `\u000`) {
			return
		}
		var record map[string]any
		err := json.Unmarshal([]byte(line), &record)
		want, ok := record["text"].(string)
		dir := write(t, map[string]string{"a.jsonl": line + "\n" + `{"text":"end"}`})
		ds, report := prepare(t, data.Options{Paths: []string{dir}})
		got := texts(t, ds)
		switch {
		case err != nil && !strings.Contains(err.Error(), "max depth"):
			if len(report.Problems) != 1 || report.Problems[0].Kind != data.BrokenLine {
				t.Errorf("%q is broken (%v), reported: %v", line, err, report.Sentences())
			}
		case ok && want != "" && got[0] != want:
			t.Errorf("%q has the text %q, want %q (%v)", line, got[0], want, report.Sentences())
		case !ok && len(got) != 1:
			t.Errorf("%q has no text, documents are %q", line, got)
		}
	})
}
