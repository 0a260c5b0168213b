package hydra

import (
	"fmt"
	"strings"
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
