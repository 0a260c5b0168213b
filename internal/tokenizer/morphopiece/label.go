package morphopiece

import (
	"runtime"
	"slices"
	"sync"

	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

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

// rareReading is how often a piece must have a type after another one, for the
// pair to be kept.
const rareReading = 8

// observation counts how pieces are used in a corpus.
type observation struct {
	types  map[[3]int32]int64 // piece, type before, type
	suffix map[suffixUse]int64
}

type suffixUse struct {
	piece     int32
	canonical string
}

// setReadings finds how each piece of the vocabulary is used in the words that
// were counted, and the canonical forms of suffixes.
func (m *Model) setReadings(spans []counted) {
	if m.segmenter == nil {
		return // every piece has the reading of a word of which nothing is known
	}
	all := m.observe(spans)
	usual := m.setSuffixes(all.suffix)
	start, later := map[int32]map[uint8]int64{}, map[int32]map[uint8]int64{}
	pairs := map[[2]int32]map[uint8]int64{}
	for key, n := range all.types {
		id, previous, kind := key[0], key[1], uint8(key[2])
		if previous == 0 {
			add(start, id, kind, n)
		} else {
			add(later, id, kind, n)
			add(pairs, [2]int32{id, previous}, kind, n)
		}
	}
	for id, entry := range m.words() {
		entry.Start = mostFrequent(start[id], TypeWordStart)
		entry.Later = mostFrequent(later[id], TypeInside)
		entry.Suffix = usual[id]
	}
	for key, kinds := range pairs {
		entry, kind := m.entry(key[0]), mostFrequent(kinds, TypeInside)
		if kind != entry.Later && kinds[kind] >= rareReading {
			entry.After = append(entry.After, [2]uint8{uint8(key[1]), kind})
		}
	}
	for _, entry := range m.words() {
		slices.SortFunc(entry.After, func(a, b [2]uint8) int { return int(a[0]) - int(b[0]) })
	}
}

// setSuffixes numbers the canonical forms that were met, in their order, and
// returns the usual one of each piece.
func (m *Model) setSuffixes(uses map[suffixUse]int64) map[int32]int {
	m.suffixes = nil
	for use := range uses {
		if !slices.Contains(m.suffixes, use.canonical) {
			m.suffixes = append(m.suffixes, use.canonical)
		}
	}
	slices.Sort(m.suffixes)
	usual, most := map[int32]int{}, map[int32]int64{}
	for use, n := range uses {
		i := slices.Index(m.suffixes, use.canonical) + 1
		if n > most[use.piece] || n == most[use.piece] && i < usual[use.piece] {
			usual[use.piece], most[use.piece] = i, n
		}
	}
	return usual
}

func add[K comparable](table map[K]map[uint8]int64, key K, kind uint8, n int64) {
	if table[key] == nil {
		table[key] = map[uint8]int64{}
	}
	table[key][kind] += n
}

// mostFrequent returns the type of the largest count, the lower one of equals.
func mostFrequent(counts map[uint8]int64, otherwise uint8) uint8 {
	best, most := otherwise, int64(0)
	for kind, n := range counts {
		if n > most || n == most && kind < best {
			best, most = kind, n
		}
	}
	return best
}

// observe counts the types of the pieces of all words.
func (m *Model) observe(spans []counted) observation {
	n := runtime.GOMAXPROCS(0)
	parts := make([]observation, n)
	var wait sync.WaitGroup
	for w := range n {
		wait.Go(func() {
			o := observation{map[[3]int32]int64{}, map[suffixUse]int64{}}
			e := m.NewEncoder()
			for _, s := range spans[w*len(spans)/n : (w+1)*len(spans)/n] {
				o.add(e, s)
			}
			parts[w] = o
		})
	}
	wait.Wait()
	for _, part := range parts[1:] {
		for key, n := range part.types {
			parts[0].types[key] += n
		}
		for key, n := range part.suffix {
			parts[0].suffix[key] += n
		}
	}
	return parts[0]
}

// add counts the pieces of one span.
func (o *observation) add(e *Encoder, s counted) {
	text := []byte(s.text)
	span := pretoken.Next(text, pretoken.Number)
	if span.Kind != pretoken.Word {
		return
	}
	morphemes := e.segment(text, span)
	start, previous := 0, int32(0)
	for _, token := range e.tokens {
		end := int(token.End)
		if end == span.Lead { // a space of its own
			continue
		}
		kind, canonical := typeOf(morphemes, start, end)
		if token.Piece != unigram.Unknown {
			id := e.m.ids[token.Piece]
			o.types[[3]int32{id, previous, int32(kind)}] += s.count
			if canonical != "" {
				o.suffix[suffixUse{id, canonical}] += s.count
			}
		}
		start, previous = end, int32(kind)
	}
}

// typeOf returns the type of the piece that covers a word from start to end,
// and its canonical form where it is one suffix.
func typeOf(morphemes []Morpheme, start, end int) (kind uint8, canonical string) {
	for i, m := range morphemes {
		kind := TypeMorpheme + uint8(m.Tag.Class())
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
