package main

import (
	"fmt"
	"os"
	"strings"
)

// schema is one operator's signature, for instance
// "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor".
type schema struct {
	text    string // the whole signature, for the doc comments
	name    string // "add.Tensor"
	args    []arg
	returns []string // types, without alias marks
}

type arg struct {
	typ  string // without alias marks: "Tensor", "Tensor?", "int[1]?", "SymInt[]"
	name string
	def  string // the default as the yaml writes it; "" when there is none
}

// readSchemas reads the "- func:" lines of native_functions.yaml.
func readSchemas(path string) (map[string]*schema, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]*schema{}
	for _, line := range strings.Split(string(raw), "\n") {
		text, ok := strings.CutPrefix(line, "- func: ")
		if !ok {
			continue
		}
		s, err := parseSchema(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		all[s.name] = s
	}
	return all, nil
}

func parseSchema(text string) (*schema, error) {
	head, ret, ok := cutLast(text, " -> ")
	open := strings.Index(head, "(")
	if !ok || open < 0 || !strings.HasSuffix(head, ")") {
		return nil, fmt.Errorf("cannot read the signature %q", text)
	}
	s := &schema{text: text, name: head[:open]}
	for _, part := range splitTop(head[open+1 : len(head)-1]) {
		if part == "*" {
			continue
		}
		typ, rest, ok := cutLast(part, " ")
		if !ok {
			return nil, fmt.Errorf("cannot read the argument %q of %q", part, s.name)
		}
		name, def, _ := strings.Cut(rest, "=")
		s.args = append(s.args, arg{typ: dropAlias(typ), name: name, def: def})
	}
	if strings.HasPrefix(ret, "(") && strings.HasSuffix(ret, ")") && !strings.HasPrefix(ret, "(a") {
		ret = ret[1 : len(ret)-1]
	}
	for _, part := range splitTop(ret) {
		typ, _, _ := strings.Cut(dropAlias(part), " ")
		s.returns = append(s.returns, typ)
	}
	return s, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// splitTop splits at commas that stand outside brackets and drops the spaces.
func splitTop(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i, c := range s {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	if last := strings.TrimSpace(s[start:]); last != "" {
		parts = append(parts, last)
	}
	return parts
}

// dropAlias turns "Tensor(a!)[]" into "Tensor[]".
func dropAlias(typ string) string {
	for {
		i := strings.Index(typ, "(")
		j := strings.Index(typ, ")")
		if i < 0 || j < i {
			return typ
		}
		typ = typ[:i] + typ[j+1:]
	}
}
