package morphopiece

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"agiformer/internal/tokenizer/unigram"
)

// FileType and FileVersion stand at the head of a file.
const (
	FileType    = "morphopiece"
	FileVersion = 1
)

// file is the whole of a tokenizer.json. The hash is that of Model as content
// writes it.
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
	text, err := m.content()
	if err != nil {
		return nil, err
	}
	return compactJSON(file{FileType, FileVersion, hashOf(text), text})
}

// content returns what the hash is of: a fileModel without spaces between its
// values.
func (m *Model) content() ([]byte, error) {
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
	return compactJSON(model)
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

// ReadFile returns the model that MarshalJSON wrote, also if another program has
// written it again with the same values.
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
	asWritten := hashOf(compact.Bytes()) == f.Hash
	m, err := readContent(&compact)
	switch {
	case !asWritten && (err != nil || !m.hasHash(f.Hash)):
		return nil, errors.New("the tokenizer's hash is not that of its content: it was altered or damaged, train it again or copy it anew")
	case err != nil:
		return nil, fmt.Errorf("the tokenizer's content is not as expected: %w; train it again or copy it anew", err)
	}
	m.hash = f.Hash
	return m, nil
}

// readContent makes the model of what content returned.
func readContent(r io.Reader) (*Model, error) {
	var model fileModel
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&model); err != nil {
		return nil, err
	}
	return model.build()
}

// hasHash says whether the hash is that of the model's content as this program
// writes it.
func (m *Model) hasHash(hash string) bool {
	text, err := m.content()
	return err == nil && hashOf(text) == hash
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

// Write writes the model's file.
func (m *Model) Write(w io.Writer) error {
	text, err := m.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
