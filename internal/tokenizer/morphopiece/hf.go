package morphopiece

import (
	"fmt"

	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// The names that the marks have in the exported file.
const (
	paddingName = "<pad>"
	endName     = "<eod>"
)

// hfPattern cuts text as package pretoken does, as a regular expression.
const hfPattern = ` ?\p{L}[\p{L}\p{M}]*(?:['’]\p{L}[\p{L}\p{M}]*)?` + // a word
	`|(?<=\p{Nd})['’]\p{L}[\p{L}\p{M}]*` + // the tail of a number
	`| ?\p{Nd}+` +
	`|[\r\n]` +
	`| ?[^\s\p{L}\p{Nd}\p{Z}]+` + // signs
	`| +(?= [^\s\p{Z}])| +|[\s\p{Z}]` // spaces, the last one left to what follows

type hfFile struct {
	Version       string    `json:"version"`
	Truncation    any       `json:"truncation"`
	Padding       any       `json:"padding"`
	AddedTokens   []hfAdded `json:"added_tokens"`
	Normalizer    any       `json:"normalizer"`
	PreTokenizer  hfSplit   `json:"pre_tokenizer"`
	PostProcessor any       `json:"post_processor"`
	Decoder       hfDecoder `json:"decoder"`
	Model         hfUnigram `json:"model"`
}

type hfAdded struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Lstrip     bool   `json:"lstrip"`
	Rstrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type hfSplit struct {
	Type     string            `json:"type"`
	Pattern  map[string]string `json:"pattern"`
	Behavior string            `json:"behavior"`
	Invert   bool              `json:"invert"`
}

type hfDecoder struct {
	Type     string              `json:"type"`
	Decoders []map[string]string `json:"decoders"`
}

type hfUnigram struct {
	Type         string   `json:"type"`
	UnkID        int      `json:"unk_id"`
	ByteFallback bool     `json:"byte_fallback"`
	Vocab        [][2]any `json:"vocab"`
}

// HuggingFace returns the model as a tokenizer.json of Hugging Face's
// tokenizers: a Unigram model with the same ids, pieces and scores, byte
// fallback, and a pre-tokenizer that cuts text into the same spans. That
// format has no place for a morphological segmenter: within a word it takes
// the most probable pieces, wherever its morphemes meet. Agreement measures
// how often that is the same.
func (m *Model) HuggingFace() ([]byte, error) {
	f := hfFile{
		Version:      "1.0",
		PreTokenizer: hfSplit{Type: "Split", Pattern: map[string]string{"Regex": hfPattern}, Behavior: "Isolated"},
		Decoder:      hfDecoder{"Sequence", []map[string]string{{"type": "ByteFallback"}, {"type": "Fuse"}}},
		Model:        hfUnigram{Type: "Unigram", UnkID: Padding, ByteFallback: true},
	}
	for _, mark := range []struct {
		id   int
		name string
	}{{Padding, paddingName}, {EndOfDocument, endName}} {
		f.AddedTokens = append(f.AddedTokens, hfAdded{ID: mark.id, Content: mark.name, Special: true})
	}
	lowest := 0.0
	for _, entry := range m.words() {
		lowest = min(lowest, entry.Score)
	}
	for id := range int32(m.VocabSize()) {
		text, score := m.hfPiece(id, lowest)
		f.Model.Vocab = append(f.Model.Vocab, [2]any{text, score})
	}
	return compactJSON(f)
}

// hfPiece returns the entry of an id: bytes that are no pieces are called
// <0xNN>, where the format looks for them.
func (m *Model) hfPiece(id int32, lowest float64) (text string, score float64) {
	if entry := m.entry(id); entry != nil {
		return entry.Text, entry.Score
	}
	b, ok := ByteOf(id)
	switch {
	case ok:
		return fmt.Sprintf("<0x%02X>", b), lowest
	case id == Padding:
		return paddingName, lowest
	default:
		return endName, lowest
	}
}

// Agreement says how often the exported model gives the ids of this one.
type Agreement struct {
	Words, Same         int64 // running words
	Different, Crossing int64 // kinds of words that differ; of them, those with a piece across a morpheme boundary
}

// Agreement compares the model with what HuggingFace returns on the words that
// were counted.
func (m *Model) Agreement(c *Counter) Agreement {
	var result Agreement
	e := m.NewEncoder()
	var free []unigram.Token
	for _, s := range c.sorted() {
		text := []byte(s.text)
		span := pretoken.Next(text, pretoken.Number)
		if span.Kind != pretoken.Word {
			continue
		}
		result.Words += s.count
		e.segment(text, span)
		free = e.pieces.SegmentFreely(text, free[:0])
		if equalTokens(e.tokens, free) {
			result.Same += s.count
			continue
		}
		result.Different++
		if crosses(free, e.cuts) {
			result.Crossing++
		}
	}
	return result
}

func equalTokens(a, b []unigram.Token) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// crosses says whether a token covers a cut.
func crosses(tokens []unigram.Token, cuts []int) bool {
	ends := map[int]bool{}
	for _, token := range tokens {
		ends[int(token.End)] = true
	}
	for _, cut := range cuts {
		if !ends[cut] {
			return true
		}
	}
	return false
}
