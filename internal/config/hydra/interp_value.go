package hydra

import "strings"

// sequence reads elements with commas between them up to a closing bracket.
// An element left out is the empty text.
func (p *interpParser) sequence(closing string) ([]element, error) {
	items := []element{}
	if p.take(closing) {
		return items, nil
	}
	empty := element{quoted: &textExpr{}}
	for {
		switch {
		case p.take(","):
			items = append(items, empty)
			if p.take(closing) {
				return append(items, empty), nil
			}
			continue
		case p.take(closing):
			return append(items, empty), nil
		}
		e, err := p.element()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if p.take(closing) {
			return items, nil
		}
		if !p.take(",") {
			return nil, p.unexpected()
		}
	}
}

// take consumes a separator and the blanks around it.
func (p *interpParser) take(sep string) bool {
	rest := p.s[p.pos:]
	if sep != "[" && sep != "{" {
		rest = rest[blankLen(rest):]
	}
	if !strings.HasPrefix(rest, sep) {
		return false
	}
	rest = rest[len(sep):]
	if sep != "]" && sep != "}" {
		rest = rest[blankLen(rest):]
	}
	p.pos = len(p.s) - len(rest)
	return true
}

func (p *interpParser) element() (element, error) {
	if err := p.enter(); err != nil {
		return element{}, err
	}
	defer func() { p.depth-- }()
	rest := p.s[p.pos:]
	switch {
	case p.take("["):
		items, err := p.sequence("]")
		return element{list: items}, err
	case p.take("{"):
		return p.pairs()
	case rest != "" && (rest[0] == '\'' || rest[0] == '"'):
		p.pos++
		expr, err := p.text(rest[0])
		p.pos++
		return element{quoted: &expr}, err
	}
	tokens, err := p.tokens(true)
	if err == nil && len(tokens) == 0 {
		err = p.unexpected()
	}
	return element{tokens: tokens}, err
}

func (p *interpParser) pairs() (element, error) {
	e := element{dict: []elementPair{}}
	if p.take("}") {
		return e, nil
	}
	for {
		tokens, err := p.tokens(false)
		if err != nil {
			return e, err
		}
		if len(tokens) == 0 || !p.take(":") {
			return e, p.unexpected()
		}
		val, err := p.element()
		if err != nil {
			return e, err
		}
		e.dict = append(e.dict, elementPair{plainValue(tokens), val})
		if p.take("}") {
			return e, nil
		}
		if !p.take(",") {
			return e, p.unexpected()
		}
	}
}

// tokens reads a primitive, or a map's key, which takes neither : nor ${}.
func (p *interpParser) tokens(full bool) ([]elementToken, error) {
	var ts []elementToken
	for p.pos < len(p.s) {
		rest := p.s[p.pos:]
		blank := blankLen(rest)
		after := rest[blank:]
		switch {
		case full && strings.HasPrefix(rest, "${"):
			ref, err := p.reference()
			if err != nil {
				return nil, err
			}
			ts = append(ts, elementToken{token{kind: tokInterp}, ref})
			continue
		case full && strings.HasPrefix(after, ":"):
			text := rest[:blank+1+blankLen(after[1:])]
			ts = append(ts, elementToken{token: token{tokColon, text}})
			p.pos += len(text)
			continue
		case after != "" && strings.IndexByte(",]}:", after[0]) >= 0:
			return ts, nil
		}
		t := plainToken(rest)
		if t.kind == tokNone {
			return ts, nil
		}
		ts = append(ts, elementToken{token: t})
		p.pos += len(t.text)
	}
	return ts, nil
}

// plainValue is the value of tokens without references: typed where there is
// one, else their text.
func plainValue(ts []elementToken) *Node {
	if len(ts) == 1 {
		return scalarToken(ts[0].token)
	}
	var b strings.Builder
	for _, t := range ts {
		b.WriteString(tokenText(t.token))
	}
	return newString(b.String())
}

func tokenText(t token) string {
	if t.kind == tokEscape {
		return unescape(t.text)
	}
	return t.text
}
