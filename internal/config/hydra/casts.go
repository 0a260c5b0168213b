package hydra

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

func newInt64(i int64) *Node { return newInt(big.NewInt(i)) }

// caster converts one scalar.
type caster func(*Node) (*Node, error)

// castCall casts the one argument of int(), float(), str() or bool(), or all
// of several, which then are a sweep.
func castCall(a *arguments, cast caster) (value, error) {
	args, err := a.variadic("value")
	if err != nil {
		return nil, err
	}
	named, has := a.named["value"]
	switch {
	case has && len(args) > 0:
		return nil, fmt.Errorf("takes value= or a plain argument, not both")
	case has:
		return castValue(named, cast)
	case len(args) == 0:
		return nil, fmt.Errorf("wants a value")
	case len(args) == 1:
		return castValue(args[0], cast)
	}
	return castValue(&choice{simple: true, list: args}, cast)
}

// castValue casts every scalar of a value.
func castValue(v value, cast caster) (value, error) {
	switch v := v.(type) {
	case *Node:
		return cast(v)
	case quoted:
		return cast(newString(v.text))
	case list:
		return castList(v, cast)
	case *dict:
		vals, err := castList(v.vals, cast)
		return &dict{keys: v.keys, vals: vals}, err
	case *choice:
		vals, err := castList(v.list, cast)
		return &choice{simple: v.simple, list: vals}, err
	case *span:
		return castSpan(v, cast)
	case *interval:
		return v, nil
	default:
		return nil, fmt.Errorf("cannot convert this")
	}
}

func castList(l list, cast caster) (list, error) {
	var out list
	for _, v := range l {
		c, err := castValue(v, cast)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if out == nil {
		out = list{}
	}
	return out, nil
}

func castSpan(s *span, cast caster) (value, error) {
	out := &span{}
	for i, to := range []**Node{&out.start, &out.stop, &out.step} {
		n, err := cast([]*Node{s.start, s.stop, s.step}[i])
		if err != nil {
			return nil, err
		}
		if n.Kind != Int && n.Kind != Float {
			return nil, fmt.Errorf("a range can only be cast to int or float")
		}
		*to = n
	}
	return out, nil
}

func toBig(n *Node) *big.Int {
	switch {
	case n.Kind == Int:
		return n.I
	case n.B:
		return big.NewInt(1)
	default:
		return big.NewInt(0)
	}
}

func castInt(n *Node) (*Node, error) {
	switch n.Kind {
	case Bool, Int:
		return newInt(toBig(n)), nil
	case Float:
		if !math.IsNaN(n.F) && !math.IsInf(n.F, 0) {
			i, _ := big.NewFloat(n.F).Int(nil)
			return newInt(i), nil
		}
	case String:
		if i := parseInt(strings.TrimSpace(n.S)); i != nil {
			return newInt(i), nil
		}
	}
	return nil, fmt.Errorf("'%s' is not an integer", pyStr(n))
}

func castFloat(n *Node) (*Node, error) {
	switch n.Kind {
	case Float:
		return n, nil
	case Bool, Int:
		f, _ := bigFloat(n).Float64()
		if math.IsInf(f, 0) {
			return nil, fmt.Errorf("%s is too large for a float", pyStr(n))
		}
		return newFloat(f), nil
	case String:
		if f, ok := parseFloat(n.S); ok {
			return newFloat(f), nil
		}
	}
	return nil, fmt.Errorf("'%s' is not a number", pyStr(n))
}

func castStr(n *Node) (*Node, error) {
	switch n.Kind {
	case Null:
		return nil, fmt.Errorf("null has no text")
	case Bool:
		return newString(strings.ToLower(pyStr(n))), nil
	}
	return newString(pyStr(n)), nil
}

func castBool(n *Node) (*Node, error) {
	switch n.Kind {
	case String:
		switch strings.ToLower(n.S) {
		case "true":
			return newBool(true), nil
		case "false":
			return newBool(false), nil
		}
		return nil, fmt.Errorf("'%s' is neither true nor false", n.S)
	case Null:
		return newBool(false), nil
	case Float:
		return newBool(n.F != 0), nil // NaN counts as true
	default:
		return newBool(toBig(n).Sign() != 0), nil
	}
}
