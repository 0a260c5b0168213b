package tokenizer_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

// newMorphoPiece trains a small tokenizer once for all tests.
var newMorphoPiece = sync.OnceValue(func() *tokenizer.MorphoPiece {
	c := morphopiece.NewCounter()
	for _, line := range tokenizertest.Corpus() {
		c.Add([]byte(line))
	}
	gold, err := morphology.ReadGold(strings.NewReader(tokenizertest.Gold()))
	if err != nil {
		panic(err)
	}
	segmenter, err := morphology.Train(context.Background(), c.Words(), gold, nil, morphology.Options{})
	if err != nil {
		panic(err)
	}
	m, err := morphopiece.Train(context.Background(), c, segmenter, morphopiece.TrainOptions{VocabSize: 258 + 120, Mode: morphopiece.Plain})
	if err != nil {
		panic(err)
	}
	return tokenizer.NewMorphoPiece(m)
})

func pieceLabels(t *tokenizer.MorphoPiece, ids []int32) []tokenizer.Label {
	l := t.NewLabeler()
	list := make([]tokenizer.Label, len(ids))
	for i, id := range ids {
		list[i] = l.Next(id)
	}
	return list
}

func TestMorphoPieceLabels(t *testing.T) {
	t.Parallel()
	tok := newMorphoPiece()
	const (
		root, plural       = 8 + uint8(morphology.ClassRoot), 8 + uint8(morphology.ClassPlural)
		locative, ablative = 8 + uint8(morphology.ClassLocative), 8 + uint8(morphology.ClassAblative)
	)
	type want struct {
		piece       string
		kind, place uint8
		vowel       uint8
		start       bool
		harmony     uint8
		canonical   string
	}
	for _, wants := range [][]want{
		{
			{" okul", root, 0, 2, true, 0, ""}, {"lar", plural, 1, 1, false, 1, "lAr"}, {"da", locative, 2, 1, false, 1, "DA"},
			{" ", 5, 0, 0, false, 0, ""}, {"1", 4, 0, 0, true, 0, ""}, {"2", 4, 0, 0, false, 0, ""},
			{"'den", ablative, 0, 3, false, 0, "DAn"}, {"\n", 6, 0, 0, false, 0, ""},
		},
		{{" göz", root, 0, 4, true, 0, ""}, {"lar", plural, 1, 1, false, 2, "lAr"}, {" ev", root, 0, 3, true, 0, ""}},
		{ // a suffix goes on with the word before its apostrophe
			{" okul", root, 0, 2, true, 0, ""}, {"'", 7, 0, 0, false, 0, ""}, {"lar", plural, 1, 1, false, 1, "lAr"}, {"da", locative, 2, 1, false, 1, "DA"},
			{" ev", root, 0, 3, true, 0, ""}, {"\xe2", 8, 0, 0, false, 0, ""}, {"\x80", 8, 0, 0, false, 0, ""}, {"\x99", 8, 0, 0, false, 0, ""},
			{"den", ablative, 1, 3, false, 1, "DAn"}, {"'", 7, 0, 0, false, 0, ""}, {" ev", root, 0, 3, true, 0, ""},
		},
		{ // and with a number
			{"5", 4, 0, 0, true, 0, ""}, {"'", 7, 0, 0, false, 0, ""}, {"den", ablative, 0, 3, false, 0, "DAn"},
			{"5", 4, 0, 0, true, 0, ""}, {"'", 7, 0, 0, false, 0, ""}, {"5", 4, 0, 0, true, 0, ""},
		},
		{ // two apostrophes, another sign and a quotation's end begin a new word
			{" ev", root, 0, 3, true, 0, ""}, {"'", 7, 0, 0, false, 0, ""}, {"'", 7, 0, 0, false, 0, ""}, {"lar", 2, 0, 1, true, 0, ""},
			{"\xe2", 8, 0, 0, false, 0, ""}, {"\x80", 8, 0, 0, false, 0, ""}, {"\xa6", 8, 0, 0, false, 0, ""}, {"lar", 2, 0, 1, true, 0, ""},
			{"'", 7, 0, 0, false, 0, ""}, {".", 7, 0, 0, false, 0, ""}, {"lar", 2, 0, 1, true, 0, ""},
		},
		{{"\xe6", 8, 0, 0, true, 0, ""}, {"\xbc", 8, 1, 0, false, 0, ""}, {"\xa2", 8, 2, 0, false, 0, ""}},
		{{".", 7, 0, 0, false, 0, ""}, {"\x00", 7, 0, 0, false, 0, ""}, {"\x03", 7, 0, 0, false, 0, ""}, {"\xff", 8, 0, 0, false, 0, ""}},
	} {
		ids := make([]int32, len(wants))
		for i, w := range wants {
			ids[i] = idOf(t, tok, w.piece)
		}
		for i, got := range pieceLabels(tok, ids) {
			w := wants[i]
			g := want{w.piece, got.Type, got.Place, got.Vowel, got.WordStart, got.Harmony, tok.Canonical(got)}
			if g != w {
				t.Errorf("piece %d of %+v: %+v", i, wants, g)
			}
		}
	}
}

// idOf returns the id that stands for text.
func idOf(t *testing.T, tok tokenizer.Tokenizer, text string) int32 {
	t.Helper()
	for id := range int32(tok.VocabSize()) {
		if string(tok.Decode([]int32{id})) == text {
			return id
		}
	}
	t.Fatalf("no id stands for %q", text)
	return 0
}

