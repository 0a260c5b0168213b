package unigram

import (
	"math"
	"unicode/utf8"
)

// Unknown is the index of what no piece covers: one character, to be spelt in
// bytes.
const Unknown = -1

// Token is a stretch of a text: the piece that it is, and its end.
type Token struct {
	Piece int32 // index of the piece, or Unknown
	End   int32 // in bytes; it begins where the token before it ends
}

// Segmenter holds the tables that cutting one text needs, to be used again for
// the next. It is for one goroutine.
type Segmenter struct {
	v    *Vocabulary
	best []step
	cut  []int32 // for each place: the end of the part that it lies in
	back []Token
	skip int32 // a piece that is not to be used, or Unknown
}

// step is the best way to a place.
type step struct {
	score float64
	from  int32
	piece int32
}

// NewSegmenter returns a segmenter for the vocabulary.
func (v *Vocabulary) NewSegmenter() *Segmenter { return &Segmenter{v: v, skip: Unknown} }

// Segment appends to dst the tokens of the most probable segmentation of text.
// cuts are ascending places inside text. Of segmentations that score the same,
// the one whose last piece is longest is taken.
func (s *Segmenter) Segment(text []byte, cuts []int, dst []Token) []Token {
	if len(text) == 0 {
		return dst
	}
	if s.v.join == JoinNone {
		start := 0
		for i := 0; i <= len(cuts); i++ {
			end := len(text)
			if i < len(cuts) {
				end = cuts[i]
			}
			dst = s.part(text, start, end, dst)
			start = end
		}
		return dst
	}
	return s.viterbi(text, 0, cuts, dst)
}

// part appends the tokens of text[start:end], which holds no cut: one piece
// where the vocabulary has it.
func (s *Segmenter) part(text []byte, start, end int, dst []Token) []Token {
	if piece := s.v.trie.find(text[start:end]); piece >= 0 {
		return append(dst, Token{piece, int32(end)})
	}
	return s.viterbi(text[start:end], start, nil, dst)
}

// viterbi appends the tokens of text; base is added to their ends.
func (s *Segmenter) viterbi(text []byte, base int, cuts []int, dst []Token) []Token {
	s.prepare(text, cuts)
	for i := 0; i < len(text); {
		size := characterSize(text, i)
		s.extend(text, i, size, len(cuts) > 0)
		i += size
	}
	s.back = s.back[:0]
	for end := int32(len(text)); end > 0; end = s.best[end].from {
		s.back = append(s.back, Token{s.best[end].piece, end + int32(base)})
	}
	for i := len(s.back) - 1; i >= 0; i-- {
		dst = append(dst, s.back[i])
	}
	return dst
}

func (s *Segmenter) prepare(text []byte, cuts []int) {
	n := len(text)
	if cap(s.best) < n+1 {
		s.best, s.cut = make([]step, n+1), make([]int32, n+1)
	}
	s.best, s.cut = s.best[:n+1], s.cut[:n+1]
	for i := range s.best {
		s.best[i].score = math.Inf(-1)
	}
	s.best[0].score = 0
	fillParts(s.cut, cuts)
}

// fillParts sets ends[i] to the end of the part that text[i] lies in; for the
// end of the text it is 0.
func fillParts(ends []int32, cuts []int) {
	start := 0
	for _, c := range append(cuts[:len(cuts):len(cuts)], len(ends)-1) {
		for ; start < c; start++ {
			ends[start] = int32(c)
		}
	}
	ends[len(ends)-1] = 0
}

// startsPart says whether a part begins at place i, or the text ends there.
func startsPart(ends []int32, i int) bool { return i == 0 || ends[i-1] == int32(i) }

// allowed says whether a piece may cover text[i:j].
func (join Join) allowed(ends []int32, i, j int) bool {
	switch {
	case j <= int(ends[i]):
		return true
	case join == JoinNone || !startsPart(ends, i) || !startsPart(ends, j):
		return false
	case i == 0:
		return j == len(ends)-1
	default:
		return join == JoinTail
	}
}

// extend tries every piece that begins at text[i], whose character takes size
// bytes.
func (s *Segmenter) extend(text []byte, i, size int, cuts bool) {
	here := s.best[i].score
	known := false
	node := int32(0)
	for j := i; j < len(text); j++ {
		if node = s.v.trie.step(node, text[j]); node == 0 {
			break
		}
		piece := s.v.trie.value[node]
		if piece < 0 || piece == s.skip || cuts && !s.v.join.allowed(s.cut, i, j+1) {
			continue
		}
		known = known || j+1 == i+size
		if score := here + s.v.pieces[piece].Score; score > s.best[j+1].score {
			s.best[j+1] = step{score, int32(i), piece}
		}
	}
	if !known {
		if score := here + float64(size)*s.v.unknown; score > s.best[i+size].score {
			s.best[i+size] = step{score, int32(i), Unknown}
		}
	}
}

// characterSize returns the number of bytes of the character at text[i]; a
// byte that begins no character counts as one.
func characterSize(text []byte, i int) int {
	if text[i] < utf8.RuneSelf {
		return 1
	}
	_, size := utf8.DecodeRune(text[i:])
	return size
}

// SegmentFreely appends to dst the tokens of the most probable segmentation of
// text without any cut.
func (s *Segmenter) SegmentFreely(text []byte, dst []Token) []Token {
	if len(text) == 0 {
		return dst
	}
	return s.viterbi(text, 0, nil, dst)
}
