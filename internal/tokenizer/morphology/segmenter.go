package morphology

import (
	"math"
	"sync"
)

// Morpheme is one morpheme of a word.
type Morpheme struct {
	Start, End int // the bytes [Start, End) of the word
	Tag        Tag
	// Canonical names the morpheme whatever its spelling: -lAr as "lAr" for
	// ler and lar, a root by its dictionary form, "" if it is not in the lexicon.
	Canonical string
}

// Analysis is one reading of a word. LogProb is the logarithm of its
// probability among all readings.
type Analysis struct {
	Morphemes []Morpheme
	LogProb   float64
}

// Segmenter cuts words into morphemes. It is safe for use by several
// goroutines at once.
type Segmenter struct {
	model   *model
	scratch sync.Pool
}

func newSegmenter(m *model) *Segmenter {
	m.freeze()
	s := &Segmenter{model: m}
	s.scratch.New = func() any { return new(lattice) }
	return s
}

// Segment appends the morphemes of the best analysis of word to dst. word is a
// run of letters without apostrophe; any bytes are accepted. The morphemes
// cover the word without gaps; an empty word has none.
func (s *Segmenter) Segment(word []byte, dst []Morpheme) []Morpheme {
	l := s.scratch.Get().(*lattice)
	dst = s.segment(l, word, dst)
	s.scratch.Put(l)
	return dst
}

func (s *Segmenter) segment(l *lattice, word []byte, dst []Morpheme) []Morpheme {
	if len(word) == 0 {
		return dst
	}
	l.build(s.model, word)
	best, score := int32(-1), math.Inf(-1)
	for _, at := range l.ends {
		if t := l.nodes[at].score + s.model.endScore(&l.nodes[at]); t > score {
			best, score = at, t
		}
	}
	if best < 0 {
		return append(dst, Morpheme{End: len(word), Tag: TagRoot})
	}
	l.path = l.path[:0]
	for at := best; at >= 0; {
		l.path = append(l.path, l.nodes[at].back)
		at = l.edges[l.nodes[at].back].from
	}
	for i := len(l.path) - 1; i >= 0; i-- {
		dst = append(dst, s.morpheme(l, &l.edges[l.path[i]]))
	}
	return dst
}

func (s *Segmenter) morpheme(l *lattice, e *edge) Morpheme {
	m := Morpheme{Start: l.offsets[e.start], End: l.offsets[e.end], Tag: TagRoot}
	switch {
	case e.start == 0:
		m.Start = 0
		if e.lexeme >= 0 {
			m.Canonical = s.model.lexicon.lexemes[e.lexeme].spelling
		}
	default:
		a := &allomorphs[e.form]
		m.Tag, m.Canonical = a.tag, canonical[a.rule]
	}
	return m
}
