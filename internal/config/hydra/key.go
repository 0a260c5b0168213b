package hydra

import (
	"math"
	"math/big"
	"strconv"
)

// Key is a map's key. As in Python, 1, 1.0 and true are one key, and "1" is
// another.
type Key struct {
	val *Node  // Bool, Int, Float or String
	id  string // equal for equal keys
}

func textKey(s string) Key { return Key{val: newString(s), id: "s" + s} }

// newKey makes a key of a scalar; ok is false for what cannot be one.
func newKey(n *Node) (k Key, ok bool) {
	switch n.Kind {
	case String:
		return textKey(n.S), true
	case Int:
		return Key{n, "n" + n.I.String()}, true
	case Bool:
		if n.B {
			return Key{n, "n1"}, true
		}
		return Key{n, "n0"}, true
	case Float:
		if f := n.F; f == math.Trunc(f) && !math.IsInf(f, 0) {
			i, _ := big.NewFloat(f).Int(nil)
			return Key{n, "n" + i.String()}, true
		}
		return Key{n, "n" + strconv.FormatFloat(n.F, 'g', -1, 64)}, true
	default:
		return Key{}, false
	}
}

// Text returns the key as JSON writes it.
func (k Key) Text() string {
	switch k.val.Kind {
	case String:
		return k.val.S
	case Bool:
		return strconv.FormatBool(k.val.B)
	default:
		return pyStr(k.val)
	}
}
