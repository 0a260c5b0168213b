package data

import (
	"errors"
	"fmt"
)

// jsonObject reads one JSON object and picks one field of it. It checks the
// whole of the line (RFC 8259) but makes no values of what it does not need.
// Bytes inside strings that are not UTF-8 are kept as they are.
type jsonObject struct {
	line  []byte
	at    int
	depth int
}

// maxJSONDepth bounds nesting, so that no line can exhaust the stack.
const maxJSONDepth = 1000

var (
	errNotObject = errors.New("is not a JSON object")
	errNoField   = errors.New("field is missing")
	errNotString = errors.New("field is not a string")
)

// textField appends the string in field of the object that line holds to dst.
// It returns errNoField or errNotString where the object is valid but has no
// such string, and another error where line is not one valid object. Of equal
// names the last counts.
func textField(dst, line []byte, field string) ([]byte, error) {
	p := jsonObject{line: line}
	p.space()
	if p.peek() != '{' {
		return dst, errNotObject
	}
	found := errNoField
	text := dst
	err := p.object(func(key []byte) error {
		if string(key) != field {
			return p.skipValue()
		}
		if p.peek() != '"' {
			found = errNotString
			return p.skipValue()
		}
		found = nil
		var err error
		text, err = p.string(dst)
		return err
	})
	if err != nil {
		return dst, err
	}
	if p.space(); p.at != len(p.line) {
		return dst, p.bad("text after the object")
	}
	return text, found
}

func (p *jsonObject) bad(what string) error {
	return fmt.Errorf("is not a JSON object: %s at byte %d", what, p.at+1)
}

// peek returns the next byte, 0 at the end (no valid JSON holds a bare NUL).
func (p *jsonObject) peek() byte {
	if p.at < len(p.line) {
		return p.line[p.at]
	}
	return 0
}

func (p *jsonObject) space() {
	for p.at < len(p.line) {
		switch p.line[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// object reads an object; value is called with each name and reads its value.
func (p *jsonObject) object(value func(key []byte) error) error {
	if p.depth++; p.depth > maxJSONDepth {
		return p.bad("too deeply nested")
	}
	defer func() { p.depth-- }()
	p.at++ // the opening brace
	if p.space(); p.peek() == '}' {
		p.at++
		return nil
	}
	var key []byte
	for {
		p.space()
		if p.peek() != '"' {
			return p.bad("no name")
		}
		var err error
		if key, err = p.string(key[:0]); err != nil {
			return err
		}
		if p.space(); p.peek() != ':' {
			return p.bad("no colon")
		}
		p.at++
		p.space()
		if err := value(key); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			return nil
		default:
			return p.bad("no comma or closing brace")
		}
	}
}

func (p *jsonObject) array() error {
	if p.depth++; p.depth > maxJSONDepth {
		return p.bad("too deeply nested")
	}
	defer func() { p.depth-- }()
	p.at++ // the opening bracket
	if p.space(); p.peek() == ']' {
		p.at++
		return nil
	}
	for {
		p.space()
		if err := p.skipValue(); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			return nil
		default:
			return p.bad("no comma or closing bracket")
		}
	}
}

func (p *jsonObject) skipValue() error {
	switch c := p.peek(); {
	case c == '{':
		return p.object(func([]byte) error { return p.skipValue() })
	case c == '[':
		return p.array()
	case c == '"':
		_, err := p.string(nil)
		return err
	case c == 't':
		return p.word("true")
	case c == 'f':
		return p.word("false")
	case c == 'n':
		return p.word("null")
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	default:
		return p.bad("no value")
	}
}

func (p *jsonObject) word(w string) error {
	if len(p.line)-p.at < len(w) || string(p.line[p.at:p.at+len(w)]) != w {
		return p.bad("no value")
	}
	p.at += len(w)
	return nil
}

func (p *jsonObject) number() error {
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return p.bad("no number")
	}
	if p.peek() == '.' {
		if p.at++; !p.digits() {
			return p.bad("no number")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return p.bad("no number")
		}
	}
	return nil
}

func (p *jsonObject) digits() bool {
	from := p.at
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at > from
}
