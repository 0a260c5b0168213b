package morphopiece

import (
	"encoding/binary"
	"math/bits"

	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// Encoder turns text into ids and remembers the ids of the spans that it met.
// It is for one goroutine. What it gives does not depend on what it remembers.
type Encoder struct {
	m        *Model
	analyser analyser
	pieces   *unigram.Segmenter
	cache    []slot
	cuts     []int
	tokens   []unigram.Token
}

// slot is a remembered span; it fills one line of a processor's cache.
type slot struct {
	size  uint8 // of the span in bytes, 0 where the slot is empty
	count uint8 // of its ids
	key   [slotKey]byte
	ids   [slotIDs]int32
}

const (
	slotKey = 30
	slotIDs = 8
	// cacheSlots is the number of slots of an encoder: 8 MiB.
	cacheSlots = 1 << 17
)

// NewEncoder returns an encoder with an empty cache.
func (m *Model) NewEncoder() *Encoder {
	return &Encoder{
		m: m, analyser: analyser{segmenter: m.segmenter},
		pieces: m.vocabulary.NewSegmenter(), cache: make([]slot, cacheSlots),
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
	if len(text) > slotKey {
		return e.compute(dst, text, span)
	}
	s := &e.cache[hash(text)&(cacheSlots-1)]
	if int(s.size) == len(text) && string(s.key[:s.size]) == string(text) {
		return append(dst, s.ids[:s.count]...)
	}
	before := len(dst)
	dst = e.compute(dst, text, span)
	if ids := dst[before:]; len(ids) <= slotIDs {
		s.size, s.count = uint8(len(text)), uint8(len(ids))
		copy(s.key[:], text)
		copy(s.ids[:], ids)
	}
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

// hash mixes text eight bytes at a time by multiplication to 128 bits, whose
// halves are folded.
func hash(text []byte) uint64 {
	const k = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	h := uint64(len(text)) * k
	for ; len(text) >= 8; text = text[8:] {
		h = fold(h^binary.LittleEndian.Uint64(text), k)
	}
	var tail uint64
	for i, b := range text {
		tail |= uint64(b) << (8 * i)
	}
	return fold(h^tail, k)
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