// Every prefix of text, cut at a token, has the labels that it has in the
// whole; so do ids at random. A state carries the stream on.
func TestMorphoPieceLabelsAreCausal(t *testing.T) {
	t.Parallel()
	tok := newMorphoPiece()
	r := rand.New(rand.NewPCG(1, 2))
	streams := [][]int32{tok.Encode([]byte(strings.Join(tokenizertest.Corpus()[:40], ""))), tok.Encode([]byte(strings.Join(tokenizertest.Nasty, "")))}
	random := make([]int32, 2000)
	for i := range random {
		random[i] = int32(r.IntN(tok.VocabSize()))
	}
	for _, ids := range append(streams, random) {
		all := pieceLabels(tok, ids)
		l, fresh := tok.NewLabeler(), tok.NewLabeler().State()
		for i, id := range ids {
			state := l.State()
			if len(state) > tokenizer.MaxLabelerState {
				t.Fatalf("the state takes %d bytes", len(state))
			}
			if err := l.SetState(slices.Clone(state)); err != nil {
				t.Fatal(err)
			}
			label := l.Next(id)
			if label != all[i] {
				t.Fatalf("label %d is %+v after a restored state, want %+v", i, label, all[i])
			}
			if label.Type >= tokenizer.TypeCount || label.Place >= tokenizer.PlaceCount || label.Vowel >= tokenizer.VowelCount {
				t.Fatalf("label %+v is outside the feature tables", label)
			}
		}
		for cut := range len(ids) {
			if got := pieceLabels(tok, ids[:cut]); !slices.Equal(got, all[:cut]) {
				t.Fatalf("the labels of the first %d ids depend on later ones", cut)
			}
		}
		l.Next(tok.EndOfDocument())
		if !slices.Equal(l.State(), fresh) {
			t.Error("an end of document forgets nothing")
		}
	}
	for _, state := range [][]byte{{0, 0, 99, 0, 0}, {5, 0, 0, 0, 0}, {0, 5, 0, 0, 0}, {1, 1, 0, 0, 0}, {1, 0, 0, 0, 99}} {
		if err := tok.NewLabeler().SetState(state); err == nil {
			t.Errorf("%v was taken for a state", state)
		}
	}
}

// A text that ends at any byte has the labels of the whole, wherever it has its
// ids: what a label says was known there.
func TestMorphoPieceLabelsOfCutTexts(t *testing.T) {
	t.Parallel()
	tok := newMorphoPiece()
	texts := append(slices.Clone(tokenizertest.Nasty), tokenizertest.Corpus()[:20]...)
	texts = append(texts, "Kur'an'ın okul'lardan okul’lardan 5'den 5’den ev'", "evßler’den \xe2\x80ev'\xe2\x80\x99de ev\xe2\x80…ev")
	for _, text := range append(texts, strings.Join(tokenizertest.Nasty, "")) {
		ids := tok.Encode([]byte(text))
		all, prefixes := pieceLabels(tok, ids), 0
		for n := range len(text) {
			cut := tok.Encode([]byte(text[:n]))
			if len(cut) > len(ids) || !slices.Equal(cut, ids[:len(cut)]) {
				continue // its last word is another one
			}
			prefixes++
			if got := pieceLabels(tok, cut); !slices.Equal(got, all[:len(cut)]) {
				t.Fatalf("the labels of %q depend on what follows it: %+v, in the whole %+v", text[:n], got, all[:len(cut)])
			}
		}
		if len(ids) > 1 && prefixes < 2 {
			t.Errorf("%q has %d prefixes with its ids, so nothing was compared", text, prefixes)
		}
	}
}

func TestMorphoPieceText(t *testing.T) {
	t.Parallel()
	tok := newMorphoPiece()
	if tok.Name() != "morphopiece" || tok.Removed([]byte("\x00\x03")) != 0 || tok.EndOfDocument() != 3 {
		t.Errorf("%s removes %d bytes, ends with %d", tok.Name(), tok.Removed([]byte("\x00\x03")), tok.EndOfDocument())
	}
	for _, text := range tokenizertest.Nasty {
		ids, size := tok.Encode([]byte(text)), 0
		for _, id := range ids {
			size += tok.TokenBytes(id)
		}
		if got := string(tok.Decode(ids)); got != text || size != len(text) {
			t.Errorf("decode(encode(%q)) = %q, of %d bytes", text, got, size)
		}
	}
	if got := strings.Join(tok.MidSentence([]byte("evlerden")), "|"); got != "ev|ler|den" {
		t.Errorf("evlerden is %s in mid-sentence, want ev|ler|den", got)
	}
	if got := strings.Join(tok.MidSentence([]byte("a|\tğ\x00")), "|"); got != "a|<0x7C>|<0x09>|<0xC4>|<0x9F>|<0x00>" {
		t.Errorf("bytes are shown as %s", got)
	}
	if got := tok.Decode([]int32{0, 3, -1, int32(tok.VocabSize())}); len(got) != 0 {
		t.Errorf("marks and foreign ids have the text %q", got)
	}
}

func TestMorphoPieceFile(t *testing.T) {
	t.Parallel()
	tok := newMorphoPiece()
	text, err := tok.JSON()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := tokenizer.FromConfig("morphopiece", &path)
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() != tok.Hash() || back.VocabSize() != tok.VocabSize() {
		t.Error("the tokenizer that came back is another one")
	}
	if _, err := tokenizer.FromConfig("unigram", &path); err == nil || !strings.Contains(err.Error(), "tokenizer=morphopiece") {
		t.Errorf("a tokenizer of another name: %v", err)
	}
	if _, err := tokenizer.FromConfig("morphopiece", nil); err == nil || !strings.Contains(err.Error(), "tokenizer.path") {
		t.Errorf("no file: %v", err)
	}
}
