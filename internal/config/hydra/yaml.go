package hydra

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// readYAML reads one YAML document. name is shown in messages. An empty
// document is an empty map.
func readYAML(data []byte, name string) (*Node, error) {
	return (&yamlReader{name: name}).read(data)
}

// readLiteral is readYAML for a file whose ${...} are plain text.
func readLiteral(data []byte, name string) (*Node, error) {
	return (&yamlReader{name: name, literal: true}).read(data)
}

func (r *yamlReader) read(data []byte) (*Node, error) {
	name := r.name
	r.anchors, r.open = map[string]*yaml.Node{}, map[*yaml.Node]bool{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		n := newMap()
		n.origin = Origin{File: name}
		return n, nil
	case err != nil:
		return nil, syntaxError(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s holds more than one YAML document: keep one a file", name)
	}
	return r.root(doc.Content[0])
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxError names the file and line of the parser's error. The parser counts
// the lines of its grammar's errors from 0.
func syntaxError(name string, err error) error {
	m := yamlErrorLine.FindStringSubmatch(err.Error())
	if m == nil || m[1] == "" {
		return fmt.Errorf("%s is not valid YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	line, _ := strconv.Atoi(m[1])
	if strings.HasPrefix(m[2], "did not find expected") {
		line++
	}
	return fmt.Errorf("%s:%d: this is not valid YAML: %s", name, line, m[2])
}

type yamlReader struct {
	name    string
	literal bool // ${ means nothing
	warn    func(string)
	anchors map[string]*yaml.Node
	open    map[*yaml.Node]bool // anchored nodes being read: an alias to one is a cycle
}

func (r *yamlReader) errorAt(y *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.name, y.Line, fmt.Sprintf(format, args...))
}

// root reads a document's top: a map or a list; lone text is a key without a
// value, as in OmegaConf.
func (r *yamlReader) root(y *yaml.Node) (*Node, error) {
	n, err := r.value(y)
	if err != nil {
		return nil, err
	}
	switch n.Kind {
	case Map, List:
		return n, nil
	case Null, String:
		m := newMap()
		m.origin = n.origin
		if n.Kind == String {
			m.set(textKey(n.S), newNull())
		}
		return m, nil
	default:
		return nil, r.errorAt(y, "the file holds %s; a configuration file holds a map", n.Kind)
	}
}

func (r *yamlReader) value(y *yaml.Node) (*Node, error) {
	if y.Kind != yaml.AliasNode && y.Anchor != "" {
		if first := r.anchors[y.Anchor]; first != nil && first != y {
			return nil, r.errorAt(y, "the anchor &%s is already defined in line %d", y.Anchor, first.Line)
		}
		r.anchors[y.Anchor] = y
	}
	if r.open[y] {
		return nil, r.errorAt(y, "an alias refers to the value that it stands in")
	}
	r.open[y] = true
	defer delete(r.open, y)

	var n *Node
	var err error
	switch y.Kind {
	case yaml.AliasNode:
		return r.alias(y)
	case yaml.MappingNode:
		n, err = r.mapping(y)
	case yaml.SequenceNode:
		n, err = r.sequence(y)
	default:
		n, err = r.scalar(y)
	}
	if err != nil {
		return nil, err
	}
	n.origin = Origin{File: r.name, Line: y.Line}
	return n, nil
}

func (r *yamlReader) alias(y *yaml.Node) (*Node, error) {
	if r.open[y.Alias] {
		return nil, r.errorAt(y, "the alias *%s refers to the value that it stands in", y.Value)
	}
	// The anchored value was read, and its anchor counted, before.
	copied := *y.Alias
	copied.Anchor = ""
	return r.value(&copied)
}

func (r *yamlReader) sequence(y *yaml.Node) (*Node, error) {
	n := newList()
	for _, item := range y.Content {
		v, err := r.value(item)
		if err != nil {
			return nil, err
		}
		n.append(v)
	}
	return n, nil
}

func (r *yamlReader) scalar(y *yaml.Node) (*Node, error) {
	plain := y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	tagged := y.Style&yaml.TaggedStyle != 0
	var n *Node
	var err error
	switch {
	case tagged:
		n, err = taggedScalar(y.Tag, y.Value)
	case plain:
		n, err = plainScalar(y.Value)
		r.warnSurprise(y, n)
	default:
		n = newString(y.Value)
	}
	if err != nil {
		return nil, r.errorAt(y, "%v", err)
	}
	if n.isInterpolation() && !r.literal {
		if _, err := parseText(n.S); err != nil {
			return nil, r.errorAt(y, "%v", err)
		}
	}
	return n, nil
}

// warnSurprise points out integers that only YAML 1.1 reads as such: 0755 is
// octal, 1:30 is ninety.
func (r *yamlReader) warnSurprise(y *yaml.Node, n *Node) {
	if r.warn == nil || n == nil || n.Kind != Int && n.Kind != Float {
		return
	}
	digits := strings.TrimLeft(y.Value, "+-")
	octal := n.Kind == Int && len(digits) > 1 && digits[0] == '0' && isDigit(digits[1])
	if octal || strings.Contains(digits, ":") {
		r.warn(fmt.Sprintf("%s:%d: YAML 1.1 reads %s as %s: quote it if it is text", r.name, y.Line, y.Value, pyStr(n)))
	}
}

// taggedScalar reads a scalar with an explicit tag such as !!str.
func taggedScalar(tag, s string) (*Node, error) {
	switch tag {
	case "!!str", "!":
		return newString(s), nil
	case "!!null":
		return newNull(), nil
	case "!!bool":
		if yamlBool.MatchString(s) {
			return yamlBoolValue(s), nil
		}
	case "!!int":
		if yamlInt.MatchString(s) {
			return yamlIntValue(s)
		}
	case "!!float":
		if f, ok := parseFloat(s); ok {
			return newFloat(f), nil
		}
		return yamlFloatValue(s)
	default:
		return nil, fmt.Errorf("the YAML tag %s is not supported", tag)
	}
	return nil, fmt.Errorf("%q does not fit its YAML tag %s", s, tag)
}

func (r *yamlReader) mapping(y *yaml.Node) (*Node, error) {
	n := newMap()
	seen := map[string]int{}
	var own [][2]*yaml.Node
	for i := 0; i < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Value == "<<" && k.Style == 0 && k.Kind == yaml.ScalarNode {
			if err := r.mergeKey(n, v); err != nil {
				return nil, err
			}
			continue
		}
		own = append(own, [2]*yaml.Node{k, v})
	}
	for _, kv := range own {
		key, err := r.key(kv[0])
		if err != nil {
			return nil, err
		}
		if line, dup := seen[key.id]; dup && key.val.Kind == String {
			return nil, r.errorAt(kv[0], "the key '%s' is already set in line %d: remove one", key.Text(), line)
		}
		seen[key.id] = kv[0].Line
		v, err := r.value(kv[1])
		if err != nil {
			return nil, err
		}
		v.origin.Line = kv[0].Line
		n.set(key, v)
	}
	return n, nil
}

func (r *yamlReader) key(y *yaml.Node) (Key, error) {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind != yaml.ScalarNode {
		return Key{}, r.errorAt(y, "a list or a map cannot be a key")
	}
	if y.Value == "=" {
		return textKey("="), nil
	}
	n, err := r.scalar(y)
	if err != nil {
		return Key{}, err
	}
	key, ok := newKey(n)
	if !ok {
		return Key{}, r.errorAt(y, "null cannot be a key: quote it")
	}
	return key, nil
}

// mergeKey copies the maps of a `<<` entry into n: of several the first wins.
func (r *yamlReader) mergeKey(n *Node, y *yaml.Node) error {
	v, err := r.value(y)
	if err != nil {
		return err
	}
	maps := []*Node{v}
	if v.Kind == List {
		maps = v.items
	}
	for i := len(maps) - 1; i >= 0; i-- {
		if maps[i].Kind != Map {
			return r.errorAt(y, "<< wants a map or a list of maps, not %s", maps[i].Kind)
		}
		for _, e := range maps[i].entries {
			n.set(e.key, e.val)
		}
	}
	return nil
}
