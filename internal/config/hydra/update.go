package hydra

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// updater applies the value overrides of a command line to a composed tree.
type updater struct {
	root     *Node
	resolver *resolver
	src      *source
	known    []string // override keys of the chosen groups
}

func (u *updater) apply(o *override) error {
	if o.pkg != nil {
		return fmt.Errorf("the override '%s' looks like a choice of a group, but there is no group '%s'%s", o.line, o.key, didYouMean(o.key, u.src.groups()))
	}
	val := toNode(o.value)
	val.setOrigin(Origin{Override: o.line})
	if err := checkTexts(val); err != nil {
		return fmt.Errorf("the override '%s': %w", o.line, err)
	}
	var err error
	switch o.kind {
	case del:
		return u.remove(o, val)
	case add:
		if err = u.mayAdd(o, val); err != nil {
			return err
		}
		err = u.update(o.key, val, true)
	case forceAdd:
		err = u.update(o.key, val, true)
	default:
		err = u.update(o.key, val, false)
	}
	var unknown *unknownKey
	if errors.As(err, &unknown) {
		return u.noKey(o, unknown)
	}
	if err != nil {
		return fmt.Errorf("the override '%s': %w", o.line, err)
	}
	return nil
}

// Override sets a key of a resolved tree as the override KEY=VALUE says, which
// must not hold an interpolation. The last part of the key may be new.
func (t *Tree) Override(line string) error {
	o, err := parseOverride(line)
	if err != nil {
		return err
	}
	value := toNode(o.value)
	value.setOrigin(Origin{Override: line})
	u := &updater{root: t.Root, resolver: newResolver(time.Time{}, nil)}
	return u.update(o.key, value, true)
}

// checkTexts refuses invalid interpolations where they are typed.
func checkTexts(n *Node) error {
	if n.isInterpolation() {
		_, err := parseText(n.S)
		return err
	}
	for _, e := range n.entries {
		if err := checkTexts(e.val); err != nil {
			return err
		}
	}
	for _, it := range n.items {
		if err := checkTexts(it); err != nil {
			return err
		}
	}
	return nil
}

// noKey explains an override of a key that does not exist.
func (u *updater) noKey(o *override, unknown *unknownKey) error {
	hint := ""
	group := strings.ReplaceAll(o.key, ".", "/")
	near := Nearest(o.key, allKeys(u.root, ""))
	parent, option := cutLast(group, "/")
	switch {
	case parent != "" && u.src.isGroup(parent) && contains(u.src.options(parent), option):
		hint = fmt.Sprintf(" (an option is chosen with %s=%s)", parent, option)
	case u.src.isGroup(group) && group != o.key:
		hint = fmt.Sprintf(" (groups take slashes: %s)", strings.Replace(o.line, o.key, group, 1))
	case strings.Contains(o.key, "/"):
		hint = fmt.Sprintf(" (values take dots: %s; there is no group '%s')", strings.ReplaceAll(o.key, "/", "."), o.key)
	case !strings.Contains(o.key, ".") && len(Nearest(o.key, u.src.groups())) > 0:
		hint = didYouMean(o.key, u.src.groups())
	case len(near) > 0:
		hint = fmt.Sprintf(" (did you mean '%s'?)", strings.Join(near, "' or '"))
	default:
		hint = didYouMean(unknown.name, unknown.at.Keys())
	}
	return fmt.Errorf("the override '%s': the key '%s' does not exist%s; to add it write +%s", o.line, unknown.key, hint, o.line)
}

func cutLast(s, sep string) (before, after string) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+len(sep):]
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// mayAdd refuses +key=value where the key has a value, unless the new value
// is a map or a list.
func (u *updater) mayAdd(o *override, val *Node) error {
	old, err := u.selectValue(o.key)
	if err != nil {
		return fmt.Errorf("the override '%s': %w", o.line, err)
	}
	if old == nil || old.Kind == Null || val.isContainer() {
		return nil
	}
	return fmt.Errorf("the override '%s' would add '%s', which exists already (%s): write %s to change it, or ++%s to add or change it",
		o.line, o.key, old.origin, o.line[1:], o.line[1:])
}

