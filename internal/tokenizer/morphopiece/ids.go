// Package morphopiece cuts text into pieces where its morphemes meet, without
// losing a byte: each morpheme of a word is one piece where the vocabulary has
// it, else sub-pieces that cross no morpheme boundary, else bytes. Without a
// morphological segmenter it is a plain unigram tokenizer.
//
// The ids are those of the byte tokenizer, then the pieces:
//
//	0          padding
//	3          end of a document
//	1 .. 255   the other bytes, each with its value as id
//	256, 257   the bytes 0x00 and 0x03, whose values are taken by the marks
//	258 ..     pieces of two bytes and more, the most probable first
//
// So the marks are never text, and every byte string has ids.
package morphopiece

// Ids that are not pieces.
const (
	Padding       = 0
	EndOfDocument = 3
	nulID         = 256 // the byte 0x00
	etxID         = 257 // the byte 0x03
	// FirstPiece is the id of the first piece.
	FirstPiece = 258
)

// byteID returns the id of a byte.
func byteID(b byte) int32 {
	switch b {
	case Padding:
		return nulID
	case EndOfDocument:
		return etxID
	default:
		return int32(b)
	}
}

// ByteOf returns the byte that an id stands for, and whether it stands for one.
func ByteOf(id int32) (byte, bool) {
	switch {
	case id == nulID:
		return Padding, true
	case id == etxID:
		return EndOfDocument, true
	case id <= Padding || id >= nulID || id == EndOfDocument:
		return 0, false
	default:
		return byte(id), true
	}
}
