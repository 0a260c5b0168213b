package morphology

import "sync/atomic"

// Cache remembers the morphemes of word types, in bounded memory. Its answers
// are those of the segmenter, whatever it holds. It is safe for use by several
// goroutines at once, without locks: a word has two places, and a new word
// takes the one that its hash chooses.
type Cache struct {
	segmenter *Segmenter
	slots     []atomic.Pointer[cached]
	mask      uint64
}

type cached struct {
	word      string
	morphemes []Morpheme
}

// maxCachedWord is the length in bytes of the longest word that is kept.
const maxCachedWord = 64

// NewCache returns a cache of at least size word types before s; a type takes
// some 300 bytes.
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
	for _, slot := range [...]*atomic.Pointer[cached]{first, second} {
		if hit := slot.Load(); hit != nil && hit.word == string(word) {
			return append(dst, hit.morphemes...)
		}
	}
	start := len(dst)
	dst = c.segmenter.Segment(word, dst)
	entry := &cached{word: string(word), morphemes: append([]Morpheme(nil), dst[start:]...)}
	if first.Load() == nil || second.Load() != nil && h>>63 == 0 {
		first.Store(entry)
	} else {
		second.Store(entry)
	}
	return dst
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
