package morphopiece

import (
	"encoding/json"

	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/pretoken"
)

// Segmenter cuts a word into morphemes. It is safe for use by several
// goroutines at once.
type Segmenter interface {
	// Segment appends the morphemes of a word, one run of letters, to dst. They
	// cover it without gaps.
	Segment(word []byte, dst []Morpheme) []Morpheme
}

// Morpheme is a stretch of a word.
type Morpheme = morphology.Morpheme

// maxWord is the longest word, in bytes, that is analysed.
const maxWord = 64

// analyser finds the morphemes of words' spans. It is for one goroutine.
type analyser struct {
	segmenter Segmenter
	word      []byte
	found     []Morpheme
}

// morphemes returns the morphemes of a span, in bytes of the span: a space
// that leads belongs to the first, an apostrophe to the first one after it.
// The result lasts until the next call.
func (a *analyser) morphemes(text []byte, span pretoken.Span) []Morpheme {
	a.found = a.found[:0]
	if span.Kind != pretoken.Word || a.segmenter == nil {
		return append(a.found, Morpheme{Tag: morphology.TagRoot, End: span.Len})
	}
	word := text[span.Lead:span.Len]
	if span.Apostrophe == 0 {
		a.analyse(word)
		a.shift(span.Lead)
		return a.found
	}
	a.withApostrophe(word, span.Apostrophe-span.Lead)
	a.shift(span.Lead)
	return a.found
}

// shift moves what was found behind the leading space.
func (a *analyser) shift(lead int) {
	if lead == 0 {
		return
	}
	for i := range a.found {
		a.found[i].Start += lead
		a.found[i].End += lead
	}
	a.found[0].Start = 0
}

func (a *analyser) analyse(word []byte) {
	if len(word) > maxWord || !pretoken.Latin(word) {
		a.found = append(a.found, Morpheme{Tag: morphology.TagRoot, End: len(word)})
		return
	}
	a.found = a.segmenter.Segment(word, a.found)
}

// withApostrophe finds the morphemes of a word whose apostrophe stands at
// place. The suffixes are those that the word has without the apostrophe, if
// one of its morphemes ends there.
func (a *analyser) withApostrophe(word []byte, place int) {
	size := pretoken.ApostropheSize(word[place:])
	a.word = append(append(a.word[:0], word[:place]...), word[place+size:]...)
	a.analyse(a.word)
	for i, m := range a.found {
		if m.End == place && i+1 < len(a.found) {
			for k := i + 1; k < len(a.found); k++ {
				a.found[k].Start += size
				a.found[k].End += size
			}
			a.found[i+1].Start = place
			return
		}
	}
	a.found = a.found[:0]
	a.analyse(word[:place])
	a.found = append(a.found, Morpheme{Start: place, End: len(word)}) // of no known kind
}

func readSegmenter(text []byte) (Segmenter, error) {
	s := new(morphology.Segmenter)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	return s, nil
}
