package morphopiece

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// FileType and FileVersion stand at the head of a file.
const (
	FileType    = "morphopiece"
	FileVersion = 1
)

// file is the whole of a tokenizer.json. The hash is that of Model without
// spaces between its values.
type file struct {
	Type    string          `json:"type"`
	Version int             `json:"version"`
	Hash    string          `json:"hash"`
	Model   json.RawMessage `json:"model"`
}

// fileModel is what the hash is of. Pieces stand in the order of their ids,
// those of one byte first.
type fileModel struct {
	Kind      Kind            `json:"kind"`
	Mode      Mode            `json:"mode"`
	VocabSize int             `json:"vocab_size"`
	Suffixes  []string        `json:"suffixes,omitempty"`
	Pieces    []filePiece     `json:"pieces"`
	Frequent  fileWords       `json:"frequent"`
	Segmenter json.RawMessage `json:"segmenter,omitempty"`
}

// filePiece is a piece. Types are those of Reading; none stand for a piece of
// which nothing is known.
type filePiece struct {
	Text   string     `json:"text"`
	Score  float64    `json:"score"`
	Start  uint8      `json:"start,omitempty"`
	Later  uint8      `json:"later,omitempty"`
	After  [][2]uint8 `json:"after,omitempty"`
	Suffix int        `json:"suffix,omitempty"`
}

// fileWords are words, a space before them where it belongs to them, and how
// often each occurs.
type fileWords struct {
	Words  []string `json:"words"`
	Counts []int64  `json:"counts"`
}

// MarshalJSON returns the model as a file of its own.
func (m *Model) MarshalJSON() ([]byte, error) {
	model := fileModel{Kind: m.kind, Mode: m.mode, VocabSize: m.VocabSize(), Suffixes: m.suffixes}
	for _, entry := range m.words() {
		model.Pieces = append(model.Pieces, filePiece{entry.Text, entry.Score, entry.Start, entry.Later, entry.After, entry.Suffix})
	}
	for _, word := range m.frequent {
		model.Frequent.Words = append(model.Frequent.Words, word.text)
		model.Frequent.Counts = append(model.Frequent.Counts, word.count)
	}
	if m.segmenter != nil {
		text, err := json.Marshal(m.segmenter)
		if err != nil {
			return nil, err
		}
		model.Segmenter = text
	}
	text, err := compactJSON(model)
	if err != nil {
		return nil, err
	}
	return compactJSON(file{FileType, FileVersion, hashOf(text), text})
}

// compactJSON is json.Marshal without the escapes for HTML.
func compactJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, out.Bytes())
	return compact.Bytes(), err
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Hash identifies the model: equal hashes give equal ids.
func (m *Model) Hash() string { return m.hash }

// ReadFile returns the model that MarshalJSON wrote.
func ReadFile(text []byte) (*Model, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("the tokenizer is not valid JSON: %w", err)
	}
	if f.Type != FileType || f.Version != FileVersion {
		return nil, fmt.Errorf("the tokenizer has type %q, version %d; expected %q, version %d: use the program that wrote it", f.Type, f.Version, FileType, FileVersion)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.Model); err != nil {
		return nil, errors.New("the tokenizer holds no model: it was cut off or altered, train it again or copy it anew")
	}
	if hashOf(compact.Bytes()) != f.Hash {
		return nil, errors.New("the tokenizer's hash is not that of its content: it was altered or damaged, train it again or copy it anew")
	}
	var model fileModel
	decoder := json.NewDecoder(&compact)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&model); err != nil {
		return nil, fmt.Errorf("the tokenizer's content is not as expected: %w", err)
	}
	m, err := model.build()
	if err != nil {
		return nil, fmt.Errorf("the tokenizer's content is not as expected: %w; train it again or copy it anew", err)
	}
	m.hash = f.Hash
	return m, nil
}

