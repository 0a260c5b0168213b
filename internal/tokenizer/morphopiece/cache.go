package morphopiece

import (
	"encoding/binary"
	"math/bits"
)

// cache remembers the ids of spans in bounded memory. Short spans stand in
// sets of a few slots, found by a part of their hash, the others in a map. It
// is for one goroutine.
type cache struct {
	tags  []uint32 // of the slots: the other part of the hash, 0 where empty
	slots []slot
	long  map[string][]int32
}

// slot is a remembered span; it fills one line of a processor's cache.
type slot struct {
	size  uint8 // of the span in bytes
	count uint8 // of its ids
	key   [slotKey]byte
	ids   [slotIDs]int32
}

const (
	slotKey = 30
	slotIDs = 8
	ways    = 4
	// cacheSets is an encoder's number of sets: 131,072 slots, 8 MiB.
	cacheSets = 1 << 15
	// maxLong bounds the spans in the map; when it is full it starts anew.
	maxLong = 1 << 14
)

func newCache(sets int) *cache {
	return &cache{tags: make([]uint32, ways*sets), slots: make([]slot, ways*sets), long: map[string][]int32{}}
}

// find returns the ids of a span, nil if they are not known. They are not to
// be changed.
func (c *cache) find(h uint64, text []byte) []int32 {
	if len(text) > slotKey {
		return c.long[string(text)]
	}
	first, tag := c.place(h)
	for i, t := range c.tags[first : first+ways] {
		if t != tag {
			continue
		}
		if s := &c.slots[first+i]; string(s.key[:s.size]) == string(text) {
			return s.ids[:s.count]
		}
	}
	if len(c.long) > 0 {
		return c.long[string(text)]
	}
	return nil
}

// place returns the first slot of a hash's set, and the tag.
func (c *cache) place(h uint64) (first int, tag uint32) {
	sets := uint64(len(c.tags) / ways) // a power of two
	return int(h&(sets-1)) * ways, uint32(h>>32) | 1
}

// keep remembers the ids of a span. In a full set it takes the place of one
// that its hash chooses.
func (c *cache) keep(h uint64, text []byte, ids []int32) {
	if len(text) > slotKey || len(ids) > slotIDs {
		if len(c.long) >= maxLong {
			clear(c.long)
		}
		c.long[string(text)] = append([]int32(nil), ids...)
		return
	}
	first, tag := c.place(h)
	at := first + int(h>>62)
	for i, t := range c.tags[first : first+ways] {
		if t == 0 {
			at = first + i
			break
		}
	}
	c.tags[at] = tag
	s := &c.slots[at]
	s.size, s.count = uint8(len(text)), uint8(len(ids))
	copy(s.key[:], text)
	copy(s.ids[:], ids)
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
