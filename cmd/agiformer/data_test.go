package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/exit"
)

// runWith runs a command line on some standard input.
func runWith(t *testing.T, input string, args ...string) (out, notes string, code int) {
	t.Helper()
	root := newRootCommand()
	var stdout, stderr bytes.Buffer
	root.SetIn(strings.NewReader(input))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	err := root.Execute()
	if err != nil {
		stderr.WriteString(err.Error())
	}
	return stdout.String(), stderr.String(), exit.Code(err)
}

func TestDataCommands(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), "--cache-dir="+t.TempDir()
	train, valid := filepath.Join(dir, "train.txt"), filepath.Join(dir, "valid=1.txt")
	for path, text := range map[string]string{train: "bir\niki\n\nüç\x00\n", valid: "iki\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"prepared in", "was prepared before"} {
		out, notes, code := runWith(t, "", "data", "prepare", train, "data.split=line", cache)
		if code != 0 || !strings.Contains(out, "3 documents, 10 bytes, 10 tokens") || !strings.Contains(out, want) || !strings.Contains(notes, "NUL") {
			t.Errorf("prepare: code %d, %q, notes %q; want %q and a note on NUL", code, out, notes, want)
		}
	}
	out, notes, code := runWith(t, "", "data", "stats", "data.train="+train, "--bigram", valid, "--json", cache)
	var stats struct {
		Documents int
		Bigram    float64 `json:"bigram_bits_per_byte"`
	}
	if err := json.Unmarshal([]byte(out), &stats); err != nil || code != 0 || stats.Documents != 1 || !(stats.Bigram > 0) {
		t.Errorf("stats: code %d, %v, %q, notes %q", code, err, out, notes)
	}
	if out, notes, code := runWith(t, "", "data", "stats", valid, cache); code != 0 || !strings.Contains(out, "documents  1\n") {
		t.Errorf("a file with = in its name: code %d, %q, %q", code, out, notes)
	}
	checkValidation(t, train, valid, cache)
	checkSplit(t, cache)
	for want, args := range map[string][]string{
		"does not exist": {"data", "stats", filepath.Join(dir, "none")},
		"data.train":     {"data", "prepare"},
		"data.on_error":  {"data", "prepare", train, "data.on_error=fail"},
		"data.split":     {"data", "prepare", train, "data.split=page"},
	} {
		if _, notes, code := runWith(t, "", append(args, cache)...); code != exit.BadInput || !strings.Contains(notes, want) {
			t.Errorf("%v: code %d, %q; want code 2 and %q", args, code, notes, want)
		}
	}
}

// checkValidation asks for the text that a run on three lines, one of them held
// out, or on a text of its own validates on.
func checkValidation(t *testing.T, train, valid, cache string) {
	t.Helper()
	for start, args := range map[string][]string{
		"":    {"data.train=" + train, "data.split=line"},
		"iki": {"data.train=" + train, "data.valid='" + valid + "'", "data.eval_tokens=2"},
	} {
		out, notes, code := runWith(t, "", append([]string{"data", "stats", "--validation", "--json", cache}, args...)...)
		var stats struct {
			Bigram     float64 `json:"bigram_bits_per_byte"`
			Validation struct {
				Documents int
				Start     string
			}
		}
		err := json.Unmarshal([]byte(out), &stats)
		if v := stats.Validation; err != nil || code != 0 || v.Documents != 1 || !strings.HasPrefix(v.Start, start) || v.Start == "" || !(stats.Bigram > 0) {
			t.Errorf("%v: code %d, %v, %q, notes %q", args, code, err, out, notes)
		}
	}
	if _, _, code := runWith(t, "", "data", "stats", train, "--validation", "--bigram", train, cache); code != exit.BadInput {
		t.Errorf("--validation and --bigram: code %d", code)
	}
}

// checkSplit holds out the same documents of a text for every seed: runs that
// differ in it alone are measured on one validation text.
func checkSplit(t *testing.T, cache string) {
	t.Helper()
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "line %d\n", i)
	}
	path := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	first := ""
	for _, seed := range []string{"seed=42", "seed=1", "seed=2"} {
		out, notes, code := runWith(t, "", "data", "stats", path, "data.split=line", "--validation", "--json", cache, seed)
		if first == "" {
			first = out
		}
		if code != 0 || out != first {
			t.Errorf("%s: code %d, %q, notes %q; with another seed %q", seed, code, out, notes, first)
		}
	}
}

func TestTokenizerCommands(t *testing.T) {
	t.Parallel()
	text := "gün | 1\n\nab\tc"
	ids, _, code := runWith(t, text, "tokenizer", "encode")
	if want := "103 195 188 110 32 124 32 49\n\n97 98 9 99\n"; code != 0 || ids != want {
		t.Errorf("encode: code %d, %q, want %q", code, ids, want)
	}
	if back, _, code := runWith(t, ids, "tokenizer", "decode"); code != 0 || back != text+"\n" {
		t.Errorf("decode: code %d, %q, want %q", code, back, text+"\n")
	}
	pieces, _, _ := runWith(t, "ü|b\n", "tokenizer", "encode", "--pieces")
	if want := "ü|b\t<0xC3>|<0xBC>|<0x7C>|b\n"; pieces != want {
		t.Errorf("pieces %q, want %q", pieces, want)
	}
	table, _, _ := runWith(t, "kuş\n", "tokenizer", "inspect")
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 5 || !strings.Contains(lines[2], "o u") {
		t.Errorf("inspect prints %q", table)
	}
	for want, args := range map[string][]string{
		"MorphoPiece":     {"tokenizer", "segment"},
		"expected 259":    {"tokenizer", "train", "--corpus", "x", "--vocab-size", "8", "--out", "x"},
		"--corpus PATH":   {"tokenizer", "train", "--out", "x"},
		"--out FILE":      {"tokenizer", "train", "--corpus", "x"},
		"needs no export": {"tokenizer", "export", "--format", "hf"},
		"no id":           {"tokenizer", "decode"},
		"--tokenizer: the tokenizer none.json cannot be read (no such file or directory): name a file that": {
			"tokenizer", "encode", "--tokenizer", "none.json"},
		"takes no": {"tokenizer", "encode", "file"},
	} {
		if _, notes, code := runWith(t, "999\n", args...); code != exit.BadInput || !strings.Contains(notes, want) {
			t.Errorf("%v: code %d, %q; want code 2 and %q", args, code, notes, want)
		}
	}
}
