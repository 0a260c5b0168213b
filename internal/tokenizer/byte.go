package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

const (
	byteName    = "byte"
	byteVersion = 1
	byteVocab   = 256

	padding       = 0x00 // NUL
	endOfDocument = 0x03 // ETX, "end of text"
)

// byteTokenizer gives every byte of UTF-8 its own value as id. Bytes that are
// not valid UTF-8 keep their value too, so nothing but NUL and 0x03 is lost.
type byteTokenizer struct{}

// NewByte returns the byte tokenizer: 256 ids, the bytes themselves; 0 is the
// padding, 3 the end of a document.
func NewByte() Tokenizer { return byteTokenizer{} }

func (byteTokenizer) Name() string         { return byteName }
func (byteTokenizer) VocabSize() int       { return byteVocab }
func (byteTokenizer) EndOfDocument() int32 { return endOfDocument }
func (byteTokenizer) NewLabeler() Labeler  { return &byteLabeler{} }

func (t byteTokenizer) Encode(text []byte) []int32 {
	return t.AppendEncode(make([]int32, 0, len(text)), text)
}

func (byteTokenizer) AppendEncode(dst []int32, text []byte) []int32 {
	for _, b := range text {
		if b != padding && b != endOfDocument {
			dst = append(dst, int32(b))
		}
	}
	return dst
}

func (byteTokenizer) Removed(text []byte) int {
	return bytes.Count(text, []byte{padding}) + bytes.Count(text, []byte{endOfDocument})
}

func (t byteTokenizer) Decode(ids []int32) []byte {
	text := make([]byte, 0, len(ids))
	for _, id := range ids {
		if t.TokenBytes(id) == 1 {
			text = append(text, byte(id))
		}
	}
	return text
}

func (byteTokenizer) TokenBytes(id int32) int {
	if id <= padding || id >= byteVocab || id == endOfDocument {
		return 0
	}
	return 1
}

func (byteTokenizer) Piece(id int32) string {
	if id >= ' ' && id < 0x7F && id != '|' {
		return string(rune(id))
	}
	return fmt.Sprintf("<0x%02X>", id)
}

func (t byteTokenizer) Hash() string {
	text, err := t.JSON()
	if err != nil {
		panic(err) // a constant value always marshals
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (byteTokenizer) JSON() ([]byte, error) {
	return json.Marshal(struct {
		header
		VocabSize     int `json:"vocab_size"`
		Padding       int `json:"padding"`
		EndOfDocument int `json:"end_of_document"`
	}{header{byteName, byteVersion}, byteVocab, padding, endOfDocument})
}
