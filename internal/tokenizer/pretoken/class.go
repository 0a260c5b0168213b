package pretoken

import (
	"unicode"
	"unicode/utf8"
)

// class is what a character counts as where text is cut.
type class uint8

const (
	classInvalid class = iota // a byte that begins no valid character
	classLetter
	classMark // combining: part of a word that has begun
	classDigit
	classSpace   // U+0020
	classBlank   // tab and the other kinds of space
	classLineEnd // line feed and carriage return
	classApostrophe
	classSymbol // punctuation, signs, emoji, control characters
)

// twoByteLimit is the first character that takes three bytes of UTF-8.
const twoByteLimit = 0x800

// classes holds the classes of the characters below twoByteLimit: nearly all
// of Turkish text.
var classes = func() (table [twoByteLimit]class) {
	for r := range table {
		table[r] = classify(rune(r))
	}
	return table
}()

// classify finds a character's class in Unicode's tables.
func classify(r rune) class {
	switch {
	case r == ' ':
		return classSpace
	case r == '\n' || r == '\r':
		return classLineEnd
	case r == '\'' || r == '’':
		return classApostrophe
	case unicode.IsLetter(r):
		return classLetter
	case unicode.Is(unicode.M, r):
		return classMark
	case unicode.Is(unicode.Nd, r):
		return classDigit
	case r == '\t' || r == '\v' || r == '\f' || unicode.Is(unicode.Z, r):
		return classBlank
	default:
		return classSymbol
	}
}

// classAt returns the class of the character that begins at text[i] and how
// many bytes it takes.
func classAt(text []byte, i int) (class, int) {
	b := text[i]
	if b < utf8.RuneSelf {
		return classes[b], 1
	}
	if i+1 < len(text) && b >= 0xC2 && b <= 0xDF && text[i+1]&0xC0 == 0x80 {
		return classes[rune(b&0x1F)<<6|rune(text[i+1]&0x3F)], 2
	}
	r, size := utf8.DecodeRune(text[i:])
	if r == utf8.RuneError && size <= 1 {
		return classInvalid, 1
	}
	return classify(r), size
}

// Latin says whether text is made of Latin letters and marks alone.
func Latin(text []byte) bool {
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r >= latinEnd && !unicode.Is(unicode.Latin, r) && !unicode.Is(unicode.M, r) {
			return false
		}
		i += size
	}
	return true
}

// latinEnd is the end of the blocks Latin-1 to Latin Extended-B.
const latinEnd = 0x250

// ApostropheSize returns how many bytes the apostrophe at the start of text
// takes.
func ApostropheSize(text []byte) int {
	_, size := classAt(text, 0)
	return size
}

// LetterLead says whether characters that begin with this byte, 0x80 or above,
// count as letters where only the first byte is known. C2 begins Latin-1 signs,
// E2 general punctuation and symbols, EF full-width forms and the byte order
// mark, F0 and above emoji.
func LetterLead(b byte) bool { return b >= 0xC3 && b <= 0xEE && b != 0xE2 }
