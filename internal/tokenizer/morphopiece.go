package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"agiformer/internal/tokenizer/morphopiece"
)

// MorphoPiece is the tokenizer that a trained model makes.
type MorphoPiece struct {
	model *morphopiece.Model
	table []feature // by id
}

// NewMorphoPiece returns the tokenizer of a model.
func NewMorphoPiece(m *morphopiece.Model) *MorphoPiece {
	t := &MorphoPiece{model: m, table: make([]feature, m.VocabSize())}
	for id := range t.table {
		t.table[id] = featureOf(m, int32(id))
	}
	return t
}

// Model returns the trained model.
func (t *MorphoPiece) Model() *morphopiece.Model { return t.model }

// Name returns the model's kind: morphopiece or unigram.
func (t *MorphoPiece) Name() string { return string(t.model.Kind()) }

// VocabSize returns the number of ids.
func (t *MorphoPiece) VocabSize() int { return t.model.VocabSize() }

// EndOfDocument returns the id that closes a document.
func (t *MorphoPiece) EndOfDocument() int32 { return morphopiece.EndOfDocument }

// NewLabeler returns a labeler at the start of a document.
func (t *MorphoPiece) NewLabeler() Labeler { return &pieceLabeler{table: t.table} }

// Encode returns the ids of text.
func (t *MorphoPiece) Encode(text []byte) []int32 {
	return t.AppendEncode(make([]int32, 0, len(text)/4+1), text)
}

// AppendEncode appends the ids of text to dst.
func (t *MorphoPiece) AppendEncode(dst []int32, text []byte) []int32 {
	return t.model.AppendEncode(dst, text)
}

// Removed returns 0: every byte has an id.
func (t *MorphoPiece) Removed([]byte) int { return 0 }

// Decode returns the text of ids.
func (t *MorphoPiece) Decode(ids []int32) []byte {
	return t.model.AppendDecode(make([]byte, 0, 4*len(ids)), ids)
}

// TokenBytes returns the number of bytes of text that id stands for.
func (t *MorphoPiece) TokenBytes(id int32) int { return len(t.model.Text(id)) }

// Piece returns what id stands for as people read it.
func (t *MorphoPiece) Piece(id int32) string {
	text := t.model.Text(id)
	if len(text) == 1 && (text[0] < ' ' || text[0] >= 0x7F || text[0] == '|') || text == "" {
		if b, ok := morphopiece.ByteOf(id); ok {
			return fmt.Sprintf("<0x%02X>", b)
		}
		return fmt.Sprintf("<0x%02X>", id)
	}
	if strings.ContainsAny(text, "|\t\n") {
		return escaped.Replace(text)
	}
	return text
}

// escaped replaces what would be taken for a separator of pieces.
var escaped = strings.NewReplacer("|", "<0x7C>", "\t", "<0x09>", "\n", "<0x0A>")

// MidSentence returns the pieces of text as they stand after a space: the
// space before the first is left out.
func (t *MorphoPiece) MidSentence(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	ids := t.Encode(append([]byte{' '}, text...))
	pieces := make([]string, len(ids))
	for i, id := range ids {
		pieces[i] = t.Piece(id)
	}
	if pieces[0] = strings.TrimPrefix(pieces[0], " "); pieces[0] == "" {
		return pieces[1:]
	}
	return pieces
}

// Hash identifies the tokenizer.
func (t *MorphoPiece) Hash() string { return t.model.Hash() }

// JSON returns the model's file.
func (t *MorphoPiece) JSON() ([]byte, error) { return t.model.MarshalJSON() }

// Canonical returns the canonical form of the suffix that a Label names, ""
// for none.
func (t *MorphoPiece) Canonical(label Label) string {
	if names := t.model.Suffixes(); label.Suffix > 0 && int(label.Suffix) <= len(names) {
		return names[label.Suffix-1]
	}
	return ""
}

// feature is what a labeler knows of an id.
type feature struct {
	morphopiece.Unit
	first uint8 // class of its first vowel
	last  uint8 // class of its last vowel
	high  bool  // its first vowel is high, and so follows in rounding
}

// featureOf reads an id's features off its text.
func featureOf(m *morphopiece.Model, id int32) feature {
	unit, letters := m.Unit(id)
	f := feature{Unit: unit}
	f.first, f.last, f.high = vowels(letters)
	return f
}

// vowels returns the classes of the first and the last vowel of a piece, and
// whether the first is high.
func vowels(text string) (first, last uint8, high bool) {
	for _, r := range text {
		class := vowelOf(r)
		if class == vowelNone {
			continue
		}
		if first == vowelNone {
			first, high = class, slices.Contains([]rune("ıiuüIİUÜ"), r)
		}
		last = class
	}
	return first, last, high
}

// vowelOf returns the class of a letter.
func vowelOf(r rune) uint8 {
	switch {
	case r < utf8.RuneSelf:
		return asciiVowel(byte(r))
	case r < 0x800:
		return twoByteVowel(0xC0|byte(r>>6), 0x80|byte(r&0x3F))
	}
	return vowelNone
}
