// Package tokenizer turns text into ids and back, and labels ids with the
// features that the language expert reads (docs/model.md, "Token features").
//
// It is a leaf: it imports no other package of the program. Id 0 is always the
// padding, which no text contains.
package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"agiformer/internal/tokenizer/morphopiece"
)

// Sizes of the feature tables: a Label's fields are below these.
const (
	TypeCount  = morphopiece.TypeCount
	PlaceCount = 16
	VowelCount = 8
)

// MaxLabelerState is the largest size of a Labeler's state, in bytes.
const MaxLabelerState = 16

// Tokenizer turns text into ids in [1, VocabSize) and back. It is safe for use
// by several goroutines at once.
//
// Encode(a+b) equals Encode(a) followed by Encode(b) wherever a ends with a
// line end, so that a long document can be encoded in pieces.
type Tokenizer interface {
	// Name is the name that tokenizer.name chooses it by.
	Name() string
	// VocabSize is the number of ids V, the padding included.
	VocabSize() int
	// Encode returns the ids of text. Characters that no text may hold (NUL
	// and 0x03) are left out; Removed counts them.
	Encode(text []byte) []int32
	// AppendEncode appends the ids of text to dst.
	AppendEncode(dst []int32, text []byte) []int32
	// Removed returns how many bytes of text Encode leaves out.
	Removed(text []byte) int
	// Decode returns the text of ids; the padding and the end of a document
	// are no text, nor is an id outside the vocabulary.
	Decode(ids []int32) []byte
	// TokenBytes returns the number of bytes of text that id stands for.
	TokenBytes(id int32) int
	// Piece returns what id stands for as people read it: its text, or <0xNN>
	// for a byte that is no character of its own, or would be taken for a
	// separator of pieces (| and the tab).
	Piece(id int32) string
	// EndOfDocument returns the id that closes a document.
	EndOfDocument() int32
	// NewLabeler returns a labeler at the start of a document.
	NewLabeler() Labeler
	// Hash identifies the tokenizer: equal hashes give equal ids.
	Hash() string
	// JSON returns what Open and FromJSON read, as a checkpoint stores it.
	JSON() ([]byte, error)
}

// Label holds the features of one token.
type Label struct {
	Type  uint8 // kind of token, below TypeCount; 0 is padding
	Place uint8 // place in its word, below PlaceCount; 0 outside words
	Vowel uint8 // class of the word's last vowel so far, below VowelCount; 0 none
	// WordStart says that a word (or number) starts here: the word index of
	// the segment goes up by one.
	WordStart bool
	// Harmony says whether the first vowel of a suffix agrees with the vowel
	// before it. The model does not read it yet.
	Harmony uint8
	// Suffix is the canonical form of a suffix (ler and lar are one), from 1;
	// 0 none. MorphoPiece.Canonical names it. The model does not read it yet.
	Suffix uint16
}

// Values of Label.Harmony.
const (
	HarmonyNone   = 0 // no suffix, or no two vowels to compare
	HarmonyAgrees = 1
	HarmonyBroken = 2
)

// Labeler labels a stream of ids one by one. A label is a function of the ids
// so far, never of later ones; the end-of-document id resets the labeler after
// its own label.
type Labeler interface {
	Next(id int32) Label
	// State returns at most MaxLabelerState bytes that SetState restores.
	State() []byte
	SetState(state []byte) error
	// Reset goes back to the start of a document.
	Reset()
}

// header is what every tokenizer.json starts with.
type header struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
}

// FromJSON returns the tokenizer that JSON wrote.
func FromJSON(text []byte) (Tokenizer, error) {
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		if json.Valid(text) { // of another make: Hugging Face's version is a text
			return nil, fmt.Errorf("the tokenizer is of another make than %q or %q: use a tokenizer.json that this program wrote (an exported one cannot be read back)", byteName, morphopiece.FileType)
		}
		return nil, fmt.Errorf("the tokenizer is not valid JSON: %w; copy it anew", err)
	}
	switch {
	case h.Type == byteName && h.Version == byteVersion:
		return NewByte(), nil
	case h.Type == byteName:
		return nil, fmt.Errorf("the byte tokenizer has version %d, this program knows version %d: use the program that wrote it", h.Version, byteVersion)
	case h.Type == morphopiece.FileType:
		m, err := morphopiece.ReadFile(text)
		if err != nil {
			return nil, err
		}
		return NewMorphoPiece(m), nil
	default:
		return nil, fmt.Errorf("the tokenizer's type is %q, expected %q or %q: use a tokenizer.json that this program wrote", h.Type, byteName, morphopiece.FileType)
	}
}

// Open reads a tokenizer.json.
func Open(path string) (Tokenizer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, fmt.Errorf("the tokenizer %s cannot be read (%w): name a file that agiformer tokenizer train --out FILE wrote", path, err)
	}
	t, err := FromJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// FromConfig returns the tokenizer that tokenizer.name and tokenizer.path
// (null: none) choose.
func FromConfig(name string, path *string) (Tokenizer, error) {
	none := path == nil || *path == ""
	switch {
	case name == byteName && none:
		return NewByte(), nil
	case name != byteName && none:
		return nil, fmt.Errorf("tokenizer.name is %q, which needs a trained tokenizer: name its file with tokenizer.path=FILE (agiformer tokenizer train makes one)", name)
	}
	t, err := Open(*path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.path: %w", err)
	}
	if t.Name() != name {
		return nil, fmt.Errorf("tokenizer.path: %s holds a %s tokenizer, and tokenizer.name is %q: set tokenizer=%s", *path, t.Name(), name, t.Name())
	}
	return t, nil
}