// build checks what the file holds and makes the model of it.
func (f *fileModel) build() (*Model, error) {
	m := &Model{kind: f.Kind, mode: f.Mode, suffixes: f.Suffixes}
	switch {
	case f.Kind != KindMorphoPiece && f.Kind != KindUnigram:
		return nil, fmt.Errorf("its kind is %q, expected %q or %q", f.Kind, KindMorphoPiece, KindUnigram)
	case f.Mode != Plain && f.Mode != Fused:
		return nil, fmt.Errorf("its mode is %q, expected %q or %q", f.Mode, Plain, Fused)
	case len(f.Suffixes) > maxSuffixes:
		return nil, fmt.Errorf("it names %d suffixes, expected at most %d", len(f.Suffixes), maxSuffixes)
	case (f.Kind == KindMorphoPiece) != (f.Segmenter != nil):
		return nil, fmt.Errorf("its kind is %q, and only a %s has a segmenter", f.Kind, KindMorphoPiece)
	}
	if err := f.buildPieces(m); err != nil {
		return nil, err
	}
	if err := f.Frequent.check(); err != nil {
		return nil, err
	}
	for i, word := range f.Frequent.Words {
		m.frequent = append(m.frequent, counted{word, f.Frequent.Counts[i]})
	}
	if f.Segmenter == nil {
		return m, nil
	}
	segmenter, err := readSegmenter(f.Segmenter)
	if err != nil {
		return nil, err
	}
	m.segmenter = segmenter
	return m, nil
}

// buildPieces gives the model its pieces and their readings.
func (f *fileModel) buildPieces(m *Model) error {
	pieces := make([]unigram.Piece, len(f.Pieces))
	for i, p := range f.Pieces {
		if err := p.check(len(f.Suffixes)); err != nil {
			return err
		}
		pieces[i] = unigram.Piece{Text: p.Text, Score: p.Score}
	}
	if err := m.setPieces(pieces); err != nil {
		return err
	}
	if m.VocabSize() != f.VocabSize {
		return fmt.Errorf("it has %d ids, and says %d", m.VocabSize(), f.VocabSize)
	}
	i := 0
	for _, entry := range m.words() {
		p := f.Pieces[i]
		if i++; p.Text != entry.Text {
			return fmt.Errorf("piece %q is not in the order of the scores", p.Text)
		}
		entry.Reading = Reading{p.Start, p.Later, p.After, p.Suffix}
	}
	return nil
}

// check refuses what is no list of words.
func (f *fileWords) check() error {
	if len(f.Words) != len(f.Counts) {
		return fmt.Errorf("it has %d frequent words and %d counts", len(f.Words), len(f.Counts))
	}
	for i, word := range f.Words {
		if word == "" || f.Counts[i] < 1 {
			return fmt.Errorf("frequent word %q occurs %d times", word, f.Counts[i])
		}
		if span := pretoken.Next([]byte(word), pretoken.LineEnd); span.Kind != pretoken.Word || span.Len != len(word) {
			return fmt.Errorf("frequent word %q is not one word", word)
		}
	}
	return nil
}

// check refuses what no trained piece has.
func (p *filePiece) check(suffixes int) error {
	bad := func(kind uint8) bool { return kind < TypeWordStart || kind >= typeCount }
	switch {
	case len(p.Text) > maxPiece*utf8.UTFMax:
		return fmt.Errorf("piece %.40q... is longer than %d characters", p.Text, maxPiece)
	case !(p.Score <= 0 && p.Score >= leastScore):
		return fmt.Errorf("piece %q has the score %v, expected the logarithm of a probability, 0 to %v", p.Text, p.Score, leastScore)
	case bad(p.Start), bad(p.Later):
		return fmt.Errorf("piece %q has the types %d and %d, expected numbers from %d to %d", p.Text, p.Start, p.Later, TypeWordStart, typeCount-1)
	case p.Suffix < 0 || p.Suffix > suffixes:
		return fmt.Errorf("piece %q is suffix %d of %d", p.Text, p.Suffix, suffixes)
	case len(p.After) > typeCount:
		return fmt.Errorf("piece %q has types after %d others, expected at most %d", p.Text, len(p.After), typeCount)
	}
	for _, pair := range p.After {
		if bad(pair[0]) || bad(pair[1]) {
			return fmt.Errorf("piece %q has the types %d after %d, expected numbers from %d to %d", p.Text, pair[1], pair[0], TypeWordStart, typeCount-1)
		}
	}
	return nil
}

// typeCount bounds the types.
const typeCount = 32

// leastScore is far below the score of any piece that training makes, and far
// enough above minus infinity that sums over a span stay finite.
const leastScore = -1000.0

// maxSuffixes is what a label's number of a suffix can hold.
const maxSuffixes = math.MaxUint16

// Write writes the model's file.
func (m *Model) Write(w io.Writer) error {
	text, err := m.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
