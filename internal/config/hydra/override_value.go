package hydra

import (
	"fmt"
	"strings"
)

// value is what stands after an override's = : a *Node for a scalar, quoted,
// list, *dict, or one of the sweeps *choice, *span, *interval and *glob. nil
// stands for null.
type value any

// quoted is text in quotes, which keeps its quotes when a sweep hands it on.
type quoted struct {
	text string
	mark byte
}

type list []value

// dict keeps the order of its keys; keys are scalars.
type dict struct {
	keys []*Node
	vals []value
}

func (d *dict) set(k *Node, v value) {
	for i, old := range d.keys {
		if equal(old, k) {
			d.vals[i] = v
			return
		}
	}
	d.keys = append(d.keys, k)
	d.vals = append(d.vals, v)
}

// valueParser reads the value part of an override by recursive descent.
type valueParser struct {
	s   string
	pos int
}

func (p *valueParser) errorf(format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", len([]rune(p.s[:p.pos]))+1, fmt.Sprintf(format, args...))
}

// parse reads an element, or several with commas between them (a sweep).
func (p *valueParser) parse() (value, error) {
	if p.pos == len(p.s) {
		return newString(""), nil
	}
	first, err := p.element()
	if err != nil {
		return nil, err
	}
	if p.pos == len(p.s) {
		return first, nil
	}
	sweep := &choice{simple: true, list: []value{first}}
	for p.take(",") {
		v, err := p.element()
		if err != nil {
			return nil, err
		}
		sweep.list = append(sweep.list, v)
	}
	if p.pos < len(p.s) {
		return nil, p.unexpected()
	}
	return sweep, nil
}

// unexpected explains the first character that fits nowhere.
func (p *valueParser) unexpected() error {
	p.pos += blankLen(p.s[p.pos:])
	if p.pos == len(p.s) {
		return p.errorf("blanks after a closing quote or bracket are not allowed")
	}
	c := []rune(p.s[p.pos:])[0]
	switch c {
	case '=':
		return p.errorf("an unquoted = : quote the value, key='a=b' (in a shell \"key='a=b'\")")
	case '{', '[', '(', ')', ']', '}', ',', ':':
		return p.errorf("unexpected '%c': a bracket or quote before it is missing or too much, or quote the value", c)
	case '\'', '"':
		if quoteLen(p.s[p.pos:]) == 0 {
			return p.errorf("the quote %c is never closed", c)
		}
		return p.errorf("a quote inside unquoted text: quote the whole value")
	default:
		return p.errorf("'%c' must be quoted: key='...' (in a shell \"key='...'\")", c)
	}
}

// take consumes a separator with the blanks around it: before all of them but
// opening brackets, after all of them but closing ones.
func (p *valueParser) take(sep string) bool {
	i := p.pos
	if sep != "[" && sep != "{" {
		i += blankLen(p.s[i:])
	}
	if !strings.HasPrefix(p.s[i:], sep) {
		return false
	}
	i += len(sep)
	if sep != "]" && sep != "}" && sep != ")" {
		i += blankLen(p.s[i:])
	}
	p.pos = i
	return true
}

func (p *valueParser) element() (value, error) {
	switch {
	case p.take("["):
		return p.listValue()
	case p.take("{"):
		return p.dictValue()
	}
	if n := idLen(p.s[p.pos:]); n > 0 && plainToken(p.s[p.pos:]).kind == tokID {
		start := p.pos
		p.pos += n
		if p.take("(") {
			return p.call(p.s[start : start+n])
		}
		p.pos = start
	}
	return p.primitive()
}

func (p *valueParser) listValue() (value, error) {
	l := list{}
	if p.take("]") {
		return l, nil
	}
	for {
		v, err := p.element()
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		if p.take("]") {
			return l, nil
		}
		if !p.take(",") {
			return nil, p.open("[", "]")
		}
	}
}

func (p *valueParser) dictValue() (value, error) {
	d := &dict{}
	if p.take("}") {
		return d, nil
	}
	for {
		key, err := p.primitiveOf(p.tokens(false))
		if err != nil {
			return nil, err
		}
		if !p.take(":") {
			return nil, p.open("{", "}")
		}
		v, err := p.element()
		if err != nil {
			return nil, err
		}
		k := toNode(key)
		if k.Kind == Null {
			return nil, p.errorf("null cannot be a key")
		}
		d.set(k, v)
		if p.take("}") {
			return d, nil
		}
		if !p.take(",") {
			return nil, p.open("{", "}")
		}
	}
}

// open explains a bracket without its end.
func (p *valueParser) open(opening, closing string) error {
	if p.pos == len(p.s) {
		return p.errorf("the %s has no closing %s", opening, closing)
	}
	return p.unexpected()
}

// primitive reads quoted text, or a run of unquoted tokens.
func (p *valueParser) primitive() (value, error) {
	rest := p.s[p.pos:]
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		n := quoteLen(rest)
		if n == 0 {
			return nil, p.errorf("the quote %c is never closed", rest[0])
		}
		p.pos += n
		return quoted{unquote(rest[:n]), rest[0]}, nil
	}
	return p.primitiveOf(p.tokens(true))
}

// tokens collects the unquoted tokens of a primitive, or of a dict's key,
// which takes neither : nor ${}.
func (p *valueParser) tokens(full bool) []token {
	var ts []token
	for p.pos < len(p.s) {
		rest := p.s[p.pos:]
		t := plainToken(rest)
		blank := blankLen(rest)
		after := rest[blank:]
		switch {
		case full && strings.HasPrefix(after, ":"):
			t = token{tokColon, rest[:blank+1+blankLen(after[1:])]}
		case after != "" && strings.IndexByte(",()]}=:", after[0]) >= 0:
			return ts
		case full && interpolationLen(rest) > 0:
			t = token{tokInterp, rest[:interpolationLen(rest)]}
		}
		if t.kind == tokNone {
			return ts
		}
		ts = append(ts, t)
		p.pos += len(t.text)
	}
	return ts
}

// primitiveOf returns a lone token's typed value, several tokens' text.
func (p *valueParser) primitiveOf(ts []token) (value, error) {
	if len(ts) == 0 {
		if p.pos == len(p.s) {
			return nil, p.errorf("a value is missing")
		}
		return nil, p.unexpected()
	}
	if ts[0].kind == tokSpace {
		ts = ts[1:]
	}
	if len(ts) > 0 && ts[len(ts)-1].kind == tokSpace {
		ts = ts[:len(ts)-1]
	}
	switch len(ts) {
	case 0:
		return nil, p.errorf("a value of blanks only: quote it")
	case 1:
		return scalarToken(ts[0]), nil
	}
	var b strings.Builder
	for _, t := range ts {
		if t.kind == tokEscape {
			b.WriteString(unescape(t.text))
		} else {
			b.WriteString(t.text)
		}
	}
	return newString(b.String()), nil
}

// toNode converts a value to a node; sweeps have no node.
func toNode(v value) *Node {
	switch v := v.(type) {
	case nil:
		return newNull()
	case *Node:
		return v.clone()
	case quoted:
		return newString(v.text)
	case list:
		n := newList()
		for _, it := range v {
			n.append(toNode(it))
		}
		return n
	case *dict:
		n := newMap()
		for i, k := range v.keys {
			key, _ := newKey(k) // updates check keys first
			n.set(key, toNode(v.vals[i]))
		}
		return n
	default:
		return newNull()
	}
}
