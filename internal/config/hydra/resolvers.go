package hydra

import (
	"fmt"
	"os"
	"strings"
)

// call evaluates a resolver, ${name:args}, for the node at.
func (r *resolver) call(name string, args []*Node, at *Node) (*Node, error) {
	wants := func(low, high int) error {
		if len(args) < low || len(args) > high {
			return fmt.Errorf("${%s:...} has %d arguments; it takes %d to %d", name, len(args), low, high)
		}
		return nil
	}
	switch name {
	case "oc.env":
		if err := wants(1, 2); err != nil {
			return nil, err
		}
		return r.env(args, at)
	case "oc.decode":
		if err := wants(1, 1); err != nil {
			return nil, err
		}
		return r.decode(args[0], at)
	case "oc.select":
		if err := wants(1, 2); err != nil {
			return nil, err
		}
		return r.selectKey(args, at)
	case "oc.create":
		if err := wants(1, 1); err != nil {
			return nil, err
		}
		return r.create(args[0], at)
	case "oc.dict.keys", "oc.dict.values":
		if err := wants(1, 1); err != nil {
			return nil, err
		}
		return r.dictItems(name, args[0], at)
	case "oc.deprecated":
		if err := wants(1, 2); err != nil {
			return nil, err
		}
		return r.deprecated(args, at)
	case "now":
		if err := wants(1, 1); err != nil {
			return nil, err
		}
		if args[0].Kind != String {
			return nil, fmt.Errorf("${now:...} wants a strftime pattern such as %%Y-%%m-%%d")
		}
		return result(newString(strftime(r.now, args[0].S)), at), nil
	case "hydra":
		return nil, fmt.Errorf("${hydra:...} is not supported: use run.dir, ${now:...} or ${oc.env:...}")
	default:
		return nil, fmt.Errorf("the interpolation type '%s' is not supported (oc.env, oc.decode, oc.select, oc.create, oc.dict.keys, oc.dict.values, oc.deprecated and now are)%s",
			name, didYouMean(name, resolverNames))
	}
}

var resolverNames = []string{"oc.env", "oc.decode", "oc.select", "oc.create", "oc.dict.keys", "oc.dict.values", "oc.deprecated", "now"}

// env reads an environment variable: always text, the default too, but for null.
func (r *resolver) env(args []*Node, at *Node) (*Node, error) {
	if args[0].Kind != String {
		return nil, fmt.Errorf("${oc.env:...} wants a variable's name, not %s", pyRepr(args[0]))
	}
	if v, ok := os.LookupEnv(args[0].S); ok {
		return result(newString(v), at), nil
	}
	switch {
	case len(args) == 1:
		return nil, fmt.Errorf("the environment variable '%s' is not set: set it, or give a default as ${oc.env:%s,default}", args[0].S, args[0].S)
	case args[1].Kind == Null:
		return result(newNull(), at), nil
	default:
		return result(newString(pyStr(args[1])), at), nil
	}
}

// decode parses text as an element: numbers, lists and maps get their types.
func (r *resolver) decode(arg, at *Node) (*Node, error) {
	switch arg.Kind {
	case Null:
		return result(newNull(), at), nil
	case String:
	default:
		return nil, fmt.Errorf("${oc.decode:...} wants text or null, not %s", pyRepr(arg))
	}
	e, err := parseElement(arg.S)
	if err != nil {
		return nil, err
	}
	v, err := r.element(e, at)
	if err != nil {
		return nil, err
	}
	if v.parent != nil { // a node of the configuration: taken as it is
		return v, nil
	}
	return result(v, at), nil
}

// lookUp finds a key that a resolver was given, nil where there is none.
func (r *resolver) lookUp(name string, key, at *Node, refuseMissing bool) (*Node, error) {
	if key.Kind != String {
		return nil, fmt.Errorf("${%s:...} wants a key, not %s", name, pyRepr(key))
	}
	from, rest, err := startOf(key.S, at.parent)
	if err != nil {
		return nil, err
	}
	found, err := r.find(from, rest, refuseMissing, map[*Node]bool{})
	if _, scalar := err.(*notContainer); scalar {
		return nil, nil
	}
	return found, err
}

func (r *resolver) selectKey(args []*Node, at *Node) (*Node, error) {
	found, err := r.lookUp("oc.select", args[0], at, false)
	switch {
	case err != nil:
		return nil, err
	case found != nil && !found.isMissing():
		return found, nil
	case len(args) == 2 && args[1].parent != nil:
		return args[1], nil
	case len(args) == 2:
		return result(args[1], at), nil
	default:
		return result(newNull(), at), nil
	}
}

// create makes a map or a list that interpolations may reach into.
func (r *resolver) create(arg, at *Node) (*Node, error) {
	switch arg.Kind {
	case String:
		n, err := readYAML([]byte(arg.S), "the text of ${oc.create:...}")
		if err != nil {
			return nil, err
		}
		arg = n
	case Map, List:
		arg = arg.clone()
	case Null:
		arg = newNull()
	default:
		return nil, fmt.Errorf("${oc.create:...} wants a map or a list, not %s", pyRepr(arg))
	}
	arg.setOrigin(at.origin)
	clearOpaque(arg)
	arg.parent = at.parent
	return arg, nil
}

func clearOpaque(n *Node) {
	n.opaque = false
	for _, e := range n.entries {
		clearOpaque(e.val)
	}
	for _, it := range n.items {
		clearOpaque(it)
	}
}

func (r *resolver) dictItems(name string, key, at *Node) (*Node, error) {
	m, err := r.lookUp(name, key, at, true)
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, fmt.Errorf("${%s:%s}: the key '%s' is not found", name, key.S, key.S)
	case m.Kind != Map || m.opaque:
		return nil, fmt.Errorf("${%s:%s}: it is %s, not a map", name, key.S, m.Kind)
	}
	out := newList()
	for _, e := range m.entries {
		if name == "oc.dict.keys" {
			out.append(e.key.val.clone())
			continue
		}
		ref := "${" + key.S + "." + pyStr(e.key.val) + "}"
		if strings.HasPrefix(key.S, ".") {
			ref = "${." + ref[2:] // one level more, for the list
		}
		if _, err := parseText(ref); err != nil {
			return nil, err
		}
		out.append(newString(ref))
	}
	out.setOrigin(at.origin)
	out.parent = at.parent
	return out, nil
}

// deprecated returns another key's value and says that it should be used.
func (r *resolver) deprecated(args []*Node, at *Node) (*Node, error) {
	found, err := r.lookUp("oc.deprecated", args[0], at, false)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("${oc.deprecated:%s}: the key '%s' is not found", args[0].S, args[0].S)
	}
	message := "'$OLD_KEY' is deprecated. Change your code and config to use '$NEW_KEY'"
	if len(args) == 2 {
		if args[1].Kind != String {
			return nil, fmt.Errorf("${oc.deprecated:...} wants its message as text")
		}
		message = args[1].S
	}
	if r.warn != nil {
		r.warn(strings.NewReplacer("$OLD_KEY", at.path(), "$NEW_KEY", found.path()).Replace(message))
	}
	return found, nil
}
