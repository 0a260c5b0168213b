package tokenizer

import (
	"fmt"

	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/pretoken"
)

// Types that the byte tokenizer gives (docs/model.md, "Token features").
const (
	TypePadding       = 0
	TypeEndOfDocument = morphopiece.TypeEndOfDocument
	TypeWordStart     = morphopiece.TypeWordStart // first byte of a word
	TypeWord          = morphopiece.TypeInside    // further byte of a word
	TypeDigit         = morphopiece.TypeDigit
	TypeSpace         = morphopiece.TypeSpace
	TypeLineEnd       = morphopiece.TypeLineEnd
	TypeOther         = morphopiece.TypeOther // punctuation and the rest
)

// Vowel classes: back or front, unrounded or rounded.
const (
	vowelNone           = 0
	vowelBackUnrounded  = 1 // a ı
	vowelBackRounded    = 2 // o u
	vowelFrontUnrounded = 3 // e i
	vowelFrontRounded   = 4 // ö ü
)

// byteLabeler is an automaton over UTF-8 bytes. The class of a character of
// several bytes is decided by its first byte, because a label may not look
// ahead: Latin, Greek, Cyrillic and other letters are parts of words, Latin-1
// and general punctuation, symbols and emoji are not.
type byteLabeler struct {
	inWord   bool
	inNumber bool
	place    uint8 // place of the word's next byte, at most PlaceCount-1
	vowel    uint8
	lead     byte  // first byte of the character whose bytes are coming in
	pending  uint8 // continuation bytes that the character still lacks
}

// byteLabelerState is the size of the state in bytes, one a field.
const byteLabelerState = 6

func (l *byteLabeler) Reset() { *l = byteLabeler{} }

func (l *byteLabeler) State() []byte {
	return []byte{bit(l.inWord), bit(l.inNumber), l.place, l.vowel, l.lead, l.pending}
}

func (l *byteLabeler) SetState(state []byte) error {
	if len(state) != byteLabelerState || state[0] > 1 || state[1] > 1 ||
		state[2] >= PlaceCount || state[3] >= VowelCount || state[5] > 3 {
		return fmt.Errorf("the token-feature state %v is not one of the byte tokenizer: the file is altered or from another version", state)
	}
	*l = byteLabeler{
		inWord: state[0] == 1, inNumber: state[1] == 1,
		place: state[2], vowel: state[3], lead: state[4], pending: state[5],
	}
	return nil
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (l *byteLabeler) Next(id int32) Label {
	switch {
	case id == endOfDocument:
		l.Reset()
		return Label{Type: TypeEndOfDocument}
	case id <= padding || id >= byteVocab:
		return Label{} // padding is no part of the stream
	}
	b := byte(id)
	if l.pending > 0 && b&0xC0 == 0x80 {
		return l.continuation(b)
	}
	l.pending = 0
	if b >= 0x80 {
		l.lead, l.pending = b, continuations(b)
		if pretoken.LetterLead(b) {
			return l.letter(vowelNone)
		}
		return l.outside(TypeOther)
	}
	switch {
	case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z':
		return l.letter(asciiVowel(b))
	case b >= '0' && b <= '9':
		start := !l.inNumber
		l.Reset()
		l.inNumber = true
		return Label{Type: TypeDigit, WordStart: start}
	case b == '\n' || b == '\r':
		return l.outside(TypeLineEnd)
	case b == ' ' || b == '\t' || b == '\v' || b == '\f':
		return l.outside(TypeSpace)
	default:
		return l.outside(TypeOther)
	}
}

// continuation labels a byte that goes on with the character begun before.
func (l *byteLabeler) continuation(b byte) Label {
	l.pending--
	if !l.inWord {
		return Label{Type: TypeOther}
	}
	vowel := uint8(vowelNone)
	if l.pending == 0 {
		vowel = twoByteVowel(l.lead, b)
	}
	return l.letter(vowel)
}

// letter labels a byte of a word; vowel is the class it decides, or none.
func (l *byteLabeler) letter(vowel uint8) Label {
	first := !l.inWord
	if first {
		l.inWord, l.inNumber, l.place, l.vowel = true, false, 0, vowelNone
	}
	if vowel != vowelNone {
		l.vowel = vowel
	}
	label := Label{Type: TypeWord, Place: l.place, Vowel: l.vowel, WordStart: first}
	if first {
		label.Type = TypeWordStart
	}
	l.place = min(l.place+1, PlaceCount-1)
	return label
}

// outside labels a byte that belongs to no word and ends one.
func (l *byteLabeler) outside(kind uint8) Label {
	l.inWord, l.inNumber, l.place, l.vowel = false, false, 0, vowelNone
	return Label{Type: kind}
}

// continuations returns how many bytes follow the first byte of a UTF-8
// character; 0 for a byte that cannot begin one.
func continuations(lead byte) uint8 {
	switch {
	case lead >= 0xC2 && lead <= 0xDF:
		return 1
	case lead >= 0xE0 && lead <= 0xEF:
		return 2
	case lead >= 0xF0 && lead <= 0xF4:
		return 3
	default:
		return 0
	}
}

func asciiVowel(b byte) uint8 {
	switch b {
	case 'a', 'A', 'I': // I is the capital of ı
		return vowelBackUnrounded
	case 'o', 'O', 'u', 'U':
		return vowelBackRounded
	case 'e', 'E', 'i':
		return vowelFrontUnrounded
	default:
		return vowelNone
	}
}

// twoByteVowel returns the class of the character [lead, last].
func twoByteVowel(lead, last byte) uint8 {
	switch lead {
	case 0xC3:
		switch last {
		case 0xA2, 0x82: // â Â
			return vowelBackUnrounded
		case 0xB4, 0x94, 0xBB, 0x9B: // ô Ô û Û
			return vowelBackRounded
		case 0xAA, 0x8A, 0xAE, 0x8E: // ê Ê î Î
			return vowelFrontUnrounded
		case 0xB6, 0x96, 0xBC, 0x9C: // ö Ö ü Ü
			return vowelFrontRounded
		}
	case 0xC4:
		switch last {
		case 0xB1: // ı
			return vowelBackUnrounded
		case 0xB0: // İ
			return vowelFrontUnrounded
		}
	}
	return vowelNone
}
