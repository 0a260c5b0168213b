package hydra

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// prepare copies a file's defaults list, completes it with _self_ and with the
// groups of the command line, and notes its overrides.
func (b *treeBuilder) prepare(n *treeNode, file *configFile, interpolated bool) ([]*defaultItem, error) {
	var list []*defaultItem
	for _, d := range file.defaults {
		copied := *d
		if d.pkg != nil {
			pkg := *d.pkg
			copied.pkg = &pkg
		}
		list = append(list, &copied)
	}
	primary := n.item.primary
	if len(list) > 0 || primary && len(b.choices.appended) > 0 {
		hasSelf, plain := false, false
		for _, d := range list {
			plain = plain || !d.override
			if d.isSelf() && hasSelf {
				return nil, fmt.Errorf("%s:%d: _self_ stands twice in the defaults list of %s: keep one", file.name, d.line, n.item.configPath())
			}
			hasSelf = hasSelf || d.isSelf()
		}
		if !hasSelf && plain || len(list) == 0 {
			list = append(list, &defaultItem{path: "_self_"})
		}
	}
	if primary {
		list = append(list, b.choices.appended...)
	}
	return list, b.noteOverrides(n, file, list, interpolated)
}

// noteOverrides places the items and records "override" entries, which must
// stand at the list's end.
func (b *treeBuilder) noteOverrides(n *treeNode, file *configFile, list []*defaultItem, interpolated bool) error {
	config := n.item.configPath()
	var last *defaultItem
	for _, d := range list {
		if d.isSelf() {
			continue
		}
		d.place(n.item.groupPath(), n.item.finalPackage(true))
		if last != nil && !d.override && !d.appended {
			return fmt.Errorf("%s:%d: in %s, 'override %s: %s' stands before '%s': overrides must stand at the end of the defaults list",
				file.name, last.line, config, last.overrideKey(), text(last.choice), d.shown())
		}
		if !d.override {
			continue
		}
		last = d
		if interpolated {
			return fmt.Errorf("%s:%d: 'override %s' cannot stand in %s, whose choice is an interpolation", file.name, d.line, d.overrideKey(), config)
		}
		b.choices.addOverride(config, d)
	}
	return nil
}

func (d *defaultItem) shown() string {
	if !d.isGroup {
		return d.path
	}
	return d.overrideKey() + ": " + text(d.choice)
}

func (b *treeBuilder) expandAll(n *treeNode, list []*defaultItem, interpolated bool) error {
	var children []*treeNode // from the last to the first
	for i := len(list) - 1; i >= 0; i-- {
		d := list[i]
		switch {
		case d.isSelf():
			children = append(children, &treeNode{item: d, parent: n})
			continue
		case d.override:
			continue
		}
		if err := b.choices.apply(d); err != nil {
			return err
		}
		child := &treeNode{item: d, parent: n}
		switch {
		case d.isGroup && d.multiple:
			for j := len(d.options) - 1; j >= 0; j-- {
				one, err := b.option(n, d, d.options[j])
				if err != nil {
					return err
				}
				if err := b.expand(one, interpolated); err != nil {
					return err
				}
				children = append(children, one)
			}
			continue
		case d.isInterpolation(): // after all other choices are known
		default:
			if err := b.expand(child, interpolated); err != nil {
				return err
			}
		}
		children = append(children, child)
	}
	for i := len(children) - 1; i >= 0; i-- {
		n.children = append(n.children, children[i])
	}
	return nil
}

// option makes the node of one of several options of a group.
func (b *treeBuilder) option(n *treeNode, d *defaultItem, name string) (*treeNode, error) {
	if strings.Contains(name, "${") {
		return nil, fmt.Errorf("in %s: the list of options of '%s' cannot hold interpolations ('%s')", n.item.configPath(), d.path, name)
	}
	item := &defaultItem{path: d.path + "/" + name, pkg: d.pkg, optional: d.optional, line: d.line}
	item.place(n.item.groupPath(), n.item.finalPackage(true))
	return &treeNode{item: item, parent: n}, nil
}

// expandInterpolated resolves the entries that refer to other choices, from
// the list's end, and expands them.
func (b *treeBuilder) expandInterpolated(n *treeNode) error {
	for i := len(n.children) - 1; i >= 0; i-- {
		child := n.children[i]
		d := child.item
		if d.isSelf() || len(child.children) > 0 || !d.isInterpolation() {
			continue
		}
		if err := b.resolveChoice(d); err != nil {
			return fmt.Errorf("in %s: %w", n.item.configPath(), err)
		}
		if err := b.expand(child, true); err != nil {
			return err
		}
	}
	return nil
}

// resolveChoice resolves an item's interpolation against the known choices.
func (b *treeBuilder) resolveChoice(d *defaultItem) error {
	pattern := d.configPath()
	if d.isGroup {
		pattern = *d.choice
	}
	known := newMap()
	for _, key := range b.choices.knownOrder {
		val := newNull()
		if c := b.choices.known[key]; c != nil {
			val = newString(*c)
		}
		known.set(textKey(key), val)
	}
	n := newString(pattern)
	known.set(textKey("_dummy_"), n)
	v, err := newResolver(time.Time{}, nil).deref(n)
	if err != nil || v.Kind != String {
		keys := append([]string{}, b.choices.knownOrder...)
		sort.Strings(keys)
		reason := "its value is not an option's name"
		if err != nil {
			reason = err.Error()
		}
		return fmt.Errorf("cannot resolve '%s' in the defaults list: %s (groups that it may refer to: %s)", pattern, reason, strings.Join(keys, ", "))
	}
	if d.isGroup {
		d.choice = &v.S
	} else {
		d.path = v.S
	}
	return nil
}
