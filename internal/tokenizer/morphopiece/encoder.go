package morphopiece

import (
	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// Encoder turns text into ids and remembers the ids of the spans that it met.
// It is for one goroutine. What it gives does not depend on what it remembers.
type Encoder struct {
	m        *Model
	analyser analyser
	pieces   *unigram.Segmenter
	cache    *cache
	cuts     []int
	tokens   []unigram.Token
}

// NewEncoder returns an encoder with an empty cache.
func (m *Model) NewEncoder() *Encoder { return m.newEncoder(cacheSets) }

func (m *Model) newEncoder(sets int) *Encoder {
	return &Encoder{
		m: m, analyser: analyser{segmenter: m.segmenter},
		pieces: m.vocabulary.NewSegmenter(), cache: newCache(sets),
	}
}

// AppendEncode appends the ids of text to dst.
func (e *Encoder) AppendEncode(dst []int32, text []byte) []int32 {
	kind := pretoken.LineEnd
	for len(text) > 0 {
		span := pretoken.Next(text, kind)
		kind = span.Kind
		if span.Len == 1 {
			dst = append(dst, byteID(text[0]))
		} else {
			dst = e.span(dst, text[:span.Len], span)
		}
		text = text[span.Len:]
	}
	return dst
}

// span appends the ids of a span, from the cache where it has them.
func (e *Encoder) span(dst []int32, text []byte, span pretoken.Span) []int32 {
	h := hash(text)
	if ids := e.cache.find(h, text); ids != nil {
		return append(dst, ids...)
	}
	before := len(dst)
	dst = e.compute(dst, text, span)
	e.cache.keep(h, text, dst[before:])
	return dst
}

// compute appends the ids of a span.
func (e *Encoder) compute(dst []int32, text []byte, span pretoken.Span) []int32 {
	if span.Kind == pretoken.Bytes {
		return appendBytes(dst, text)
	}
	e.segment(text, span)
	start := int32(0)
	for _, token := range e.tokens {
		if token.Piece == unigram.Unknown {
			dst = appendBytes(dst, text[start:token.End])
		} else {
			dst = append(dst, e.m.ids[token.Piece])
		}
		start = token.End
	}
	return dst
}

// segment cuts a span into e.tokens and returns its morphemes.
func (e *Encoder) segment(text []byte, span pretoken.Span) []Morpheme {
	e.cuts = e.cuts[:0]
	morphemes := e.analyser.morphemes(text, span)
	for _, m := range morphemes[1:] {
		e.cuts = append(e.cuts, m.Start)
	}
	e.tokens = e.pieces.Segment(text, e.cuts, e.tokens[:0])
	return morphemes
}

func appendBytes(dst []int32, text []byte) []int32 {
	for _, b := range text {
		dst = append(dst, byteID(b))
	}
	return dst
}
