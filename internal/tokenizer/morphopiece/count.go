package morphopiece

import (
	"agiformer/internal/tokenizer/pretoken"
)

// Counter counts the spans of a corpus in bounded memory. It is for one
// goroutine.
type Counter struct {
	counts map[string]*int64
	limit  int
}

// maxTypes bounds the number of different spans that a Counter holds.
const maxTypes = 2 << 20

// NewCounter returns an empty counter.
func NewCounter() *Counter {
	return &Counter{counts: map[string]*int64{}, limit: maxTypes}
}

// Add counts the spans of one text.
func (c *Counter) Add(text []byte) {
	eachSpanOf(text, func(part []byte, span pretoken.Span) {
		if span.Len > 1 && span.Kind != pretoken.Bytes {
			c.count(part)
		}
	})
}

// count counts one span. The map is looked up without making a string of it. Its
// bound holds within a text too: a text may be of any length.
func (c *Counter) count(span []byte) {
	if n := c.counts[string(span)]; n != nil {
		*n++
		return
	}
	n := int64(1)
	c.counts[string(span)] = &n
	if len(c.counts) > c.limit {
		c.thin()
	}
}

// thin forgets the rarest spans, until at most half of the bound are left. A
// span that comes back begins at zero (Manku and Motwani, "Approximate
// frequency counts over data streams", 2002).
func (c *Counter) thin() {
	for least := int64(1); len(c.counts) > c.limit/2; least++ {
		for text, n := range c.counts {
			if *n <= least {
				delete(c.counts, text)
			}
		}
	}
}

// Words returns the words that were counted, without the spaces before them
// and without their apostrophes' suffixes.
func (c *Counter) Words() map[string]int64 {
	words := map[string]int64{}
	for text, n := range c.counts {
		part := []byte(text)
		if word := wordOf(part, pretoken.Next(part, pretoken.Number)); word != nil {
			words[string(word)] += *n
		}
	}
	return words
}
