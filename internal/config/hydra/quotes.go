package hydra

import "strings"

// interpolationLen measures ${...} up to the first }, which must not follow
// the opening at once.
func interpolationLen(s string) int {
	if !strings.HasPrefix(s, "${") {
		return 0
	}
	end := strings.IndexByte(s, '}')
	if end < 3 {
		return 0
	}
	return end + 1
}

// quoteLen measures quoted text: it ends at the first quote with an even
// number of backslashes before it.
func quoteLen(s string) int {
	slashes := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			slashes++
			continue
		case s[i] == s[0] && slashes%2 == 0:
			return i + 1
		}
		slashes = 0
	}
	return 0
}

// unquote removes the quotes and halves the backslashes that stand before a
// quote, the closing one included; others are kept.
func unquote(s string) string {
	mark, body := s[0], s[1:]
	var b strings.Builder
	for i := 0; i < len(body); {
		run := 0
		for i+run < len(body) && body[i+run] == '\\' {
			run++
		}
		end := i + run // never past the closing quote
		switch {
		case run > 0 && body[end] == mark:
			b.WriteString(strings.Repeat(`\`, run/2))
			if run%2 == 1 {
				b.WriteByte(mark)
			}
			i = end + 1
		case run > 0:
			b.WriteString(body[i:end])
			i = end
		case i == len(body)-1:
			i++ // the closing quote
		default:
			b.WriteByte(body[i])
			i++
		}
	}
	return b.String()
}