// selectValue returns the resolved node of a dotted key; nil where there is
// none, or where it is ???.
func (u *updater) selectValue(key string) (*Node, error) {
	n, err := u.resolver.find(u.root, key, false, map[*Node]bool{})
	var scalar *notContainer
	if errors.As(err, &scalar) {
		return nil, nil
	}
	if err != nil || n == nil || n.isMissing() {
		return nil, err
	}
	return n, nil
}

// update sets a dotted key. A scalar on the way becomes an empty map. Without
// force all keys must exist.
func (u *updater) update(key string, val *Node, force bool) error {
	keys := splitKey(key)
	at := u.root
	for _, k := range keys[:len(keys)-1] {
		next, err := u.resolver.step(at, k, false)
		if err != nil {
			return err
		}
		if next == nil || !next.isContainer() {
			if at.Kind == Map && next == nil && !force {
				return &unknownKey{joinKey(at.path(), k), at, k}
			}
			empty := newMap()
			empty.origin = val.origin
			if err := u.put(at, k, empty, force); err != nil {
				return err
			}
			next = empty
		}
		at = next
	}
	return u.set(at, keys[len(keys)-1], val, force)
}

// set gives a container's child a value: maps merge, everything else is
// replaced.
func (u *updater) set(at *Node, key string, val *Node, force bool) error {
	old, err := u.resolver.step(at, key, false)
	if err != nil {
		return err
	}
	if val.isContainer() && old != nil && old.isContainer() {
		m := &merger{resolver: u.resolver, strict: !force}
		return m.merge(old, val)
	}
	return u.put(at, key, val, force)
}

// put replaces a container's child.
func (u *updater) put(at *Node, key string, val *Node, force bool) error {
	if at.Kind == Map {
		k := textKey(key)
		old := at.child(k)
		if old == nil && !force {
			return &unknownKey{joinKey(at.path(), key), at, key}
		}
		val.replaces(old)
		at.set(k, val)
		return nil
	}
	i, ok := pyIndex(key)
	if !ok || i < 0 || i >= len(at.items) {
		return fmt.Errorf("the list '%s' has %d items and no item %s: give the whole list, %s=[...]", at.path(), len(at.items), key, at.path())
	}
	val.replaces(at.items[i])
	val.parent = at
	at.items[i] = val
	return nil
}

// remove deletes a key, with ~key=value only where it has that value.
func (u *updater) remove(o *override, val *Node) error {
	old, err := u.selectValue(o.key)
	if err != nil {
		return fmt.Errorf("the override '%s': %w", o.line, err)
	}
	if old == nil || old.Kind == Null {
		return fmt.Errorf("the override '%s' deletes nothing: '%s' does not exist or has no value%s", o.line, o.key,
			didYouMean(o.key, append(allKeys(u.root, ""), u.known...)))
	}
	if val.Kind != Null {
		full, err := u.resolver.resolved(old)
		if err != nil {
			return fmt.Errorf("the override '%s': %w", o.line, err)
		}
		if !equal(full, val) {
			return fmt.Errorf("the override '%s' deletes nothing: the value of '%s' is %s and not %s", o.line, o.key, brief(full), brief(val))
		}
	}
	keys := splitKey(o.key)
	parent, err := u.resolver.find(u.root, strings.Join(keys[:len(keys)-1], "."), false, map[*Node]bool{})
	if err != nil {
		return fmt.Errorf("the override '%s': %w", o.line, err)
	}
	if parent.Kind == List {
		return fmt.Errorf("the override '%s' would delete a list's item: give the whole list, %s=[...]", o.line, parent.path())
	}
	parent.remove(textKey(keys[len(keys)-1]))
	return nil
}
