package data

import "unicode/utf8"

// string appends the string that begins here to dst.
func (p *jsonObject) string(dst []byte) ([]byte, error) {
	p.at++ // the opening quote
	for {
		from := p.at
		for p.at < len(p.line) && p.line[p.at] != '"' && p.line[p.at] != '\\' && p.line[p.at] >= 0x20 {
			p.at++
		}
		dst = append(dst, p.line[from:p.at]...)
		if p.at == len(p.line) {
			return dst, p.bad("no closing quote")
		}
		switch p.line[p.at] {
		case '"':
			p.at++
			return dst, nil
		case '\\':
			var err error
			if dst, err = p.escape(dst); err != nil {
				return dst, err
			}
		default:
			return dst, p.bad("a control character in a string")
		}
	}
}

// simpleEscapes maps the letter after a backslash to its character.
var simpleEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func (p *jsonObject) escape(dst []byte) ([]byte, error) {
	p.at++ // the backslash
	c := p.peek()
	if c != 'u' {
		if simpleEscapes[c] == 0 {
			return dst, p.bad("an unknown escape")
		}
		p.at++
		return append(dst, simpleEscapes[c]), nil
	}
	r, err := p.hex4()
	if err != nil {
		return dst, err
	}
	if r >= 0xD800 && r < 0xDC00 && p.peek() == '\\' && p.at+1 < len(p.line) && p.line[p.at+1] == 'u' {
		back := p.at
		p.at++
		low, err := p.hex4()
		if err != nil {
			return dst, err
		}
		if low >= 0xDC00 && low < 0xE000 {
			return utf8.AppendRune(dst, 0x10000+(r-0xD800)<<10+(low-0xDC00)), nil
		}
		p.at = back
	}
	return utf8.AppendRune(dst, r), nil // half a pair becomes U+FFFD
}

// hex4 reads the u and four hexadecimal digits of an escape.
func (p *jsonObject) hex4() (rune, error) {
	p.at++ // the u
	if len(p.line)-p.at < 4 {
		return 0, p.bad("a short escape")
	}
	var r rune
	for range 4 {
		switch c := p.line[p.at]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, p.bad("a wrong escape")
		}
		p.at++
	}
	return r, nil
}
