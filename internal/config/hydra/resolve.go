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

// startOf splits leading dots off: none is the root, one the container itself,
// each further one its parent.
func startOf(path string, container *Node) (*Node, string, error) {
	if !strings.HasPrefix(path, ".") {
		return container.root(), path, nil
	}
	from, rest := container, path[1:]
	for strings.HasPrefix(rest, ".") {
		if from = from.parent; from == nil {
			return nil, "", fmt.Errorf("'%s' leads above the configuration's top", path)
		}
		rest = rest[1:]
	}
	return from, rest, nil
}

// find walks a path of keys from a container and resolves what it finds; nil
// where a key does not exist. refuseMissing makes ??? on the way an error.
func (r *resolver) find(from *Node, path string, refuseMissing bool, active map[*Node]bool) (*Node, error) {
	if path == "" {
		return from, nil
	}
	keys := splitKey(path)
	at := from
	for i, key := range keys {
		next, err := r.step(at, key, refuseMissing)
		if err != nil || next == nil {
			return nil, err
		}
		last := i == len(keys)-1
		if last {
			if active[next] {
				return nil, fmt.Errorf("the interpolation of '%s' is recursive: it leads back to itself", next.path())
			}
			if next.isInterpolation() {
				active[next] = true
				defer delete(active, next)
			}
		}
		if next, err = r.deref(next); err != nil {
			return nil, err
		}
		if !last && !next.isContainer() {
			return nil, &notContainer{strings.Join(keys[:i+1], "."), keys[i+1]}
		}
		at = next
	}
	return at, nil
}

// notContainer is the error for a path through a scalar.
type notContainer struct{ path, key string }

func (e *notContainer) Error() string {
	return fmt.Sprintf("'%s' is neither a map nor a list and cannot contain '%s'", e.path, e.key)
}

// step returns a container's child without resolving it, nil where there is
// none.
func (r *resolver) step(at *Node, key string, refuseMissing bool) (*Node, error) {
	var next *Node
	if at.Kind == List {
		i, ok := pyIndex(key)
		if !ok {
			return nil, fmt.Errorf("'%s' is no index of the list '%s'", key, at.path())
		}
		if i >= 0 && i < len(at.items) {
			next = at.items[i]
		}
	} else {
		next = at.child(textKey(key))
	}
	if next != nil && next.isMissing() && refuseMissing {
		return nil, fmt.Errorf("'%s' has no value yet (???): set %s=VALUE", next.path(), next.path())
	}
	return next, nil
}

// splitKey splits a path such as a.b, a[b] or [a].b into its keys.
func splitKey(path string) []string {
	end := 0
	for end < len(path) && path[end] == '.' {
		end++
	}
	for end < len(path) && path[end] != '.' && path[end] != '[' {
		end++
	}
	keys := strings.Split(path[:end], ".")
	rest := path[end:]
	if strings.HasPrefix(rest, "[") && keys[len(keys)-1] == "" {
		keys = keys[:len(keys)-1]
	}
	for rest != "" {
		if rest[0] == '[' {
			closing := strings.IndexByte(rest, ']')
			if closing < 0 {
				return append(keys, rest)
			}
			keys = append(keys, rest[1:closing])
			rest = rest[closing+1:]
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		n := strings.IndexAny(rest+".", ".[")
		keys = append(keys, rest[:n])
		rest = rest[n:]
	}
	return keys
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
