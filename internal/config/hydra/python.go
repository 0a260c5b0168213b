package hydra

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// Hydra turns values into text as Python does, and its users see that text in
// concatenated interpolations, str() and sweeps. This file does the same.

// pyStr is Python's str() of a value.
func pyStr(n *Node) string {
	if n.Kind == String {
		return n.S
	}
	return pyRepr(n)
}

// pyRepr is Python's repr() of a value, without resolving interpolations.
func pyRepr(n *Node) string {
	switch n.Kind {
	case Null:
		return "None"
	case Bool:
		if n.B {
			return "True"
		}
		return "False"
	case Int:
		return n.I.String()
	case Float:
		return pyFloat(n.F)
	case String:
		return pyQuote(n.S)
	case List:
		parts := make([]string, len(n.items))
		for i, it := range n.items {
			parts[i] = pyRepr(it)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		parts := make([]string, len(n.entries))
		for i, e := range n.entries {
			parts[i] = pyRepr(e.key.val) + ": " + pyRepr(e.val)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
}

// pyFloat is Python's repr() of a float: the shortest digits that restore it,
// an exponent below 1e-4 and from 1e16.
func pyFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// pyQuote is Python's repr() of text.
func pyQuote(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			b.WriteString(`\x` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		case !unicode.IsPrint(r):
			b.WriteString(escapeRune(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

func escapeRune(r rune) string {
	hex := strconv.FormatInt(int64(r), 16)
	switch {
	case r < 0x100:
		return `\x` + strings.Repeat("0", 2-len(hex)) + hex
	case r < 0x10000:
		return `\u` + strings.Repeat("0", 4-len(hex)) + hex
	default:
		return `\U` + strings.Repeat("0", 8-len(hex)) + hex
	}
}

// parseInt reads decimal digits with optional sign and underscores.
func parseInt(s string) *big.Int {
	i, ok := new(big.Int).SetString(strings.ReplaceAll(strings.TrimPrefix(s, "+"), "_", ""), 10)
	if !ok {
		return nil
	}
	return i
}

// parseFloat reads a float as Python's float() does, underscores allowed
// between digits; too large is infinite.
func parseFloat(s string) (float64, bool) {
	t := strings.ToLower(strings.TrimSpace(s))
	sign := strings.TrimLeft(t, "+-")
	if len(t)-len(sign) > 1 || strings.HasPrefix(sign, "0x") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(t, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// pyIndex reads a list index as Python's int() does; ok is false for text.
func pyIndex(s string) (i int, ok bool) {
	t := strings.TrimSpace(s)
	if t == "" || strings.HasPrefix(t, "_") || strings.HasSuffix(t, "_") || strings.Contains(t, "__") {
		return 0, false
	}
	b := parseInt(t)
	if b == nil {
		return 0, false
	}
	if !b.IsInt64() {
		return -1, true
	}
	return int(b.Int64()), true
}

// equal is Python's == of two resolved values.
func equal(a, b *Node) bool {
	switch {
	case isNumber(a) && isNumber(b):
		return compareNumbers(a, b) == 0
	case a.Kind != b.Kind:
		return false
	}
	switch a.Kind {
	case Null:
		return true
	case String:
		return a.S == b.S
	case List:
		if len(a.items) != len(b.items) {
			return false
		}
		for i := range a.items {
			if !equal(a.items[i], b.items[i]) {
				return false
			}
		}
		return true
	default:
		if len(a.entries) != len(b.entries) {
			return false
		}
		for _, e := range a.entries {
			if o := b.child(e.key); o == nil || !equal(e.val, o) {
				return false
			}
		}
		return true
	}
}

func isNumber(n *Node) bool { return n.Kind == Bool || n.Kind == Int || n.Kind == Float }

// compareNumbers orders two numbers exactly; -2 where one is not a number.
func compareNumbers(a, b *Node) int {
	if a.Kind == Float && math.IsNaN(a.F) || b.Kind == Float && math.IsNaN(b.F) {
		return -2
	}
	return bigFloat(a).Cmp(bigFloat(b))
}

// bigFloat converts a number without loss.
func bigFloat(n *Node) *big.Float {
	switch n.Kind {
	case Bool:
		if n.B {
			return big.NewFloat(1)
		}
		return big.NewFloat(0)
	case Int:
		return new(big.Float).SetInt(n.I) // precision of the integer itself
	default:
		return big.NewFloat(n.F)
	}
}
