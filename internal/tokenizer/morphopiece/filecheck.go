package morphopiece

import (
	"fmt"
	"math"
	"unicode/utf8"

	"agiformer/internal/tokenizer/pretoken"
)

// check refuses what is no list of words.
func (f *fileWords) check() error {
	if len(f.Words) != len(f.Counts) {
		return fmt.Errorf("it has %d frequent words and %d counts", len(f.Words), len(f.Counts))
	}
	for i, word := range f.Words {
		if word == "" || f.Counts[i] < 1 {
			return fmt.Errorf("frequent word %q occurs %d times", word, f.Counts[i])
		}
		if span := pretoken.Next([]byte(word), pretoken.LineEnd); span.Kind != pretoken.Word || span.Len != len(word) {
			return fmt.Errorf("frequent word %q is not one word", word)
		}
	}
	return nil
}

// check refuses what no trained piece has.
func (p *filePiece) check(suffixes int) error {
	bad := func(kind uint8) bool { return kind < TypeWordStart || kind >= TypeCount }
	switch {
	case len(p.Text) > maxPiece*utf8.UTFMax:
		return fmt.Errorf("piece %.40q... is longer than %d characters", p.Text, maxPiece)
	case !(p.Score <= 0 && p.Score >= leastScore):
		return fmt.Errorf("piece %q has the score %v, expected the logarithm of a probability, 0 to %v", p.Text, p.Score, leastScore)
	case bad(p.Start), bad(p.Later):
		return fmt.Errorf("piece %q has the types %d and %d, expected numbers from %d to %d", p.Text, p.Start, p.Later, TypeWordStart, TypeCount-1)
	case p.Suffix < 0 || p.Suffix > suffixes:
		return fmt.Errorf("piece %q is suffix %d of %d", p.Text, p.Suffix, suffixes)
	case len(p.After) > TypeCount:
		return fmt.Errorf("piece %q has types after %d others, expected at most %d", p.Text, len(p.After), TypeCount)
	}
	for _, pair := range p.After {
		if bad(pair[0]) || bad(pair[1]) {
			return fmt.Errorf("piece %q has the types %d after %d, expected numbers from %d to %d", p.Text, pair[1], pair[0], TypeWordStart, TypeCount-1)
		}
	}
	return nil
}

// leastScore is far below the score of any piece that training makes, and far
// enough above minus infinity that sums over a span stay finite.
const leastScore = -1000.0

// maxSuffixes is what a label's number of a suffix can hold.
const maxSuffixes = math.MaxUint16
