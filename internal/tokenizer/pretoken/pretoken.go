// Package pretoken cuts text into the spans that a tokenizer's pieces never
// cross: words, numbers, runs of signs, runs of space, line ends. It works on
// bytes; the spans of a text, put together, are the text, whatever it holds.
//
// One space that stands before a word, a number or a sign belongs to its span:
// " ev" is one span. A word keeps what follows its apostrophe ("TBMM'ye"). A
// line feed is always a span of its own, so that a text can be cut into pieces
// after any line feed.
package pretoken

// Kind is the kind of a span.
type Kind uint8

// Kinds of spans.
const (
	Word    Kind = iota // letters and combining marks, perhaps an apostrophe and more letters
	Number              // digits
	Tail                // an apostrophe and letters after a number: 2024'te
	Sign                // punctuation, symbols, emoji, control characters
	Space               // spaces, or other blanks
	LineEnd             // one line feed or carriage return
	Bytes               // bytes that are no valid UTF-8
)

// MaxSpan bounds the length of a span in bytes; what is longer continues in
// further spans of the same kind.
const MaxSpan = 192

// Span is the next stretch of text, text[0:Len].
type Span struct {
	Kind Kind
	// Len is its length in bytes, at least 1.
	Len int
	// Lead is 1 where the span begins with a space that belongs to it, else 0.
	Lead int
	// Apostrophe is the place of the apostrophe inside a word, 0 where it has
	// none. The apostrophe may take one byte (') or three (’).
	Apostrophe int
}

// Next returns the first span of text, which must not be empty. previous is
// the kind of the span before it (LineEnd at the start of a text).
func Next(text []byte, previous Kind) Span {
	first, size := classAt(text, 0)
	lead := 0
	if first == classSpace {
		n := run(text, 1, classSpace)
		if n > 1 && joins(text, n) {
			return Span{Kind: Space, Len: n - 1}
		}
		if n > 1 || !joins(text, 1) {
			return Span{Kind: Space, Len: n}
		}
		lead = 1
		first, size = classAt(text, 1)
	}
	start := lead + size
	switch first {
	case classLetter:
		return word(text, start, lead)
	case classDigit:
		return Span{Kind: Number, Len: run(text, start, classDigit), Lead: lead}
	case classApostrophe:
		if previous == Number && lead == 0 && start < len(text) {
			if next, n := classAt(text, start); next == classLetter {
				return Span{Kind: Tail, Len: letters(text, start+n)}
			}
		}
		return Span{Kind: Sign, Len: signs(text, start), Lead: lead}
	case classSymbol, classMark:
		return Span{Kind: Sign, Len: signs(text, start), Lead: lead}
	case classLineEnd:
		return Span{Kind: LineEnd, Len: 1}
	case classBlank:
		return Span{Kind: Space, Len: run(text, start, classBlank)}
	default:
		return Span{Kind: Bytes, Len: run(text, start, classInvalid)}
	}
}

// joins says whether a space before text[i] belongs to what begins there.
func joins(text []byte, i int) bool {
	if i >= len(text) {
		return false
	}
	switch c, _ := classAt(text, i); c {
	case classLetter, classDigit, classApostrophe, classSymbol, classMark:
		return true
	}
	return false
}

// word returns the span of a word whose first letter ends at text[i].
func word(text []byte, i, lead int) Span {
	end := letters(text, i)
	span := Span{Kind: Word, Len: end, Lead: lead}
	if end >= len(text) {
		return span
	}
	c, size := classAt(text, end)
	if c != classApostrophe || end+size >= len(text) || end+size >= MaxSpan {
		return span
	}
	if c, n := classAt(text, end+size); c == classLetter {
		span.Apostrophe, span.Len = end, letters(text, end+size+n)
	}
	return span
}

// letters returns the end of the letters and marks that go on at text[i].
func letters(text []byte, i int) int {
	for i < len(text) && i < MaxSpan {
		c, size := classAt(text, i)
		if c != classLetter && c != classMark {
			break
		}
		i += size
	}
	return i
}

// signs returns the end of the run of signs that goes on at text[i]. An
// apostrophe within it belongs to it.
func signs(text []byte, i int) int {
	for i < len(text) && i < MaxSpan {
		c, size := classAt(text, i)
		if c != classSymbol && c != classApostrophe && c != classMark {
			break
		}
		i += size
	}
	return i
}

// run returns the end of the characters of one class that go on at text[i].
func run(text []byte, i int, want class) int {
	for i < len(text) && i < MaxSpan {
		c, size := classAt(text, i)
		if c != want {
			break
		}
		i += size
	}
	return i
}
