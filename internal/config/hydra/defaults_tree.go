package hydra

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// resultItem is one file of the final defaults list: its path, and the package
// that its keys go to.
type resultItem struct {
	config string
	pkg    string
	key    string // the group's override key, or empty
}

// treeNode is a file with its defaults in order. children is nil for a file
// without a defaults list.
type treeNode struct {
	item     *defaultItem
	parent   *treeNode
	children []*treeNode
}

// treeBuilder expands defaults lists into a tree of files.
type treeBuilder struct {
	src         *source
	choices     *choices
	skipMissing bool // a sweep's first pass: a group without a choice is fine
	depth       int
}

// maxFiles bounds how deep defaults lists may include each other.
const maxFiles = 100

// defaultsList returns the files that make up the configuration, in order.
func (b *treeBuilder) defaultsList(primary string) ([]resultItem, error) {
	if !b.src.exists(primary) {
		return nil, fmt.Errorf("there is no primary configuration %s in %s%s", fileName(primary), b.src.shown,
			didYouMean(primary, b.src.options("")))
	}
	root := &treeNode{item: &defaultItem{path: primary, primary: true}}
	root.item.place("", "")
	if err := b.expand(root, false); err != nil {
		return nil, err
	}
	if err := b.choices.checkUsed(); err != nil {
		return nil, err
	}
	var items []resultItem
	seen := map[string]bool{}
	err := walk(root, func(n *treeNode) error {
		r, ok := n.result()
		if !ok {
			return nil
		}
		if r.key != "" && seen[r.key] {
			return fmt.Errorf("'%s' appears more than once in the defaults list: choose it once, or mount it elsewhere with @package", r.key)
		}
		seen[r.key] = true
		items = append(items, r)
		return nil
	})
	return items, err
}

func walk(n *treeNode, visit func(*treeNode) error) error {
	if len(n.children) == 0 {
		return visit(n)
	}
	for _, c := range n.children {
		if err := walk(c, visit); err != nil {
			return err
		}
	}
	return nil
}

// result turns a leaf into an entry of the final list; ok is false for one
// that stands for no file.
func (n *treeNode) result() (r resultItem, ok bool) {
	d := n.item
	if d.deleted || d.isMissing() || d.name() == nil {
		return r, false
	}
	if d.isSelf() {
		file := n.parent.item
		return resultItem{config: file.configPath(), pkg: file.finalPackage(true)}, true
	}
	r = resultItem{config: d.configPath(), pkg: d.finalPackage(true)}
	if d.isGroup {
		r.key = d.overrideKey()
	}
	return r, true
}

// expand loads a node's file and expands its defaults list, from its end to
// its start, so that of two overrides the later one wins.
func (b *treeBuilder) expand(n *treeNode, interpolated bool) error {
	if b.depth++; b.depth > maxFiles {
		return fmt.Errorf("the defaults lists include each other without end: %s", n.item.configPath())
	}
	defer func() { b.depth-- }()
	d := n.item
	if err := b.readHeader(d); err != nil {
		return err
	}
	if b.choices.isDeleted(d) {
		return nil
	}
	if err := b.choices.note(d); err != nil {
		return b.in(n, err)
	}
	if d.name() == nil {
		return nil
	}
	if skip, err := b.checkChosen(d); skip || err != nil {
		return err
	}
	file, err := b.src.load(d.configPath())
	if err != nil {
		return err
	}
	if file == nil {
		if d.optional {
			d.deleted = true
			return nil
		}
		return b.notFound(n)
	}
	defaults, err := b.prepare(n, file, interpolated)
	if err != nil {
		return err
	}
	if err := b.expandAll(n, defaults, interpolated); err != nil {
		return err
	}
	return b.expandInterpolated(n)
}

func (b *treeBuilder) readHeader(d *defaultItem) error {
	if d.isMissing() || d.name() == nil {
		return nil
	}
	file, err := b.src.load(d.configPath())
	if file != nil {
		d.setHeader(file.header)
	}
	return err
}

// in names the file whose defaults list an error concerns.
func (b *treeBuilder) in(n *treeNode, err error) error {
	if n.parent == nil {
		return err
	}
	return fmt.Errorf("in %s: %w", n.parent.item.configPath(), err)
}

// checkChosen refuses a group whose option is still ???.
func (b *treeBuilder) checkChosen(d *defaultItem) (skip bool, err error) {
	if !strings.HasSuffix(d.configPath(), missingText) {
		return false, nil
	}
	if b.skipMissing {
		return true, nil
	}
	if !d.isGroup {
		return false, fmt.Errorf("the entry '%s' of a defaults list names no configuration", d.path)
	}
	key := d.overrideKey()
	return false, fmt.Errorf("the group '%s' needs a choice: add %s=OPTION (options: %s)", key, key, strings.Join(b.src.options(d.groupPath()), ", "))
}

func (b *treeBuilder) notFound(n *treeNode) error {
	d := n.item
	group := d.groupPath()
	options := b.src.options(group)
	msg := fmt.Sprintf("there is no '%s'", d.configPath())
	if len(options) > 0 {
		where := fmt.Sprintf("options of '%s'", group)
		if group == "" {
			where = "configurations"
		}
		msg += fmt.Sprintf("%s; %s: %s", didYouMean(*d.name(), options), where, strings.Join(options, ", "))
	} else if groups := Nearest(group, b.src.groups()); len(groups) > 0 {
		msg += fmt.Sprintf(" (did you mean the group '%s'?)", groups[0])
	}
	return b.in(n, fmt.Errorf("%s", msg))
}

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
