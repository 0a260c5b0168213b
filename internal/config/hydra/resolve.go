package hydra

import (
	"fmt"
	"strings"
	"time"
)

// resolver turns interpolations into values. One serves one configuration;
// now is the same instant for all of it.
type resolver struct {
	now   time.Time
	depth int
	// active holds the nodes being resolved: meeting one again is a cycle.
	active map[*Node]bool
	warn   func(string)
}

// maxDepth stops cycles that run through resolvers such as oc.select.
const maxDepth = 200

func newResolver(now time.Time, warn func(string)) *resolver {
	return &resolver{now: now, active: map[*Node]bool{}, warn: warn}
}

// deref returns the node that n stands for: itself, or what its interpolation
// resolves to.
func (r *resolver) deref(n *Node) (*Node, error) {
	if !n.isInterpolation() {
		return n, nil
	}
	if n.parent == nil {
		return nil, fmt.Errorf("'%s' stands outside of a configuration", n.S)
	}
	if r.depth++; r.depth > maxDepth {
		r.depth--
		return nil, fmt.Errorf("the interpolation '%s' is recursive: it leads back to itself", n.S)
	}
	defer func() { r.depth-- }()
	expr, err := parseText(n.S)
	if err != nil {
		return nil, err
	}
	out, err := r.text(expr, n)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// result wraps a resolver's plain value: interpolations reach neither into it
// nor, through it, to its neighbours.
func result(v, at *Node) *Node {
	if v.Kind == Map || v.Kind == List {
		v.opaque = true
	}
	v.parent = at.parent
	v.origin = at.origin
	return v
}

// text evaluates interpolated text for the node at: a lone reference keeps its
// type, anything else is text.
func (r *resolver) text(expr textExpr, at *Node) (*Node, error) {
	if len(expr) == 1 && expr[0].ref != nil {
		return r.reference(expr[0].ref, at)
	}
	var b strings.Builder
	for _, part := range expr {
		if part.ref == nil {
			b.WriteString(part.literal)
			continue
		}
		v, err := r.reference(part.ref, at)
		if err != nil {
			return nil, err
		}
		b.WriteString(pyStr(v))
	}
	return result(newString(b.String()), at), nil
}

func (r *resolver) reference(ref *reference, at *Node) (*Node, error) {
	var name strings.Builder
	for _, part := range ref.parts {
		if part.ref == nil {
			name.WriteString(part.text)
			continue
		}
		v, err := r.reference(part.ref, at)
		if err != nil {
			return nil, err
		}
		if v.Kind != String {
			return nil, fmt.Errorf("'%s' stands for a key's name and must be text, not %s", part.ref.source, pyRepr(v))
		}
		name.WriteString(v.S)
	}
	if !ref.resolver {
		return r.node(name.String(), at)
	}
	args := make([]*Node, len(ref.args))
	for i, e := range ref.args {
		v, err := r.element(e, at)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return r.call(name.String(), args, at)
}

// element evaluates a resolver's argument.
func (r *resolver) element(e element, at *Node) (*Node, error) {
	switch {
	case e.quoted != nil:
		v, err := r.text(*e.quoted, at)
		if err != nil {
			return nil, err
		}
		return newString(pyStr(v)), nil
	case e.list != nil:
		out := newList()
		for _, it := range e.list {
			v, err := r.element(it, at)
			if err != nil {
				return nil, err
			}
			out.append(r.adopt(v))
		}
		return out, nil
	case e.dict != nil:
		out := newMap()
		for _, pair := range e.dict {
			v, err := r.element(pair.val, at)
			if err != nil {
				return nil, err
			}
			key, ok := newKey(pair.key)
			if !ok {
				return nil, fmt.Errorf("null cannot be a key")
			}
			out.set(key, r.adopt(v))
		}
		return out, nil
	}
	return r.primitive(e.tokens, at)
}

// adopt returns a value that may be put into a new container: a node of the
// configuration is copied, with what it refers to resolved by its old place.
func (r *resolver) adopt(v *Node) *Node {
	if v.parent != nil {
		if full, err := r.resolved(v); err == nil {
			return full
		}
		return v.clone()
	}
	return v
}

func (r *resolver) primitive(ts []elementToken, at *Node) (*Node, error) {
	if len(ts) == 1 {
		if ts[0].kind == tokInterp {
			return r.reference(ts[0].ref, at)
		}
		return scalarToken(ts[0].token), nil
	}
	var b strings.Builder
	for _, t := range ts {
		if t.kind != tokInterp {
			b.WriteString(tokenText(t.token))
			continue
		}
		v, err := r.reference(t.ref, at)
		if err != nil {
			return nil, err
		}
		b.WriteString(pyStr(v))
	}
	return newString(b.String()), nil
}

// node looks a path up for the node at: from the root, or with leading dots
// from the map or list that at stands in.
func (r *resolver) node(path string, at *Node) (*Node, error) {
	from, rest, err := startOf(path, at.parent)
	if err != nil {
		return nil, err
	}
	found, err := r.find(from, rest, true, r.active)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("the interpolation key '%s' is not found%s", path, r.nearKey(from, rest))
	}
	for up := at.parent; up != nil; up = up.parent {
		if up == found {
			return nil, fmt.Errorf("'${%s}' is recursive: it refers to a map that it stands in", path)
		}
	}
	return found, nil
}

// resolved returns a copy of a tree with every interpolation replaced by its
// value. ??? stays.
func (r *resolver) resolved(n *Node) (*Node, error) {
	if r.depth++; r.depth > maxDepth {
		r.depth--
		return nil, fmt.Errorf("the value at '%s' is recursive: an interpolation leads back to it", n.path())
	}
	defer func() { r.depth-- }()
	value, err := r.deref(n)
	if err != nil {
		return nil, fmt.Errorf("%s (%s): %w", n.path(), n.origin, err)
	}
	out := *value
	out.parent, out.entries, out.items = nil, nil, nil
	out.past = n.past
	if value != n {
		out.origin = n.origin
	}
	if value.opaque {
		copied := value.clone()
		copied.opaque = false
		return copied, nil
	}
	for _, e := range value.entries {
		v, err := r.resolved(e.val)
		if err != nil {
			return nil, err
		}
		out.set(e.key, v)
	}
	for _, it := range value.items {
		v, err := r.resolved(it)
		if err != nil {
			return nil, err
		}
		out.append(v)
	}
	return &out, nil
}
