package generate

import (
	"io"
	"unicode/utf8"
)

// Text turns the bytes of tokens, which may end within a character, into text:
// whole UTF-8 characters as soon as their last byte is there, and U+FFFD for
// each byte that no character can hold. Of a character that the last token leaves
// unfinished nothing is written. Everything written adds up in String.
type Text struct {
	out     io.Writer
	pending []byte // the beginning of a character, at most 3 bytes
	all     []byte
}

// NewText returns a Text that passes characters on to out.
func NewText(out io.Writer) *Text { return &Text{out: out} }

// Add takes a token's bytes and writes the characters they complete.
func (t *Text) Add(token []byte) error {
	t.pending = append(t.pending, token...)
	start := len(t.all)
	for len(t.pending) > 0 && utf8.FullRune(t.pending) {
		r, size := utf8.DecodeRune(t.pending)
		t.all = utf8.AppendRune(t.all, r)
		t.pending = t.pending[size:]
	}
	if len(t.all) == start {
		return nil
	}
	_, err := t.out.Write(t.all[start:])
	return err
}

// String returns all text so far.
func (t *Text) String() string { return string(t.all) }
