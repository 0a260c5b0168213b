package hydra

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"

	"gopkg.in/yaml.v3"
)

// JSON returns the tree as indented JSON, keys in order. Floats that are not
// finite are the texts "inf", "-inf" and "nan".
func (t *Tree) JSON() []byte { return t.Root.JSON() }

// JSON returns the value as indented JSON.
func (n *Node) JSON() []byte {
	var b bytes.Buffer
	n.writeJSON(&b, "\n")
	b.WriteByte('\n')
	return b.Bytes()
}

// writeJSON writes a value; newline is a line's end and indentation, or empty
// for one line.
func (n *Node) writeJSON(b *bytes.Buffer, newline string) {
	inner := newline
	if newline != "" {
		inner += "  "
	}
	switch n.Kind {
	case Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(strings.ToLower(pyStr(n)))
	case Int:
		b.WriteString(n.I.String())
	case Float:
		if math.IsNaN(n.F) || math.IsInf(n.F, 0) {
			b.WriteString(`"` + pyFloat(n.F) + `"`)
			return
		}
		b.WriteString(pyFloat(n.F))
	case String:
		writeJSONText(b, n.S)
	case Map:
		b.WriteByte('{')
		for i, e := range n.entries {
			separate(b, i, inner)
			writeJSONText(b, e.key.Text())
			b.WriteString(": ")
			e.val.writeJSON(b, inner)
		}
		end(b, n.Len(), newline, '}')
	case List:
		b.WriteByte('[')
		for i, it := range n.items {
			separate(b, i, inner)
			it.writeJSON(b, inner)
		}
		end(b, n.Len(), newline, ']')
	}
}

func separate(b *bytes.Buffer, i int, newline string) {
	if i > 0 {
		b.WriteByte(',')
		if newline == "" {
			b.WriteByte(' ')
		}
	}
	b.WriteString(newline)
}

func end(b *bytes.Buffer, n int, newline string, bracket byte) {
	if n > 0 {
		b.WriteString(newline)
	}
	b.WriteByte(bracket)
}

func writeJSONText(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)       // text always encodes
	b.Truncate(b.Len() - 1) // the line end that the encoder adds
}

// YAML returns the tree as YAML that reads back as the same values, in YAML
// 1.1 and 1.2, with interpolations resolved.
func (t *Tree) YAML() []byte { return t.Root.YAML() }

// YAML returns the value as YAML.
func (n *Node) YAML() []byte {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	_ = enc.Encode(n.yamlNode()) // writing to memory does not fail
	_ = enc.Close()
	return b.Bytes()
}

func (n *Node) yamlNode() *yaml.Node {
	switch n.Kind {
	case Map:
		y := &yaml.Node{Kind: yaml.MappingNode}
		if len(n.entries) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, e := range n.entries {
			y.Content = append(y.Content, e.key.val.yamlNode(), e.val.yamlNode())
		}
		return y
	case List:
		y := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, it := range n.items {
			if it.Kind == Map || it.Kind == List {
				y.Style = 0
			}
			y.Content = append(y.Content, it.yamlNode())
		}
		if len(n.items) == 0 {
			y.Style = yaml.FlowStyle
		}
		return y
	case String:
		return yamlText(n.S)
	case Null:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strings.ToLower(pyStr(n))}
	case Int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: n.I.String()}
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: yamlFloatText(n.F)}
	}
}

// yamlFloatText writes a float with a point and a signed exponent, which both
// versions of YAML read as a float.
func yamlFloatText(f float64) string {
	s := pyFloat(f)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strings.Replace(strings.Replace(s, "inf", ".inf", 1), "nan", ".nan", 1)
	}
	if mantissa, exp, ok := strings.Cut(s, "e"); ok && !strings.Contains(mantissa, ".") {
		return mantissa + ".0e" + exp
	}
	return s
}

// yamlText quotes text that would read back as something else: unquoted, or
// as an interpolation, which a resolved configuration no longer holds.
func yamlText(s string) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	plain, err := plainScalar(s)
	if err != nil || plain.Kind != String || looksLikeDate(s) {
		y.Style = yaml.DoubleQuotedStyle
	}
	if strings.Contains(s, "\n") {
		y.Style = yaml.DoubleQuotedStyle
	}
	return y
}

// looksLikeDate tells text that other YAML readers take for a date.
func looksLikeDate(s string) bool {
	return len(s) >= 8 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3]) && s[4] == '-'
}

// brief writes a value in a few characters for a message.
func brief(n *Node) string {
	var b bytes.Buffer
	n.writeJSON(&b, "")
	s := b.String()
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

// Brief returns the value on one line, shortened where it is long.
func (n *Node) Brief() string { return brief(n) }
