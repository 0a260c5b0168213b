package morphopiece

import (
	"iter"
	"runtime"
	"sync"

	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// Kind says what a model cuts words by.
type Kind string

// Mode says what a piece may cover.
type Mode string

// Kinds and modes.
const (
	KindMorphoPiece Kind = "morphopiece" // by their morphemes
	KindUnigram     Kind = "unigram"     // by the unigram model alone

	Plain Mode = "plain" // one morpheme at most, or a frequent word whole
	Fused Mode = "fused" // frequent chains of suffixes too
)

// Model is a trained tokenizer. It is safe for use by several goroutines at
// once.
type Model struct {
	kind       Kind
	mode       Mode
	segmenter  Segmenter // nil for KindUnigram
	vocabulary *unigram.Vocabulary
	// entries are the pieces by id, from FirstPiece.
	entries []Entry
	// ids are the ids of the vocabulary's pieces.
	ids []int32
	// letters are the pieces of one byte, whose ids are their bytes'.
	letters map[byte]*Entry
	// suffixes are the canonical forms of suffixes.
	suffixes []string

	// frequent are the most frequent words of the text it was trained on.
	frequent []counted
	// hash is that of the file's content.
	hash string

	mutex sync.Mutex
	free  []*Encoder
}

// Entry is a piece and what is known of it.
type Entry struct {
	Text  string
	Score float64 // natural logarithm of its probability
	Reading
}

// VocabSize returns the number of ids.
func (m *Model) VocabSize() int { return FirstPiece + len(m.entries) }

// Kind returns what the model cuts words by.
func (m *Model) Kind() Kind { return m.kind }

// Mode returns what a piece may cover.
func (m *Model) Mode() Mode { return m.mode }

// Segmenter returns the morphological segmenter, nil where there is none.
func (m *Model) Segmenter() Segmenter { return m.segmenter }

// Text returns what an id stands for, "" for a mark or an id outside the
// vocabulary.
func (m *Model) Text(id int32) string {
	if b, ok := ByteOf(id); ok {
		return byteTexts[b]
	}
	if id < FirstPiece || int(id) >= m.VocabSize() {
		return ""
	}
	return m.entries[id-FirstPiece].Text
}

// entry returns what is known of an id that is a piece, or nil.
func (m *Model) entry(id int32) *Entry {
	if id >= FirstPiece && int(id) < m.VocabSize() {
		return &m.entries[id-FirstPiece]
	}
	if b, ok := ByteOf(id); ok {
		return m.letters[b]
	}
	return nil
}

// words yields the pieces and their ids.
func (m *Model) words() iter.Seq2[int32, *Entry] {
	return func(yield func(int32, *Entry) bool) {
		for id := range int32(m.VocabSize()) {
			if entry := m.entry(id); entry != nil && !yield(id, entry) {
				return
			}
		}
	}
}

// Reading returns what an id is taken for in a word.
func (m *Model) Reading(id int32) Reading {
	if entry := m.entry(id); entry != nil {
		return entry.Reading
	}
	return unread
}

// unread is the reading of a piece of which nothing is known.
var unread = Reading{Start: TypeWordStart, Later: TypeInside}

// Suffixes returns the canonical forms of suffixes, which Reading counts from 1.
func (m *Model) Suffixes() []string { return m.suffixes }

// FrequentWords returns the most frequent words of the text that the model was
// trained on.
func (m *Model) FrequentWords() *Counter {
	c := NewCounter()
	for _, word := range m.frequent {
		n := word.count
		c.counts[word.text] = &n
	}
	return c
}

// byteTexts are the strings of one byte.
var byteTexts = func() (texts [256]string) {
	for b := range texts {
		texts[b] = string([]byte{byte(b)})
	}
	return texts
}()

// AppendEncode appends the ids of text to dst.
func (m *Model) AppendEncode(dst []int32, text []byte) []int32 {
	e := m.encoder()
	dst = e.AppendEncode(dst, text)
	m.giveBack(e)
	return dst
}

// AppendDecode appends the text of ids to dst. Marks and ids outside the
// vocabulary are no text.
func (m *Model) AppendDecode(dst []byte, ids []int32) []byte {
	for _, id := range ids {
		dst = append(dst, m.Text(id)...)
	}
	return dst
}

// Morphemes returns the morphemes of the words of text, and what stands
// between the words; put together they are the text.
func (m *Model) Morphemes(text []byte) []string {
	a := analyser{segmenter: m.segmenter}
	var parts []string
	eachSpanOf(text, func(part []byte, span pretoken.Span) {
		lead := span.Lead
		if lead > 0 {
			parts = append(parts, string(part[:lead]))
		}
		for _, x := range a.morphemes(part, span) {
			parts = append(parts, string(part[max(x.Start, lead):x.End]))
		}
	})
	return parts
}

// Words returns the words of text that the segmenter cuts, an apostrophe and
// what follows it left out.
func (m *Model) Words(text []byte) []string {
	var words []string
	eachSpanOf(text, func(part []byte, span pretoken.Span) {
		if word := wordOf(part, span); word != nil {
			words = append(words, string(word))
		}
	})
	return words
}

// eachSpanOf calls f with the spans of text.
func eachSpanOf(text []byte, f func(part []byte, span pretoken.Span)) {
	kind := pretoken.LineEnd
	for len(text) > 0 {
		span := pretoken.Next(text, kind)
		kind = span.Kind
		f(text[:span.Len], span)
		text = text[span.Len:]
	}
}

// wordOf returns the word of a span without the space before it and what
// follows its apostrophe, nil for what is no word to analyse.
func wordOf(part []byte, span pretoken.Span) []byte {
	if span.Kind != pretoken.Word {
		return nil
	}
	word := part[span.Lead:]
	if span.Apostrophe > 0 {
		word = part[span.Lead:span.Apostrophe]
	}
	if len(word) > maxWord || !pretoken.Latin(word) {
		return nil
	}
	return word
}

// encoder takes an encoder that is free, with what its cache has learnt, or
// makes one.
func (m *Model) encoder() *Encoder {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if n := len(m.free); n > 0 {
		e := m.free[n-1]
		m.free = m.free[:n-1]
		return e
	}
	return m.NewEncoder()
}

// giveBack keeps an encoder for the next call, at most one a processor.
func (m *Model) giveBack(e *Encoder) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if len(m.free) < runtime.GOMAXPROCS(0) {
		m.free = append(m.free, e)
	}
}
