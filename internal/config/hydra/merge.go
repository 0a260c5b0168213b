package hydra

import "fmt"

// merger merges maps the way OmegaConf does: maps key by key, everything else
// replaced. With strict, keys that do not exist yet are refused.
type merger struct {
	resolver *resolver
	strict   bool
}

// unknownKey is the error for a key that does not exist.
type unknownKey struct {
	key  string // full path
	at   *Node  // the map that lacks it
	name string
}

func (e *unknownKey) Error() string {
	return fmt.Sprintf("the key '%s' does not exist%s", e.key, didYouMean(e.name, e.at.Keys()))
}

// merge merges src into dst, both maps or both lists; src is left unusable.
func (m *merger) merge(dst, src *Node) error {
	if dst.Kind != src.Kind {
		return fmt.Errorf("%s is %s (%s) and cannot be merged with %s (%s): replace it by first deleting it, or give the same kind",
			orTop(dst.path()), dst.Kind, dst.origin, src.Kind, src.origin)
	}
	if dst.Kind == List {
		dst.replaces(dst.clone())
		dst.items = nil
		for _, it := range src.items {
			dst.append(it)
		}
		dst.origin = src.origin
		return nil
	}
	for _, e := range src.entries {
		if err := m.mergeEntry(dst, e.key, e.val); err != nil {
			return err
		}
	}
	return nil
}

func orTop(path string) string {
	if path == "" {
		return "the top of the configuration"
	}
	return path
}

func (m *merger) mergeEntry(dst *Node, key Key, val *Node) error {
	old := dst.child(key)
	if old == nil {
		if m.strict {
			return &unknownKey{joinKey(dst.path(), key.Text()), dst, key.Text()}
		}
		dst.set(key, val)
		return nil
	}
	if old.isInterpolation() {
		old = m.expand(dst, key, old)
	}
	switch {
	case old.isContainer() && val.isContainer():
		return m.merge(old, val)
	case val.isMissing(): // ??? asks for a value and takes none away
		return nil
	default:
		val.replaces(old)
		dst.set(key, val)
		return nil
	}
}

// expand replaces a reference to a map or list by a copy of it, so that the
// merge changes the copy and not what it refers to.
func (m *merger) expand(dst *Node, key Key, ref *Node) *Node {
	target, err := m.resolver.deref(ref)
	if err != nil || !target.isContainer() {
		return ref
	}
	copied := target.clone()
	copied.origin = ref.origin
	dst.set(key, copied)
	return copied
}
