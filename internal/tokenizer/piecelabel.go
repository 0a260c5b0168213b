package tokenizer

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"agiformer/internal/tokenizer/morphopiece"
)

// Types that MorphoPiece gives, beside the byte tokenizer's.
const (
	TypeByte         = morphopiece.TypeByte         // byte of a character that is no piece
	TypeMorphemeRoot = morphopiece.TypeMorpheme + 1 // a root; the other 22 types of morphemes follow
)

// pieceLabeler labels the ids of a MorphoPiece. What a piece is in its word
// follows from the piece and the type of the piece before it.
type pieceLabeler struct {
	table    []feature
	inWord   bool
	inNumber bool
	place    uint8 // of the word's next piece, at most PlaceCount-1
	vowel    uint8 // class of the word's last vowel
	previous uint8 // type of the word's last piece, 0 at its start
}

// pieceLabelerState is the size of the state in bytes, one a field.
const pieceLabelerState = 5

func (l *pieceLabeler) Reset() { *l = pieceLabeler{table: l.table} }

func (l *pieceLabeler) State() []byte {
	return []byte{bit(l.inWord), bit(l.inNumber), l.place, l.vowel, l.previous}
}

func (l *pieceLabeler) SetState(state []byte) error {
	if len(state) != pieceLabelerState || state[0] > 1 || state[1] > 1 ||
		state[2] >= PlaceCount || state[3] >= VowelCount || state[4] >= TypeCount {
		return fmt.Errorf("the token-feature state %v is not one of MorphoPiece: the file is altered or from another version", state)
	}
	*l = pieceLabeler{
		table: l.table, inWord: state[0] == 1, inNumber: state[1] == 1,
		place: state[2], vowel: state[3], previous: state[4],
	}
	return nil
}

func (l *pieceLabeler) Next(id int32) Label {
	if id < 0 || int(id) >= len(l.table) {
		return Label{}
	}
	f := &l.table[id]
	switch f.group {
	case groupEnd:
		l.Reset()
		return Label{Type: TypeEndOfDocument}
	case groupWord:
		return l.word(f)
	case groupByte:
		return l.highByte(f.value)
	case groupDigit:
		start := f.lead || !l.inNumber
		l.Reset()
		l.inNumber = true
		return Label{Type: TypeDigit, WordStart: start}
	case groupSpace:
		return l.outside(TypeSpace)
	case groupLineEnd:
		return l.outside(TypeLineEnd)
	case groupOther:
		return l.outside(TypeOther)
	}
	return Label{} // padding is no part of the stream
}

// outside labels a piece that belongs to no word and ends one.
func (l *pieceLabeler) outside(kind uint8) Label {
	l.Reset()
	return Label{Type: kind}
}

// word labels a piece of letters.
func (l *pieceLabeler) word(f *feature) Label {
	start := f.lead || !l.inWord
	if f.tail && l.inNumber && !f.lead { // 2024'te: a suffix of the number
		start = false
	}
	if start {
		l.Reset()
	}
	l.inWord, l.inNumber = true, false
	label := Label{Type: f.reading.Later, WordStart: start}
	if start || l.previous != 0 {
		label.Type = f.reading.Type(l.previous)
	}
	if label.Type > TypeMorphemeRoot {
		label.Suffix = uint16(f.reading.Suffix)
		label.Harmony = harmony(l.vowel, f)
	}
	l.previous = label.Type
	return l.inside(label, f.last)
}

// inside fills in the place and the vowel of a label in a word.
func (l *pieceLabeler) inside(label Label, vowel uint8) Label {
	if vowel != vowelNone {
		l.vowel = vowel
	}
	label.Place, label.Vowel = l.place, l.vowel
	l.place = min(l.place+1, PlaceCount-1)
	return label
}

// harmony compares a suffix's first vowel with the last one before it: front
// or back must be the same, and a high vowel is rounded after a rounded one.
func harmony(before uint8, f *feature) uint8 {
	if before == vowelNone || f.first == vowelNone {
		return HarmonyNone
	}
	front := func(class uint8) bool { return class >= vowelFrontUnrounded }
	rounded := func(class uint8) bool { return class == vowelBackRounded || class == vowelFrontRounded }
	if front(before) == front(f.first) && (!f.high || rounded(before) == rounded(f.first)) {
		return HarmonyAgrees
	}
	return HarmonyBroken
}

// highByte labels a byte of a character that is no piece: whether it is a
// letter is decided by the first byte, as the byte tokenizer does.
func (l *pieceLabeler) highByte(b byte) Label {
	switch {
	case b&0xC0 == 0x80 && !l.inWord: // goes on with a sign, or with nothing
		return Label{Type: TypeByte}
	case b&0xC0 != 0x80 && !letterLead(b):
		return l.outside(TypeByte)
	}
	start := !l.inWord
	if start {
		l.Reset()
	}
	l.inWord, l.inNumber, l.previous = true, false, TypeByte
	return l.inside(Label{Type: TypeByte, WordStart: start}, vowelNone)
}

// groupOf returns the group of a piece by its first character.
func groupOf(text string) group {
	r, _ := utf8.DecodeRuneInString(text)
	switch {
	case text == "" || r == ' ' || r == '\t' || r == '\v' || r == '\f' || unicode.Is(unicode.Z, r):
		return groupSpace
	case r == '\n' || r == '\r':
		return groupLineEnd
	case unicode.Is(unicode.Nd, r):
		return groupDigit
	case isLetter(text):
		return groupWord
	}
	return groupOther
}

// isLetter says whether text begins with a letter or a combining mark.
func isLetter(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsLetter(r) || unicode.Is(unicode.M, r)
}
