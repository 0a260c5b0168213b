package hydra

import (
	"fmt"
	"strings"
)

// overrideType is what an override does.
type overrideType int

const (
	change   overrideType = iota // key=value
	add                          // +key=value
	forceAdd                     // ++key=value
	del                          // ~key, ~key=value
)

// override is one parsed command-line override.
type override struct {
	kind    overrideType
	key     string  // a dotted key, or a group with slashes
	pkg     *string // of group@package; nil without @
	value   value   // nil for null and for ~key
	isSweep bool
	simple  bool // a sweep written as a,b
	line    string
}

// name returns the override's key with its prefix and package: what a later
// override must equal to replace this one in a sweep.
func (o *override) name() string {
	return [...]string{"", "+", "++", "~"}[o.kind] + o.target()
}

// target returns the key or group@package without a prefix.
func (o *override) target() string {
	if o.pkg == nil {
		return o.key
	}
	return o.key + "@" + *o.pkg
}

// parseOverrides parses a command line's overrides.
func parseOverrides(lines []string) ([]*override, error) {
	var all []*override
	for _, line := range lines {
		o, err := parseOverride(line)
		if err != nil {
			return nil, fmt.Errorf("cannot read the override '%s': %w", line, err)
		}
		if o.key == "hydra" || strings.HasPrefix(o.key, "hydra.") || strings.HasPrefix(o.key, "hydra/") {
			return nil, fmt.Errorf("the override '%s' is Hydra's own setting, which does not exist here: use run.dir for the folder and this program's flags for the rest", line)
		}
		all = append(all, o)
	}
	return all, nil
}

func parseOverride(line string) (*override, error) {
	o := &override{line: line}
	rest := line
	switch {
	case strings.HasPrefix(rest, "~"):
		o.kind, rest = del, rest[1:]
	case strings.HasPrefix(rest, "++"):
		o.kind, rest = forceAdd, rest[2:]
	case strings.HasPrefix(rest, "+"):
		o.kind, rest = add, rest[1:]
	}
	rest, err := o.parseKey(rest)
	if err != nil {
		return nil, err
	}
	if rest == "" {
		if o.kind == del {
			return o, nil
		}
		return nil, fmt.Errorf("it has no value: write %s=VALUE", o.name())
	}
	if rest[0] != '=' {
		return nil, unexpectedInKey(line, rest)
	}
	p := &valueParser{s: line, pos: len(line) - len(rest) + 1}
	p.pos += blankLen(p.s[p.pos:])
	o.value, err = p.parse()
	if err != nil {
		return nil, err
	}
	switch v := o.value.(type) {
	case *choice:
		o.isSweep, o.simple = true, v.simple
	case *span, *interval, *glob:
		o.isSweep = true
	}
	return o, nil
}

func unexpectedInKey(line, rest string) error {
	return fmt.Errorf("character %d, '%c', cannot stand in a key (letters, digits, _ - and $ can, with dots between the parts)",
		len([]rune(line))-len([]rune(rest))+1, []rune(rest)[0])
}

// parseKey reads KEY, GROUP/GROUP or either with @PACKAGE, and returns what
// follows.
func (o *override) parseKey(s string) (string, error) {
	n, slash := keyLen(s), false
	for n == idLen(s[:n]) && n > 0 || slash {
		if n == len(s) || s[n] != '/' {
			break
		}
		part := idLen(s[n+1:])
		if part == 0 {
			return "", fmt.Errorf("a group's name is missing after '%s'", s[:n+1])
		}
		n, slash = n+1+part, true
	}
	o.key = s[:n]
	s = s[n:]
	if strings.HasPrefix(s, "@") {
		p := keyLen(s[1:])
		pkg := s[1 : 1+p]
		o.pkg = &pkg
		s = s[1+p:]
	}
	return s, nil
}

// keyLen measures the longest dotted key, or a single name.
func keyLen(s string) int {
	n := keyPartLen(s, true)
	first := n
	if first == 0 {
		first = keyPartLen(s, false) // a number, only before a dot
	}
	end := first
	for end > 0 && end < len(s) && s[end] == '.' {
		part := max(keyPartLen(s[end+1:], true), keyPartLen(s[end+1:], false))
		if part == 0 {
			break
		}
		end += 1 + part
	}
	if end > first {
		return end
	}
	return n
}

// keyPartLen measures one part of a dotted key: a name, which may hold $, or
// an index.
func keyPartLen(s string, name bool) int {
	if !name {
		return intLen(s)
	}
	if s == "" || !isLetter(s[0]) && s[0] != '_' && s[0] != '$' {
		return 0
	}
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || strings.IndexByte("_-$", s[n]) >= 0) {
		n++
	}
	return n
}
