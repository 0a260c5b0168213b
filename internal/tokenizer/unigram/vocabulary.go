// Package unigram learns and applies a vocabulary of pieces under a unigram
// language model: a text's probability is the product of its pieces', and it
// is cut where that product is largest (Kudo, "Subword Regularization", 2018).
//
// Pieces are whole characters of UTF-8. A text may carry cuts, places that no
// piece crosses: where morphemes meet.
package unigram

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Piece is an entry of a vocabulary.
type Piece struct {
	Text string
	// Score is the natural logarithm of its probability.
	Score float64
}

// Join says which pieces may cover several parts of a text, a part being what
// lies between two neighbouring cuts. Such a piece always covers whole parts.
type Join uint8

// Kinds of joins.
const (
	JoinNone  Join = iota // every piece lies inside one part
	JoinWhole             // a piece may also be the whole text
	JoinTail              // as JoinWhole, and a piece may cover parts after the first
)

// Vocabulary cuts texts into pieces. It is safe for use by several goroutines
// at once.
type Vocabulary struct {
	pieces []Piece // in ascending order of their texts
	trie   *trie
	join   Join
	// unknown is the score of each byte of a character that is no piece.
	unknown float64
}

// NewVocabulary returns a vocabulary. The pieces' order does not matter; their
// texts must differ, be valid UTF-8 and not be empty, their scores be finite.
func NewVocabulary(pieces []Piece, join Join) (*Vocabulary, error) {
	v := &Vocabulary{pieces: slices.Clone(pieces), join: join}
	slices.SortFunc(v.pieces, func(a, b Piece) int { return compare(a.Text, b.Text) })
	texts := make([]string, len(pieces))
	lowest := 0.0
	for i, p := range v.pieces {
		switch {
		case p.Text == "" || !utf8.ValidString(p.Text):
			return nil, fmt.Errorf("piece %q is empty or not valid UTF-8", p.Text)
		case i > 0 && p.Text == v.pieces[i-1].Text:
			return nil, fmt.Errorf("piece %q is there twice", p.Text)
		case math.IsNaN(p.Score) || math.IsInf(p.Score, 0):
			return nil, fmt.Errorf("piece %q has the score %v, expected a finite number", p.Text, p.Score)
		}
		texts[i] = p.Text
		lowest = min(lowest, p.Score)
	}
	v.trie = newTrie(texts)
	v.unknown = lowest - unknownPenalty
	return v, nil
}

// unknownPenalty is how much less than the rarest piece a byte scores that no
// piece covers, in nats.
const unknownPenalty = 2

// Len returns the number of pieces.
func (v *Vocabulary) Len() int { return len(v.pieces) }

// Piece returns the piece of an index that Segment gave.
func (v *Vocabulary) Piece(i int32) Piece { return v.pieces[i] }

// Find returns the index of the piece that text is, or -1.
func (v *Vocabulary) Find(text []byte) int32 { return v.trie.find(text) }

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
