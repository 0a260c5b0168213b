package tokenizer_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/tokenizer"
)

// texts are strings that a tokenizer must carry through unharmed.
var texts = []string{
	"", "a", "Merhaba dünya.\n", "İstanbul'un ışığı", "çğıöşü ÇĞİÖŞÜ âîû", "12.345,67 %", "\r\n\t ",
	"emoji 🙂 and 漢字", "\xff\xfe broken \xc3", "\x01\x02\x04\x7f", strings.Repeat("uzun ", 1000),
}

func TestByteRoundTrip(t *testing.T) {
	t.Parallel()
	tok := tokenizer.NewByte()
	for _, text := range texts {
		ids := tok.Encode([]byte(text))
		if got := string(tok.Decode(ids)); got != text {
			t.Errorf("decode(encode(%q)) = %q", text, got)
		}
		if slices.ContainsFunc(ids, func(id int32) bool { return id <= 0 || int(id) >= tok.VocabSize() || id == tok.EndOfDocument() }) {
			t.Errorf("encode(%q) = %v has an id that no text has", text, ids)
		}
	}
}

func TestByteRemovesMarks(t *testing.T) {
	t.Parallel()
	tok := tokenizer.NewByte()
	text := []byte("a\x00b\x03c\x00")
	if got := string(tok.Decode(tok.Encode(text))); got != "abc" {
		t.Errorf("text without marks is %q, want abc", got)
	}
	if got := tok.Removed(text); got != 3 {
		t.Errorf("%d bytes removed, want 3", got)
	}
	if got := string(tok.Decode([]int32{0, 'a', 3, 256, -1, 'b'})); got != "ab" {
		t.Errorf("decoding padding, an end and foreign ids gives %q, want ab", got)
	}
	if tok.TokenBytes('a') != 1 || tok.TokenBytes(tok.EndOfDocument()) != 0 || tok.TokenBytes(0) != 0 {
		t.Error("a byte stands for one byte of text, an end of document and padding for none")
	}
}

func FuzzByteRoundTrip(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	tok := tokenizer.NewByte()
	f.Fuzz(func(t *testing.T, text []byte) {
		want := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte{0}, nil), []byte{3}, nil)
		if got := tok.Decode(tok.Encode(text)); !bytes.Equal(got, want) {
			t.Errorf("decode(encode(%q)) = %q, want %q", text, got, want)
		}
		if got := len(text) - len(want); got != tok.Removed(text) {
			t.Errorf("Removed(%q) = %d, want %d", text, tok.Removed(text), got)
		}
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	tok := tokenizer.NewByte()
	text, err := tok.JSON()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := tokenizer.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() != tok.Hash() || back.Name() != "byte" || back.VocabSize() != 256 {
		t.Errorf("the tokenizer came back as %s %s", back.Name(), back.Hash())
	}
	if _, err := tokenizer.FromConfig("byte", &path); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{}", `{"type":"bpe","version":1}`, `{"type":"byte","version":9}`} {
		if _, err := tokenizer.FromJSON([]byte(bad)); err == nil {
			t.Errorf("a tokenizer was made of %q", bad)
		}
	}
	missing := path + ".none"
	want := "tokenizer.path: the tokenizer " + missing + " cannot be read (no such file or directory): name a file that agiformer tokenizer train --out FILE wrote"
	if _, err := tokenizer.FromConfig("morphopiece", &missing); err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := tokenizer.FromConfig("bpe", nil); err == nil || !strings.Contains(err.Error(), "tokenizer.name") {
		t.Errorf("an unknown name must be refused with its key, got %v", err)
	}
}
