package hydra

import (
	"fmt"
	"strings"
)

// call reads a function's arguments after its opening bracket and evaluates it.
func (p *valueParser) call(name string) (value, error) {
	start := p.pos
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	f, ok := functions[name]
	if !ok {
		p.pos = start
		return nil, p.errorf("there is no function '%s' (int, float, str, bool, choice, range, interval, glob, sort, shuffle and tag exist); if this is text, quote it", name)
	}
	v, err := f(args)
	if err != nil {
		return nil, fmt.Errorf("%s(): %w", name, err)
	}
	return v, nil
}

// arguments of a function call; quotes are dropped from top-level text.
type arguments struct {
	pos   []value
	named map[string]value
}

func (p *valueParser) arguments() (*arguments, error) {
	a := &arguments{named: map[string]value{}}
	if p.take(")") {
		return a, nil
	}
	for {
		name := p.argumentName()
		v, err := p.element()
		if err != nil {
			return nil, err
		}
		if q, ok := v.(quoted); ok {
			v = newString(q.text)
		}
		switch {
		case name != "":
			a.named[name] = v
		case len(a.named) > 0:
			return nil, p.errorf("a positional argument follows a named one")
		default:
			a.pos = append(a.pos, v)
		}
		if p.take(")") {
			return a, nil
		}
		if !p.take(",") {
			return nil, p.open("(", ")")
		}
	}
}

// argumentName consumes "name=" and returns the name, or "".
func (p *valueParser) argumentName() string {
	start := p.pos
	n := idLen(p.s[p.pos:])
	if n > 0 {
		p.pos += n
		if p.take("=") {
			return p.s[start : start+n]
		}
	}
	p.pos = start
	return ""
}

// bind assigns arguments to parameters by position and name; all parameters
// after the first required ones may be left out.
func (a *arguments) bind(required int, params ...string) ([]value, error) {
	if len(a.pos) > len(params) {
		return nil, fmt.Errorf("takes at most %d arguments (%s)", len(params), strings.Join(params, ", "))
	}
	bound := make([]value, len(params))
	copy(bound, a.pos)
	for name, v := range a.named {
		i := -1
		for j, p := range params {
			if p == name {
				i = j
			}
		}
		if i < 0 || i < len(a.pos) {
			return nil, fmt.Errorf("does not take the argument %s (its arguments: %s)", name, strings.Join(params, ", "))
		}
		bound[i] = v
	}
	for i := range required {
		if bound[i] == nil {
			return nil, fmt.Errorf("wants the argument %s", params[i])
		}
	}
	return bound, nil
}

// variadic returns the positional arguments, refusing names not in allowed.
func (a *arguments) variadic(allowed ...string) ([]value, error) {
	for name := range a.named {
		if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+name+" ") {
			return nil, fmt.Errorf("does not take the argument %s", name)
		}
	}
	return a.pos, nil
}
