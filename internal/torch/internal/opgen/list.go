package main

import (
	"fmt"
	"os"
	"strings"
)

// op is one line of ops.txt joined with its signature.
type op struct {
	*schema
	goName string
	method bool
	kept   []keptArg // in Go's order
}

type keptArg struct {
	arg
	goName   string
	variadic bool
	plain    bool // an optional argument given as a plain value
}

// cName is the shim's name; two Go functions on one operator differ in what they keep.
func (o *op) cName() string {
	return "agi_" + strings.TrimLeft(strings.ReplaceAll(o.name, ".", "_"), "_") + "__" + o.goName
}

// aten is the operator's name without its overload.
func (o *op) aten() string {
	base, _, _ := strings.Cut(o.name, ".")
	return base
}

// inPlace tells whether the result is the first argument itself.
func (o *op) inPlace() bool {
	return strings.HasSuffix(o.aten(), "_")
}

func readOps(path string, schemas map[string]*schema) ([]*op, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var ops []*op
	seen := map[string]bool{}
	for n, line := range strings.Split(string(raw), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		o, err := readOp(fields, schemas)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		if seen[o.goName] {
			return nil, fmt.Errorf("%s:%d: %s is listed twice", path, n+1, o.goName)
		}
		seen[o.goName] = true
		ops = append(ops, o)
	}
	return ops, nil
}

func readOp(fields []string, schemas map[string]*schema) (*op, error) {
	if len(fields) < 3 {
		return nil, fmt.Errorf("expected an operator, a Go name and its arguments, got %q", strings.Join(fields, " "))
	}
	s := schemas[fields[0]]
	if s == nil {
		return nil, fmt.Errorf("native_functions.yaml has no operator %q", fields[0])
	}
	name, isFunc := strings.CutPrefix(fields[1], "func:")
	o := &op{schema: s, goName: name}
	for _, field := range fields[2:] {
		k, err := readKept(field, s)
		if err != nil {
			return nil, err
		}
		o.kept = append(o.kept, k)
	}
	o.method = !isFunc && o.kept[0].name == "self" && o.kept[0].typ == "Tensor"
	if !o.method && !isFunc {
		return nil, fmt.Errorf("%s: the first argument is not self: write func:%s", s.name, name)
	}
	for _, a := range s.args {
		if a.def == "" && !o.keeps(a.name) {
			if _, err := defaultOf(a); err != nil {
				return nil, fmt.Errorf("%s: argument %s has no default and must be kept", s.name, a.name)
			}
		}
	}
	return o, nil
}

func readKept(field string, s *schema) (keptArg, error) {
	var k keptArg
	field, k.variadic = strings.CutSuffix(field, "...")
	field, k.plain = strings.CutSuffix(field, "!")
	name, goName, renamed := strings.Cut(field, "=")
	if !renamed {
		goName = camel(name)
	}
	k.goName = goName
	for _, a := range s.args {
		if a.name == name {
			k.arg = a
			return k, nil
		}
	}
	return k, fmt.Errorf("%s has no argument %q: %s", s.name, name, s.text)
}

func (o *op) keeps(name string) bool {
	for _, k := range o.kept {
		if k.name == name {
			return true
		}
	}
	return false
}

func (o *op) kept1(name string) *keptArg {
	for i := range o.kept {
		if o.kept[i].name == name {
			return &o.kept[i]
		}
	}
	return nil
}

// camel turns "padding_idx" into "paddingIdx".
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts {
		if i > 0 && p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
