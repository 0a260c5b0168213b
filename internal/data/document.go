package data

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"unicode/utf8"

	"agiformer/internal/tokenizer"
)

const (
	// encodeBytes is how much text of a document is gathered before it is
	// encoded, up to a line end.
	encodeBytes = 1 << 20
	// longLineBytes is where a line is encoded in pieces, at a character's end.
	longLineBytes = 64 << 20
)

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// documentBuilder gathers the text of one document after the other, cuts long
// ones, encodes them and appends them to a shard. Memory stays bounded however
// long a document is.
type documentBuilder struct {
	tok      tokenizer.Tokenizer
	out      sink
	problems tally
	maxBytes int64 // 0 never cuts
	strict   bool  // the first problem ends the reading

	file   int    // index of the file in the shard
	origin string // where in the file the document starts, for a report

	text    []byte // not yet encoded text of the document
	ids     []int32
	written int64  // bytes of the piece that is open, encoded ones included
	entry   record // of the piece that is open
	pieces  int64  // pieces of the document that are done
	invalid bool   // the document holds invalid UTF-8
}

// sink takes the ids of documents; a shardWriter is one.
type sink interface {
	writeTokens(ids []int32) error
	// openTokens returns the number of tokens since the last document's end.
	openTokens() int64
	endDocument(bytes int64, hash uint64) error
}

// begin starts a document; origin says where in the file it is.
func (b *documentBuilder) begin(origin string) {
	b.origin, b.pieces, b.invalid = origin, 0, false
}

// write adds text to the open document. The text is copied.
func (b *documentBuilder) write(text []byte) error {
	for len(text) > 0 {
		part := text
		cut := false
		if b.maxBytes > 0 && b.written+int64(len(text)) >= b.maxBytes {
			from := max(0, b.maxBytes-1-b.written)
			if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
				part, cut = text[:from+int64(i)+1], true
			}
		}
		b.text = append(b.text, part...)
		b.written += int64(len(part))
		text = text[len(part):]
		if cut {
			if err := b.endPiece(); err != nil {
				return err
			}
		} else if len(b.text) >= encodeBytes {
			if err := b.encodeLines(); err != nil {
				return err
			}
		}
	}
	return nil
}

// end closes the open document. One without text is counted as empty.
func (b *documentBuilder) end() error {
	if b.written > 0 {
		if err := b.endPiece(); err != nil {
			return err
		}
	}
	if b.pieces == 0 {
		b.problems.add(EmptyText, 1, b.file, b.origin+" has no text")
	}
	return nil
}

// encodeLines encodes the gathered text up to its last line end.
func (b *documentBuilder) encodeLines() error {
	n := bytes.LastIndexByte(b.text, '\n') + 1
	if n == 0 {
		if len(b.text) < longLineBytes {
			return nil
		}
		n = lastCharacterEnd(b.text)
	}
	return b.encode(n)
}

// lastCharacterEnd returns the length of text without a character that is cut
// off at its end.
func lastCharacterEnd(text []byte) int {
	for i := 1; i < utf8.UTFMax && i < len(text); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return len(text) - i
			}
			break
		}
	}
	return len(text)
}

// encode writes the ids of the first n bytes of the gathered text.
func (b *documentBuilder) encode(n int) error {
	text := b.text[:n]
	if !b.invalid && !utf8.Valid(text) {
		b.invalid = true
		b.problems.add(InvalidUTF8, 1, b.file, b.origin+" holds invalid UTF-8")
	}
	removed := b.tok.Removed(text)
	if removed > 0 {
		b.problems.add(RemovedByte, int64(removed), b.file, b.origin+" holds NUL or 0x03")
	}
	b.ids = b.tok.AppendEncode(b.ids[:0], text)
	b.entry.bytes += int64(n - removed)
	b.entry.hash = uint64(crc32.Update(uint32(b.entry.hash), castagnoli, text))
	if err := b.out.writeTokens(b.ids); err != nil {
		return err
	}
	b.text = append(b.text[:0], b.text[n:]...)
	return nil
}

// endPiece closes the piece that is open: one document of the shard.
func (b *documentBuilder) endPiece() error {
	if err := b.encode(len(b.text)); err != nil {
		return err
	}
	done := b.entry
	b.entry, b.written = record{}, 0
	if b.out.openTokens() == 0 {
		return nil // nothing but NUL and 0x03
	}
	b.pieces++
	return b.out.endDocument(done.bytes, done.hash)
}

// problem counts something broken in the file.
func (b *documentBuilder) problem(kind Kind, format string, args ...any) {
	b.problems.add(kind, 1, b.file, fmt.Sprintf(format, args...))
}

// refused says that a problem was met that ends the reading.
func (b *documentBuilder) refused() bool { return b.strict && len(b.problems.Count) > 0 }
