package hydra

import (
	"fmt"
	"io/fs"
	"time"
)

// Options say what to compose.
type Options struct {
	// Files is the configuration tree; Shown is its folder's name in messages.
	Files fs.FS
	Shown string
	// Name is the primary configuration, without ".yaml".
	Name string
	// Overrides are the command line's.
	Overrides []string
	// Now is the time that ${now:...} shows; zero is the current time.
	Now time.Time
	// Warn takes warnings; nil drops them.
	Warn func(string)
}

// Tree is a composed configuration with every interpolation resolved.
type Tree struct {
	Root *Node
	// Choices are the groups' chosen options, in the order of the defaults
	// list's expansion.
	Choices []Choice
	// Overrides are those it was composed with.
	Overrides []string
}

// Choice is a group, with @package where it is mounted elsewhere, and the
// option chosen; an empty option stands for null.
type Choice struct{ Group, Option string }

// Compose composes and resolves a configuration. Values that are still ???
// stay so.
func Compose(opts Options) (*Tree, error) {
	overrides, err := parseOverrides(opts.Overrides)
	if err != nil {
		return nil, err
	}
	for _, o := range overrides {
		if o.simple {
			return nil, fmt.Errorf("the override '%s' is ambiguous: for a list write %s=[...], for text quote it, to sweep add --multirun", o.line, o.name())
		}
		if o.isSweep {
			return nil, fmt.Errorf("the override '%s' is a sweep: add --multirun", o.line)
		}
	}
	c := newComposer(opts)
	tree, err := c.compose(overrides, false)
	if err != nil {
		return nil, err
	}
	tree.Overrides = opts.Overrides
	return tree, c.resolve(tree)
}

// composer composes one or more command lines on one tree of files.
type composer struct {
	src      *source
	name     string
	resolver *resolver
}

func newComposer(opts Options) *composer {
	now := opts.Now
	if now.IsZero() {
		now = time.Now()
	}
	return &composer{
		src:      newSource(opts.Files, opts.Shown, opts.Warn),
		name:     opts.Name,
		resolver: newResolver(now, opts.Warn),
	}
}

// compose makes the tree without resolving it. Sweeps among the overrides are
// left out.
func (c *composer) compose(overrides []*override, skipMissing bool) (*Tree, error) {
	ch, err := newChoices(c.src, overrides)
	if err != nil {
		return nil, err
	}
	if primary, err := c.src.load(c.name); err != nil {
		return nil, err
	} else if primary != nil && primary.root.Kind != Map {
		return nil, fmt.Errorf("%s holds %s; the primary configuration holds a map", primary.name, primary.root.Kind)
	}
	b := &treeBuilder{src: c.src, choices: ch, skipMissing: skipMissing}
	files, err := b.defaultsList(c.name)
	if err != nil {
		return nil, err
	}
	root := newMap()
	m := &merger{resolver: c.resolver}
	for _, f := range files {
		if err := c.mergeFile(m, root, f); err != nil {
			return nil, err
		}
	}
	if h := root.Get("hydra"); h != nil {
		c.src.warn(fmt.Sprintf("%s: the key hydra is for Hydra itself and has no effect here", h.origin))
		root.remove(textKey("hydra"))
	}
	u := &updater{root: root, resolver: c.resolver, src: c.src, known: ch.knownOrder}
	for _, o := range ch.values {
		if err := u.apply(o); err != nil {
			return nil, err
		}
	}
	tree := &Tree{Root: root}
	for _, key := range ch.knownOrder {
		choice := Choice{Group: key}
		if v := ch.known[key]; v != nil {
			choice.Option = *v
		}
		tree.Choices = append(tree.Choices, choice)
	}
	return tree, nil
}

// mergeFile merges a file's keys into its package.
func (c *composer) mergeFile(m *merger, root *Node, f resultItem) error {
	file, err := c.src.load(f.config)
	if err != nil {
		return err
	}
	if file == nil {
		return fmt.Errorf("there is no '%s'", f.config)
	}
	content := file.root.clone()
	if f.pkg != "" {
		keys := splitKey(f.pkg)
		for i := len(keys) - 1; i >= 0; i-- {
			outer := newMap()
			outer.origin = file.root.origin
			outer.set(textKey(keys[i]), content)
			content = outer
		}
	}
	if err := m.merge(root, content); err != nil {
		return fmt.Errorf("in %s: %w", f.config, err)
	}
	return nil
}

// resolve replaces the tree by its resolved copy.
func (c *composer) resolve(t *Tree) error {
	full, err := c.resolver.resolved(t.Root)
	if err != nil {
		return fmt.Errorf("cannot resolve %w", err)
	}
	t.Root = full
	return nil
}

// Missing lists the keys that are still ???.
func (t *Tree) Missing() []string {
	var keys []string
	var visit func(*Node)
	visit = func(n *Node) {
		if n.isMissing() {
			keys = append(keys, n.path())
		}
		for _, e := range n.entries {
			visit(e.val)
		}
		for _, it := range n.items {
			visit(it)
		}
	}
	visit(t.Root)
	return keys
}

// Lookup returns the node of a dotted key.
func (t *Tree) Lookup(key string) (*Node, error) {
	r := newResolver(time.Time{}, nil)
	n, err := r.find(t.Root, key, false, map[*Node]bool{})
	if err == nil && n == nil {
		err = fmt.Errorf("there is no key '%s'%s", key, didYouMean(key, allKeys(t.Root, "")))
	}
	return n, err
}

// Groups lists every group with its options.
func Groups(files fs.FS, shown string) []Group {
	src := newSource(files, shown, nil)
	var groups []Group
	for _, g := range src.groups() {
		groups = append(groups, Group{g, src.options(g)})
	}
	return groups
}

// Group is a folder of options.
type Group struct {
	Name    string
	Options []string
}

// Read reads a resolved configuration, such as a run's config.yaml: text in
// it is taken as it is.
func Read(data []byte, shown string) (*Tree, error) {
	root, err := readLiteral(data, shown)
	if err != nil {
		return nil, err
	}
	if root.Kind != Map {
		return nil, fmt.Errorf("%s holds %s; a configuration is a map", shown, root.Kind)
	}
	return &Tree{Root: root}, nil
}

// Keys lists all dotted keys of the tree.
func (t *Tree) Keys() []string { return allKeys(t.Root, "") }
