package hydra

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Kind is the type of a node's value.
type Kind int

// The kinds of value a configuration holds.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Map
	List
)

// String returns the kind's name as error messages use it.
func (k Kind) String() string {
	return [...]string{"null", "a truth value", "an integer", "a number", "text", "a map", "a list"}[k]
}

// missingText is the value that must be given before a run.
const missingText = "???"

// Node is a value in a configuration tree.
type Node struct {
	Kind Kind
	B    bool
	I    *big.Int // of any size: no precision is lost
	F    float64
	S    string

	entries []entry // of a map, in order
	items   []*Node // of a list

	parent *Node
	// opaque marks a list or map that a resolver returned as a plain value:
	// no interpolation reaches into it.
	opaque bool

	origin Origin
	past   []Past
}

type entry struct {
	key Key
	val *Node
}

// Origin is where a value came from.
type Origin struct {
	File     string // shown name of the file, or empty
	Line     int    // counted from 1; 0 when unknown
	Override string // the command-line override, or empty
}

// String names the origin for people: "model/base.yaml:12" or an override.
func (o Origin) String() string {
	switch {
	case o.Override != "":
		return fmt.Sprintf("the override '%s'", o.Override)
	case o.File == "":
		return "a resolver"
	case o.Line == 0:
		return o.File
	default:
		return o.File + ":" + strconv.Itoa(o.Line)
	}
}

// Past is a value that a later file or override replaced.
type Past struct {
	Origin Origin
	Text   string
}

func newNull() *Node           { return &Node{Kind: Null} }
func newBool(b bool) *Node     { return &Node{Kind: Bool, B: b} }
func newInt(i *big.Int) *Node  { return &Node{Kind: Int, I: i} }
func newFloat(f float64) *Node { return &Node{Kind: Float, F: f} }
func newString(s string) *Node { return &Node{Kind: String, S: s} }
func newMap() *Node            { return &Node{Kind: Map} }
func newList(items ...*Node) *Node {
	n := &Node{Kind: List}
	for _, it := range items {
		n.append(it)
	}
	return n
}

func (n *Node) isContainer() bool { return (n.Kind == Map || n.Kind == List) && !n.opaque }
func (n *Node) isMissing() bool   { return n.Kind == String && n.S == missingText }
func (n *Node) isInterpolation() bool {
	return n.Kind == String && strings.Contains(n.S, "${")
}

// Origin returns where the value came from.
func (n *Node) Origin() Origin { return n.origin }

// Past returns the values that this one replaced, oldest first.
func (n *Node) Past() []Past { return n.past }

// Len returns the number of entries of a map or items of a list.
func (n *Node) Len() int { return len(n.entries) + len(n.items) }

// Keys returns a map's keys in order.
func (n *Node) Keys() []string {
	keys := make([]string, len(n.entries))
	for i, e := range n.entries {
		keys[i] = e.key.Text()
	}
	return keys
}

// Get returns a map's value by the key's text, or nil.
func (n *Node) Get(key string) *Node {
	for _, e := range n.entries {
		if e.key.Text() == key {
			return e.val
		}
	}
	return nil
}

// Items returns a list's items.
func (n *Node) Items() []*Node { return n.items }

// child returns the value under exactly this key (text is not a number), or nil.
func (n *Node) child(k Key) *Node {
	for _, e := range n.entries {
		if e.key.id == k.id {
			return e.val
		}
	}
	return nil
}

// set puts a value under a key; a replaced key keeps its place.
func (n *Node) set(k Key, v *Node) {
	v.parent = n
	for i := range n.entries {
		if n.entries[i].key.id == k.id {
			n.entries[i].val = v
			return
		}
	}
	n.entries = append(n.entries, entry{k, v})
}

func (n *Node) remove(k Key) {
	for i := range n.entries {
		if n.entries[i].key.id == k.id {
			n.entries = append(n.entries[:i], n.entries[i+1:]...)
			return
		}
	}
}

func (n *Node) append(v *Node) {
	v.parent = n
	n.items = append(n.items, v)
}

// clone returns a deep copy without a parent.
func (n *Node) clone() *Node {
	c := *n
	c.parent = nil
	c.entries = nil
	c.items = nil
	for _, e := range n.entries {
		c.set(e.key, e.val.clone())
	}
	for _, it := range n.items {
		c.append(it.clone())
	}
	return &c
}

// root returns the tree's top.
func (n *Node) root() *Node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// setOrigin marks a whole subtree.
func (n *Node) setOrigin(o Origin) {
	n.origin = o
	for _, e := range n.entries {
		e.val.setOrigin(o)
	}
	for _, it := range n.items {
		it.setOrigin(o)
	}
}

// replaces records that n takes old's place, for `config --explain`.
func (n *Node) replaces(old *Node) {
	if old == nil || old == n {
		return
	}
	n.past = append(append([]Past{}, old.past...), Past{old.origin, brief(old)})
}

// path returns the node's dotted key, list items as [i].
func (n *Node) path() string {
	if n.parent == nil {
		return ""
	}
	up := n.parent.path()
	for i, it := range n.parent.items {
		if it == n {
			return fmt.Sprintf("%s[%d]", up, i)
		}
	}
	for _, e := range n.parent.entries {
		if e.val == n {
			return joinKey(up, e.key.Text())
		}
	}
	return up
}

func joinKey(up, key string) string {
	if up == "" {
		return key
	}
	return up + "." + key
}
