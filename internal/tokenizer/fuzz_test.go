package tokenizer_test

import (
	"slices"
	"strings"
	"testing"

	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/tokenizertest"
)

// FuzzLabels: a text that is cut anywhere has the labels of the whole wherever
// it has its ids, and so has a stream that goes on from a state.
func FuzzLabels(f *testing.F) {
	for _, text := range append(slices.Clone(tokenizertest.Nasty), "Kur'an'ın okul’lardan 5’den ev'", "\xe2\x80ev'\xe2\x80\x99de ev\xe2\x80…ev") {
		f.Add([]byte(text), uint(len(text)/2))
	}
	tok := newMorphoPiece()
	f.Fuzz(func(t *testing.T, text []byte, n uint) {
		ids := tok.Encode(text)
		all := pieceLabels(tok, ids)
		cut := tok.Encode(text[:n%uint(len(text)+1)])
		if len(cut) <= len(ids) && slices.Equal(cut, ids[:len(cut)]) && !slices.Equal(pieceLabels(tok, cut), all[:len(cut)]) {
			t.Fatalf("the first %d labels of %q depend on what follows", len(cut), text)
		}
		k := int(n % uint(len(ids)+1))
		first, second := tok.NewLabeler(), tok.NewLabeler()
		for _, id := range ids[:k] {
			first.Next(id)
		}
		if err := second.SetState(first.State()); err != nil {
			t.Fatal(err)
		}
		for i, id := range ids[k:] {
			if got := second.Next(id); got != all[k+i] {
				t.Fatalf("label %d of %q is %+v after a restored state, want %+v", k+i, text, got, all[k+i])
			}
		}
	})
}

// FuzzFromJSON: any bytes are refused in one sentence, or make a tokenizer that
// loses nothing and that its own file brings back.
func FuzzFromJSON(f *testing.F) {
	for _, tok := range []tokenizer.Tokenizer{tokenizer.NewByte(), newMorphoPiece()} {
		text, err := tok.JSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	for _, text := range []string{"", "null", "[]", `{"type":"morphopiece","version":1}`, `{"type":"morphopiece","version":1,"hash":"","model":{}}`, `{"version":"1.0","model":{"type":"BPE"}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tok, err := tokenizer.FromJSON(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("the error is no sentence: %q", err)
			}
			return
		}
		const sample = "Kur'an'ın evlerimizden 5’i."
		if got := string(tok.Decode(tok.Encode([]byte(sample)))); got != sample {
			t.Fatalf("decode(encode(%q)) = %q", sample, got)
		}
		again, err := tok.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := tokenizer.FromJSON(again); err != nil || back.VocabSize() != tok.VocabSize() {
			t.Fatalf("the file of a tokenizer that was read does not come back: %v", err)
		}
	})
}
