package morphopiece

import "context"

// Sealed returns a file with the model in it and the hash that it should have.
func Sealed(model []byte) []byte {
	text, err := compactJSON(file{FileType, FileVersion, hashOf(model), model})
	if err != nil {
		return nil // it is no JSON
	}
	return text
}

// NewSmallCounter returns a counter that holds at most limit different spans.
func NewSmallCounter(limit int) *Counter {
	c := NewCounter()
	c.limit = limit
	return c
}

// Types returns how many different spans are held.
func (c *Counter) Types() int { return len(c.counts) }

// NewForgetfulEncoder returns an encoder that remembers four spans.
func (m *Model) NewForgetfulEncoder() *Encoder { return m.newEncoder(1) }

// Observation is a piece of a word as training counts it.
type Observation struct {
	ID int32
	// Before is the type before it that it is counted after, Kind its own, 0 of
	// what is not counted.
	Before, Kind uint8
}

// Observe returns what training counts of a word.
func (m *Model) Observe(word string) []Observation {
	var list []Observation
	var a Automaton
	s := spellings{suffixes: map[suffixUse]int64{}}
	s.add(m.NewEncoder(), counted{word, 1})
	s.each(func(uses []use, _ int64) {
		for _, u := range uses {
			unit, _ := m.Unit(u.id)
			list = append(list, Observation{u.id, a.Next(&unit).Before, u.kind})
		}
	})
	return list
}

// LearnReadings learns the readings once more and says whether any changed.
func (m *Model) LearnReadings(c *Counter) bool {
	return m.learnReadings(m.countTypes(m.spell(context.Background(), c.sorted())))
}
