package morphopiece

import (
	"context"
	"reflect"
	"slices"
	"sync"
)

const (
	// rareReading is how often a piece must have a type after another one, for
	// the pair to be kept.
	rareReading = 8
	// readingRounds bounds the rounds of setReadings, of which Turkish text
	// takes five.
	readingRounds = 20
)

// typeCounts counts the types of a piece after each type before it.
type typeCounts map[typeUse]int64

type typeUse struct {
	id           int32
	before, kind uint8
}

// setReadings finds how each piece of the vocabulary is used in the words that
// were counted, and the canonical forms of suffixes. What a piece mostly is
// depends on the state in which the automaton meets it, and this on the
// readings of the pieces before it: they are learnt anew until they no longer
// change.
func (m *Model) setReadings(ctx context.Context, spans []counted) error {
	if m.segmenter == nil {
		return nil // every piece has the reading of a word of which nothing is known
	}
	words := m.spell(ctx, spans)
	suffixes := m.setSuffixes(words)
	for id, entry := range m.words() {
		entry.Suffix = suffixes[id]
	}
	for range readingRounds {
		if ctx.Err() != nil || !m.learnReadings(m.countTypes(words)) {
			break
		}
	}
	return ctx.Err()
}

// learnReadings sets the readings to what was counted and says whether any
// changed.
func (m *Model) learnReadings(counts typeCounts) (changed bool) {
	start, later := map[int32]map[uint8]int64{}, map[int32]map[uint8]int64{}
	pairs := map[[2]int32]map[uint8]int64{}
	for use, n := range counts {
		if use.before == 0 {
			add(start, use.id, use.kind, n)
		} else {
			add(later, use.id, use.kind, n)
			add(pairs, [2]int32{use.id, int32(use.before)}, use.kind, n)
		}
	}
	found := map[int32]Reading{}
	for id, entry := range m.words() {
		found[id] = Reading{Start: mostFrequent(start[id], TypeWordStart), Later: mostFrequent(later[id], TypeInside), Suffix: entry.Suffix}
	}
	for key, kinds := range pairs {
		reading, kind := found[key[0]], mostFrequent(kinds, TypeInside)
		if kind != reading.Later && kinds[kind] >= rareReading {
			reading.After = append(reading.After, [2]uint8{uint8(key[1]), kind})
			found[key[0]] = reading
		}
	}
	for id, entry := range m.words() {
		reading := found[id]
		slices.SortFunc(reading.After, func(a, b [2]uint8) int { return int(a[0]) - int(b[0]) })
		if !reflect.DeepEqual(reading, entry.Reading) {
			entry.Reading, changed = reading, true
		}
	}
	return changed
}

// countTypes counts the types of the pieces of all words in the states of the
// automaton, which follow from the present readings.
func (m *Model) countTypes(words []*spellings) typeCounts {
	units := make([]Unit, m.VocabSize())
	for id := range units {
		units[id], _ = m.Unit(int32(id))
	}
	counts := make([]typeCounts, len(words))
	var wait sync.WaitGroup
	for i, part := range words {
		counts[i] = typeCounts{}
		wait.Go(func() {
			part.each(func(word []use, n int64) {
				var a Automaton
				for _, u := range word {
					if step := a.Next(&units[u.id]); u.kind != 0 {
						counts[i][typeUse{u.id, step.Before, u.kind}] += n
					}
				}
			})
		})
	}
	wait.Wait()
	for _, part := range counts[1:] {
		for use, n := range part {
			counts[0][use] += n
		}
	}
	return counts[0]
}

// setSuffixes numbers the canonical forms that were met, in their order, and
// returns the usual one of each piece.
func (m *Model) setSuffixes(words []*spellings) (usual map[int32]int) {
	all := map[suffixUse]int64{}
	for _, part := range words {
		for use, n := range part.suffixes {
			all[use] += n
		}
	}
	m.suffixes = nil
	for use := range all {
		if !slices.Contains(m.suffixes, use.canonical) {
			m.suffixes = append(m.suffixes, use.canonical)
		}
	}
	slices.Sort(m.suffixes)
	usual = map[int32]int{}
	most := map[int32]int64{}
	for use, n := range all {
		i := slices.Index(m.suffixes, use.canonical) + 1
		if n > most[use.id] || n == most[use.id] && i < usual[use.id] {
			usual[use.id], most[use.id] = i, n
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
