package hydra

import (
	"fmt"
	"strings"
)

// defaultItem is one entry of a defaults list: a config ("base", "_self_"), or
// a group with its choice. parentDir and parentPkg are the group path and the
// package of the file that the list stands in; both are set when the list is
// walked.
type defaultItem struct {
	isGroup  bool
	path     string   // of a config; of a group its name
	choice   *string  // of a group: the chosen option, nil for null
	options  []string // of a group: several options
	multiple bool     // options counts instead of choice
	pkg      *string  // of @package
	optional bool
	override bool

	parentDir string
	parentPkg string
	header    *string // package of the chosen file's header
	primary   bool
	appended  bool // by +group=option
	deleted   bool
	line      int
}

// defaultsOf takes the defaults list out of a file's keys.
func defaultsOf(root *Node, shown string) ([]*defaultItem, error) {
	if root.Kind != Map {
		return nil, nil
	}
	key := textKey("defaults")
	n := root.child(key)
	if n == nil {
		return nil, nil
	}
	root.remove(key)
	if n.isMissing() {
		return nil, nil
	}
	if n.Kind != List {
		return nil, fmt.Errorf("%s: the defaults list must be a list, not %s", n.origin, n.Kind)
	}
	var items []*defaultItem
	for _, it := range n.items {
		d, err := newDefaultItem(it)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", it.origin, err)
		}
		d.line = it.origin.Line
		items = append(items, d)
	}
	return items, nil
}

func newDefaultItem(n *Node) (*defaultItem, error) {
	switch n.Kind {
	case String:
		d := &defaultItem{}
		d.path, d.pkg = splitPackage(n.S)
		if d.path == "_self_" && d.pkg != nil {
			return nil, fmt.Errorf("_self_ takes no @package")
		}
		d.here()
		return d, nil
	case Map:
		if len(n.entries) != 1 {
			return nil, fmt.Errorf("an entry of the defaults list is 'group: option'; %s has %d keys", pyRepr(n), len(n.entries))
		}
		return newGroupItem(n.entries[0].key, n.entries[0].val)
	default:
		return nil, fmt.Errorf("an entry of the defaults list is a config's name or 'group: option', not %s", pyRepr(n))
	}
}

func newGroupItem(key Key, val *Node) (*defaultItem, error) {
	if key.val.Kind != String {
		return nil, fmt.Errorf("a group's name must be text, not %s", pyRepr(key.val))
	}
	d := &defaultItem{isGroup: true}
	name, pkg := splitPackage(key.val.S)
	words := strings.Split(name, " ")
	d.path, d.pkg = words[len(words)-1], pkg
	if d.path == "" {
		return nil, fmt.Errorf("the group's name is missing in '%s'", key.val.S)
	}
	for _, w := range words[:len(words)-1] {
		switch w {
		case "optional":
			d.optional = true
		case "override":
			d.override = true
		}
	}
	d.here()
	return d, d.choose(val)
}

// choose sets a group's choice: an option, several, or null.
func (d *defaultItem) choose(val *Node) error {
	d.choice, d.options, d.multiple = nil, nil, false
	switch val.Kind {
	case Null:
	case String:
		d.choice = &val.S
	case List:
		d.multiple = true
		for _, it := range val.items {
			if it.Kind != String {
				return fmt.Errorf("the options of '%s' must be names, not %s", d.path, pyRepr(it))
			}
			d.options = append(d.options, it.S)
		}
	default:
		return fmt.Errorf("the option of '%s' must be a name or a list of names, not %s", d.path, pyRepr(val))
	}
	return nil
}

func (d *defaultItem) here() {
	if d.pkg != nil && *d.pkg == "_here_" {
		*d.pkg = ""
	}
}

// splitPackage splits "name@package".
func splitPackage(s string) (string, *string) {
	name, pkg, found := strings.Cut(s, "@")
	if !found {
		return s, nil
	}
	pkg, _, _ = strings.Cut(pkg, ":")
	return name, &pkg
}

