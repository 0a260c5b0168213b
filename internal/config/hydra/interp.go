package hydra

import (
	"fmt"
	"strings"
)

// An interpolated text is a run of parts: literal text and ${...}. A ${...}
// refers to a node by path, or calls a resolver with arguments, which are
// elements in the same syntax as an override's values, with ${...} in them.
type (
	textExpr []textPart

	textPart struct {
		literal string
		ref     *reference // nil for literal text
	}

	// reference is ${path} or ${resolver:args}.
	reference struct {
		source   string
		resolver bool
		parts    []pathPart // of the path with its dots and brackets, or of the resolver's name
		args     []element
	}

	// pathPart is literal text or a nested ${...}, whose value it becomes.
	pathPart struct {
		text string
		ref  *reference
	}

	// element is a resolver's argument: exactly one field is set.
	element struct {
		tokens []elementToken // a primitive
		quoted *textExpr
		list   []element
		dict   []elementPair
	}

	elementToken struct {
		token
		ref *reference // for tokInterp
	}

	elementPair struct {
		key *Node
		val element
	}
)

// parseText parses text that holds ${...}, or escaped \${...}.
func parseText(s string) (textExpr, error) {
	p := &interpParser{s: s}
	expr, err := p.text(0)
	if err != nil {
		return nil, fmt.Errorf("the interpolation in '%s' is not valid: %w", s, err)
	}
	return expr, nil
}

// parseElement parses a value as resolvers take it: text, numbers, lists, maps.
func parseElement(s string) (element, error) {
	p := &interpParser{s: s}
	e, err := p.element()
	if err == nil && p.pos < len(s) {
		err = p.unexpected()
	}
	if err != nil {
		return element{}, fmt.Errorf("'%s' is not a valid value: %w", s, err)
	}
	return e, nil
}

type interpParser struct {
	s     string
	pos   int
	depth int
}

// maxNesting bounds nested brackets and references in one text.
const maxNesting = 200

func (p *interpParser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return fmt.Errorf("it is nested more than %d deep", maxNesting)
	}
	return nil
}

func (p *interpParser) unexpected() error {
	if p.pos >= len(p.s) {
		return fmt.Errorf("it ends too early: a } or a quote is missing")
	}
	return fmt.Errorf("unexpected '%c' at character %d", []rune(p.s[p.pos:])[0], len([]rune(p.s[:p.pos]))+1)
}

// text reads to the end, or to the closing quote mark where mark is not 0.
// Backslashes count only before ${ and before the mark: there, two stand for
// one, and a single one takes away the meaning of what follows.
func (p *interpParser) text(mark byte) (textExpr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var expr textExpr
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			expr = append(expr, textPart{literal: lit.String()})
			lit.Reset()
		}
	}
	for p.pos < len(p.s) {
		run := 0
		for p.pos+run < len(p.s) && p.s[p.pos+run] == '\\' {
			run++
		}
		rest := p.s[p.pos+run:]
		opens := strings.HasPrefix(rest, "${")
		closes := mark != 0 && rest != "" && rest[0] == mark
		switch {
		case opens && run%2 == 1:
			lit.WriteString(strings.Repeat(`\`, run/2) + "${")
			p.pos += run + 2
		case opens:
			lit.WriteString(strings.Repeat(`\`, run/2))
			flush()
			p.pos += run
			ref, err := p.reference()
			if err != nil {
				return nil, err
			}
			expr = append(expr, textPart{ref: ref})
		case closes && run%2 == 1:
			lit.WriteString(strings.Repeat(`\`, run/2) + string(mark))
			p.pos += run + 1
		case closes:
			lit.WriteString(strings.Repeat(`\`, run/2))
			flush()
			p.pos += run
			return expr, nil
		case run > 0:
			lit.WriteString(p.s[p.pos : p.pos+run])
			p.pos += run
		default:
			lit.WriteByte(p.s[p.pos])
			p.pos++
		}
	}
	if mark != 0 {
		return nil, p.unexpected()
	}
	flush()
	return expr, nil
}

// reference reads ${...}; the parser stands at its $.
func (p *interpParser) reference() (*reference, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	start := p.pos
	p.pos += 2
	p.pos += blankLen(p.s[p.pos:])
	ref := &reference{}
	for {
		rest := p.s[p.pos:]
		after := rest[blankLen(rest):]
		switch {
		case strings.HasPrefix(after, "}"):
			p.pos += len(rest) - len(after) + 1
			ref.source = p.s[start:p.pos]
			return ref, p.checkPath(ref)
		case strings.HasPrefix(after, ":"):
			p.pos += len(rest) - len(after) + 1
			p.pos += blankLen(p.s[p.pos:])
			ref.resolver = true
			if err := p.checkName(ref); err != nil {
				return nil, err
			}
			args, err := p.sequence("}")
			ref.args, ref.source = args, p.s[start:p.pos]
			return ref, err
		case strings.HasPrefix(rest, "${"):
			nested, err := p.reference()
			if err != nil {
				return nil, err
			}
			ref.parts = append(ref.parts, pathPart{ref: nested})
		case rest != "" && strings.IndexByte(".[]", rest[0]) >= 0:
			ref.parts = append(ref.parts, pathPart{text: rest[:1]})
			p.pos++
		default:
			n := strings.IndexAny(rest+"}", "\\{}()[]:. \t'\"")
			if n == 0 {
				return nil, p.unexpected()
			}
			ref.parts = append(ref.parts, pathPart{text: rest[:n]})
			p.pos += n
		}
	}
}

// checkPath checks the order of a path's parts: dots, a key, then .key or [key].
func (p *interpParser) checkPath(ref *reference) error {
	i := 0
	is := func(text string) bool {
		return i < len(ref.parts) && ref.parts[i].ref == nil && ref.parts[i].text == text
	}
	key := func() bool {
		if i < len(ref.parts) && !is(".") && !is("[") && !is("]") {
			i++
			return true
		}
		return false
	}
	bracket := func() bool {
		if !is("[") {
			return false
		}
		i++
		if !key() || !is("]") {
			return false
		}
		i++
		return true
	}
	for is(".") {
		i++
	}
	ok := key() || bracket()
	for ok && i < len(ref.parts) {
		if is(".") {
			i++
			ok = key()
		} else {
			ok = bracket()
		}
	}
	if !ok {
		return fmt.Errorf("'%s' does not name a key", ref.source)
	}
	return nil
}

// checkName checks a resolver's name: names or ${...} with dots between.
func (p *interpParser) checkName(ref *reference) error {
	ok := len(ref.parts)%2 == 1
	for i, part := range ref.parts {
		if i%2 == 1 {
			ok = ok && part.ref == nil && part.text == "."
		} else {
			ok = ok && (part.ref != nil || idLen(part.text) == len(part.text))
		}
	}
	if !ok {
		return fmt.Errorf("what stands before the : is not a resolver's name")
	}
	return nil
}
