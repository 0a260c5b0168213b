package morphopiece

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// group says what a piece is, whatever stands around it.
type group uint8

const (
	groupNone group = iota // padding and the like
	groupEnd
	groupWord
	groupDigit
	groupSpace
	groupLineEnd
	groupApostrophe // alone, and without a space before it
	groupOther
	groupByte // 0x80 and above
)

// Unit is what an Automaton knows of an id.
type Unit struct {
	group   group
	lead    bool // it begins with a space that belongs to a word or number
	tail    bool // it begins with an apostrophe: the suffix of what stands before
	value   byte // of a byte
	Reading Reading
}

// Unit returns what is known of an id, and its letters: its text without the
// space or the apostrophe that it begins with; "" for what is in no word.
func (m *Model) Unit(id int32) (u Unit, letters string) {
	u.Reading = m.Reading(id)
	text := m.Text(id)
	switch {
	case id == EndOfDocument:
		u.group = groupEnd
		return u, ""
	case text == "":
		return u, ""
	case len(text) == 1 && text[0] >= utf8.RuneSelf:
		u.group, u.value = groupByte, text[0]
		return u, ""
	}
	body := strings.TrimPrefix(text, " ")
	u.lead = body != text && body != ""
	if rest, ok := cutApostrophe(body); ok && isLetter(rest) {
		u.tail, body = true, rest
	}
	if u.group = groupOf(body); u.group == groupOther && isApostrophe(text) {
		u.group = groupApostrophe
	}
	if u.group != groupWord {
		return u, ""
	}
	return u, body
}

// curled is the apostrophe of three bytes.
const curled = "’"

func isApostrophe(text string) bool { return text == "'" || text == curled }

func cutApostrophe(text string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "'"); ok {
		return rest, true
	}
	return strings.CutPrefix(text, curled)
}

// groupOf returns the group of a piece by its first character.
func groupOf(text string) group {
	r, _ := utf8.DecodeRuneInString(text)
	switch {
	case text == "" || r == ' ' || r == '\t' || r == '\v' || r == '\f' || unicode.Is(unicode.Z, r):
		return groupSpace
	case r == '\n' || r == '\r':
		return groupLineEnd
	case unicode.Is(unicode.Nd, r):
		return groupDigit
	case isLetter(text):
		return groupWord
	}
	return groupOther
}

// isLetter says whether text begins with a letter or a combining mark.
func isLetter(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return text != "" && (unicode.IsLetter(r) || unicode.Is(unicode.M, r))
}