func (d *defaultItem) isSelf() bool {
	return !d.isGroup && d.path == "_self_" || d.isGroup && d.choice != nil && *d.choice == "_self_"
}

// name returns the chosen option's or config's name; nil for null.
func (d *defaultItem) name() *string {
	if d.isGroup {
		return d.choice
	}
	name := d.path[strings.LastIndex(d.path, "/")+1:]
	return &name
}

func (d *defaultItem) isMissing() bool {
	n := d.name()
	return n != nil && *n == missingText && !d.multiple
}

func (d *defaultItem) isInterpolation() bool {
	if d.isGroup {
		return !d.multiple && d.choice != nil && strings.Contains(*d.choice, "${")
	}
	return strings.Contains(d.configPath(), "${")
}

// place sets where the list that holds this item stands.
func (d *defaultItem) place(dir, pkg string) {
	d.parentDir, d.parentPkg = dir, pkg
	if d.pkg != nil && strings.Contains(*d.pkg, "_group_") {
		absolute := "_global_." + strings.ReplaceAll(*d.pkg, "_group_", d.defaultPackage())
		d.pkg = &absolute
	}
}

// absolute joins a path with the list's folder; a leading / starts at the top.
func (d *defaultItem) absolute(p string) string {
	switch {
	case strings.HasPrefix(p, "/"):
		return p[1:]
	case d.parentDir == "" || p == "":
		return d.parentDir + p
	default:
		return d.parentDir + "/" + p
	}
}

func dirOf(p string) string {
	if i := strings.LastIndex(p, "/"); i > 0 {
		return p[:i]
	} else if i == 0 {
		return "/"
	}
	return ""
}

// groupPath returns the folder that the item's option or config is in.
func (d *defaultItem) groupPath() string {
	if d.isGroup {
		return d.absolute(d.path)
	}
	dir := dirOf(d.path)
	if dir == "/" {
		return ""
	}
	return d.absolute(dir)
}

// configPath returns the file that is meant, without ".yaml".
func (d *defaultItem) configPath() string {
	if !d.isGroup {
		return d.absolute(d.path)
	}
	if d.choice == nil {
		return d.groupPath() + "/None"
	}
	return d.groupPath() + "/" + *d.choice
}

func (d *defaultItem) defaultPackage() string {
	return strings.ReplaceAll(d.groupPath(), "/", ".")
}

// relativeGroup is the item's own part of the group path.
func (d *defaultItem) relativeGroup() string {
	p := strings.TrimPrefix(d.path, "/")
	if d.isGroup {
		return p
	}
	return dirOf(p)
}

// finalPackage returns the package that the file's keys go to. The header of
// the file counts where the defaults list gives no package, unless left out.
func (d *defaultItem) finalPackage(withHeader bool) string {
	pkg := strings.ReplaceAll(d.relativeGroup(), "/", ".")
	switch {
	case d.pkg != nil:
		pkg = *d.pkg
	case withHeader && d.header != nil:
		pkg = *d.header
	}
	full := joinKey(d.parentPkg, pkg)
	if pkg == "" {
		full = d.parentPkg
	}
	const global = "_global_"
	if i := strings.LastIndex(full, global); i >= 0 {
		return strings.TrimPrefix(full[i+len(global):], ".")
	}
	return full
}

// setHeader keeps the file's package header, which is always absolute.
func (d *defaultItem) setHeader(pkg *string) {
	if pkg == nil {
		return
	}
	p := *pkg
	if p != "_global_" && !strings.HasPrefix(p, "_global_.") {
		p = "_global_." + p
	}
	d.header = &p
}

// overrideKey returns what a command line calls this item: its group, with
// @package where that is not the group's own.
func (d *defaultItem) overrideKey() string {
	pkg := d.finalPackage(false)
	if pkg == d.defaultPackage() {
		return d.groupPath()
	}
	if pkg == "" {
		pkg = "_global_"
	}
	return d.groupPath() + "@" + pkg
}
