package morphology

import "sync/atomic"

// Cache remembers the morphemes of word types, in bounded memory. Its answers
// are those of the segmenter, whatever it holds. It is safe for use by several
// goroutines at once, without locks: a word has two places, and a new word
// takes a free one, or the one that its hash chooses.
type Cache struct {
	segmenter *Segmenter
	slots     []atomic.Pointer[cached]
	mask      uint64
}

// Limits of what is kept: longer words are rare.
const (
	maxCachedWord      = 32 // bytes
	maxCachedMorphemes = 12
)

// cached is a word with its morphemes, in one piece of memory.
type cached struct {
	length, count uint8
	word          [maxCachedWord]byte
	ends          [maxCachedMorphemes]uint8
	rules         [maxCachedMorphemes]uint8 // of the suffixes; rules[0] is not used
	root          string
}

// NewCache returns a cache of at least size word types before s; a type takes
// some 100 bytes.
func NewCache(s *Segmenter, size int) *Cache {
	slots := 2
	for slots < size {
		slots *= 2
	}
	return &Cache{segmenter: s, slots: make([]atomic.Pointer[cached], slots), mask: uint64(slots - 1)}
}

// Segment does what Segmenter.Segment does.
func (c *Cache) Segment(word []byte, dst []Morpheme) []Morpheme {
	if len(word) > maxCachedWord {
		return c.segmenter.Segment(word, dst)
	}
	h := hashBytes(word)
	first, second := &c.slots[h&c.mask], &c.slots[(h>>32)&c.mask]
	if hit := first.Load(); hit != nil && hit.is(word) {
		return hit.append(dst)
	}
	if hit := second.Load(); hit != nil && hit.is(word) {
		return hit.append(dst)
	}
	dst, entry := c.segmenter.segmentEntry(word, dst)
	if entry != nil {
		if first.Load() == nil || second.Load() != nil && h>>63 == 0 {
			first.Store(entry)
		} else {
			second.Store(entry)
		}
	}
	return dst
}

func (e *cached) is(word []byte) bool {
	return int(e.length) == len(word) && string(e.word[:e.length]) == string(word)
}

// append appends the morphemes to dst.
func (e *cached) append(dst []Morpheme) []Morpheme {
	if e.count == 0 {
		return dst
	}
	end := int(e.ends[0])
	dst = append(dst, Morpheme{End: end, Tag: TagRoot, Canonical: e.root})
	for i := 1; i < int(e.count); i++ {
		rule, start := e.rules[i], end
		end = int(e.ends[i])
		dst = append(dst, Morpheme{Start: start, End: end, Tag: grammar[rule].tag, Canonical: canonical[rule]})
	}
	return dst
}

// segmentEntry segments word and makes the cache's entry of it, nil where it
// has too many morphemes.
func (s *Segmenter) segmentEntry(word []byte, dst []Morpheme) ([]Morpheme, *cached) {
	l := s.scratch.Get().(*lattice)
	defer s.scratch.Put(l)
	first := len(dst)
	dst = s.segment(l, word, dst)
	morphemes := dst[first:]
	if len(morphemes) > maxCachedMorphemes {
		return dst, nil
	}
	e := &cached{length: uint8(len(word)), count: uint8(len(morphemes))}
	copy(e.word[:], word)
	for i, m := range morphemes {
		e.ends[i] = uint8(m.End)
		if i == 0 {
			e.root = m.Canonical
		} else {
			e.rules[i] = allomorphs[l.edges[l.path[len(morphemes)-1-i]].form].rule
		}
	}
	return dst, e
}

// hashBytes is FNV-1a with a last mix, which spreads it over both halves.
func hashBytes(text []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, b := range text {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}
