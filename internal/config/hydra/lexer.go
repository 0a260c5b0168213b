package hydra

import "strings"

// Overrides and interpolations share their unquoted tokens. As in the grammars
// of Hydra and OmegaConf the longest token wins, and of equally long ones the
// first in this order.
type tokenKind int

const (
	tokNone    tokenKind = iota
	tokFloat             // 1., .5, 1e-3, inf, nan
	tokInt               // 12, -3, 1_000
	tokBool              // true, False
	tokNull              // null
	tokSymbol            // one of / - \ + . $ % * @ ? |
	tokID                // a name
	tokEscape            // \\ \( \, and so on, a run of them
	tokSpace             // blanks and tabs
	tokColon             // : with blanks around it
	tokInterp            // ${...}
	tokQuoted            // '...' or "..."
	tokGrammar           // what ends a primitive: , = ( ) [ ] { }
)

// token is a piece of the input.
type token struct {
	kind tokenKind
	text string
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isBlank(c byte) bool  { return c == ' ' || c == '\t' }

// plainToken returns the longest unquoted token at the start of s.
func plainToken(s string) token {
	best := token{}
	try := func(kind tokenKind, n int) {
		if n > len(best.text) {
			best = token{kind, s[:n]}
		}
	}
	try(tokFloat, floatLen(s))
	try(tokInt, signedIntLen(s))
	try(tokBool, wordLen(s, "true"))
	try(tokBool, wordLen(s, "false"))
	try(tokNull, wordLen(s, "null"))
	if s != "" && strings.IndexByte(`/-\+.$%*@?|`, s[0]) >= 0 {
		try(tokSymbol, 1)
	}
	try(tokID, idLen(s))
	try(tokEscape, escapeLen(s))
	try(tokSpace, blankLen(s))
	return best
}

func wordLen(s, word string) int {
	if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) {
		return len(word)
	}
	return 0
}

func blankLen(s string) int {
	n := 0
	for n < len(s) && isBlank(s[n]) {
		n++
	}
	return n
}

// idLen measures a name: letters, digits, _ and -, not starting with the
// latter two of the four.
func idLen(s string) int {
	if s == "" || !isLetter(s[0]) && s[0] != '_' {
		return 0
	}
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || s[n] == '_' || s[n] == '-') {
		n++
	}
	return n
}

// digitsLen measures digits with single underscores between them.
func digitsLen(s string) int {
	if s == "" || !isDigit(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) {
		switch {
		case isDigit(s[n]):
			n++
		case s[n] == '_' && n+1 < len(s) && isDigit(s[n+1]):
			n += 2
		default:
			return n
		}
	}
	return n
}

// intLen measures an unsigned integer: 0, or digits that do not start with 0.
func intLen(s string) int {
	if s != "" && s[0] == '0' {
		return 1
	}
	return digitsLen(s)
}

func signLen(s string) int {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return 1
	}
	return 0
}

func signedIntLen(s string) int {
	sign := signLen(s)
	if n := intLen(s[sign:]); n > 0 {
		return sign + n
	}
	return 0
}

func floatLen(s string) int {
	sign := signLen(s)
	t := s[sign:]
	whole := intLen(t)
	point := 0 // "1." or ".5" or "1.5"
	if whole < len(t) && t[whole] == '.' {
		if frac := digitsLen(t[whole+1:]); frac > 0 {
			point = whole + 1 + frac
		} else if whole > 0 {
			point = whole + 1
		}
	}
	best := point
	if base := max(whole, point); base > 0 && base < len(t) && (t[base] == 'e' || t[base] == 'E') {
		e := base + 1 + signLen(t[base+1:])
		if digits := digitsLen(t[e:]); digits > 0 {
			best = e + digits
		}
	}
	best = max(best, wordLen(t, "inf"), wordLen(t, "nan"))
	if best == 0 {
		return 0
	}
	return sign + best
}

// escapeLen measures a run of escaped special characters.
func escapeLen(s string) int {
	n := 0
	for n+1 < len(s) && s[n] == '\\' && strings.IndexByte("\\()[]{}:=, \t", s[n+1]) >= 0 {
		n += 2
	}
	return n
}

// unescape drops every other character: the backslashes of an escape run.
func unescape(s string) string {
	var b strings.Builder
	for i := 1; i < len(s); i += 2 {
		b.WriteByte(s[i])
	}
	return b.String()
}

// scalarToken returns the typed value of a lone token.
func scalarToken(t token) *Node {
	switch t.kind {
	case tokFloat:
		f, _ := parseFloat(t.text)
		return newFloat(f)
	case tokInt:
		return newInt(parseInt(t.text))
	case tokBool:
		return newBool(strings.EqualFold(t.text, "true"))
	case tokNull:
		return newNull()
	case tokEscape:
		return newString(unescape(t.text))
	default:
		return newString(t.text)
	}
}
