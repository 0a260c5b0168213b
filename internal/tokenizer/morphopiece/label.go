package morphopiece

import "agiformer/internal/tokenizer/morphology"

// Types of pieces; 0 is the padding. Those below TypeByte are the byte
// tokenizer's too.
const (
	TypeEndOfDocument = 1
	TypeWordStart     = 2 // first piece of a word, if it is no root
	TypeInside        = 3 // further piece of a morpheme, or of a word of which no morphemes are known
	TypeDigit         = 4
	TypeSpace         = 5
	TypeLineEnd       = 6
	TypeOther         = 7 // punctuation and the rest
	TypeByte          = 8 // byte of a character that is no piece
	// TypeMorpheme is added to a class of morphemes (morphology.Class, from 1).
	TypeMorpheme = 8
	// TypeCount bounds the types.
	TypeCount = 32
)

// Reading is what a piece is taken for in a word.
type Reading struct {
	// Start is its type at a word's start, Later its usual type after that.
	Start, Later uint8
	// After holds the types that differ from Later after some types: pairs of
	// the type before and the type.
	After [][2]uint8
	// Suffix is the place of its canonical form in Suffixes, from 1; 0 none.
	Suffix int
}

// Type returns the type of the piece after a piece of the type previous in the
// same word; 0 at a word's start.
func (r *Reading) Type(previous uint8) uint8 {
	if previous == 0 {
		return r.Start
	}
	for _, pair := range r.After {
		if pair[0] == previous {
			return pair[1]
		}
	}
	return r.Later
}

// typeOf returns the type of the piece that covers a word from start to end,
// and its canonical form where it is one suffix.
func typeOf(morphemes []Morpheme, start, end int) (kind uint8, canonical string) {
	for i, m := range morphemes {
		kind := TypeMorpheme + uint8(m.Tag.Class())
		if m.Tag == morphology.TagNone {
			kind = TypeInside
		}
		switch {
		case m.Start == start && i == 0 && end < m.End:
			return TypeWordStart, ""
		case m.Start == start && m.Tag == morphology.TagNone:
			return TypeInside, ""
		case m.Start == start && i == 0: // the root, perhaps with its suffixes
			return kind, ""
		case m.Start == start && m.End == end:
			return kind, m.Canonical
		case m.End == end && start < m.Start: // a chain of suffixes: its last
			return kind, ""
		}
	}
	return TypeInside, ""
}
