package hydra

import (
	"fmt"
	"sort"
	"strings"
)

// choices are the group choices of a command line and of the defaults lists
// met so far.
type choices struct {
	chosen    map[string]*chosen // by override key
	order     []string
	deletions map[string]*deletion
	dropped   []string // keys of deletions, in order
	appended  []*defaultItem
	values    []*override // overrides of values, not of groups

	known       map[string]*string // every group's choice
	knownOrder  []string
	knownByPath map[string][]string // override keys of a group
}

// chosen is a group's choice from the command line or an "override" entry.
type chosen struct {
	value *Node
	used  bool
	file  string // of the "override" entry; empty for the command line
	line  string // the command line's override
}

type deletion struct {
	name *string
	used bool
	line string
}

// newChoices sorts a command line into choices of groups and of values.
func newChoices(src *source, overrides []*override) (*choices, error) {
	c := &choices{
		chosen: map[string]*chosen{}, deletions: map[string]*deletion{},
		known: map[string]*string{}, knownByPath: map[string][]string{},
	}
	for _, o := range overrides {
		if o.isSweep {
			continue
		}
		_, isDict := o.value.(*dict)
		if isDict || !src.isGroup(o.key) {
			c.values = append(c.values, o)
			continue
		}
		if err := c.choose(src, o); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *choices) choose(src *source, o *override) error {
	val := toNode(o.value)
	switch {
	case o.kind == forceAdd:
		return fmt.Errorf("the override '%s' would force-add the group '%s': write +%s or %s", o.line, o.key, o.line[2:], o.line[2:])
	case o.kind == del:
		if val.Kind != Null && val.Kind != String {
			return fmt.Errorf("the override '%s' deletes a group; the option after = must be a name", o.line)
		}
		d := &deletion{line: o.line}
		if val.Kind == String {
			d.name = &val.S
		}
		if _, again := c.deletions[o.target()]; !again {
			c.dropped = append(c.dropped, o.target())
		}
		c.deletions[o.target()] = d
		return nil
	case val.Kind != String && val.Kind != List:
		return fmt.Errorf("the override '%s' chooses an option of the group '%s', which must be a name or a list of names, not %s (options: %s)",
			o.line, o.key, brief(val), strings.Join(src.options(o.key), ", "))
	}
	item := &defaultItem{isGroup: true, path: o.key, pkg: o.pkg, appended: true}
	item.here()
	if err := item.choose(val); err != nil {
		return fmt.Errorf("the override '%s': %w", o.line, err)
	}
	if o.kind == add {
		c.appended = append(c.appended, item)
		return nil
	}
	if _, again := c.chosen[o.target()]; !again {
		c.order = append(c.order, o.target())
	}
	c.chosen[o.target()] = &chosen{value: val, line: o.line}
	return nil
}

// addOverride notes an "override" entry of a defaults list: the command line
// and entries met earlier win.
func (c *choices) addOverride(file string, d *defaultItem) {
	key := d.overrideKey()
	if _, set := c.chosen[key]; set {
		return
	}
	val := newNull()
	switch {
	case d.multiple:
		val = newList()
		for _, o := range d.options {
			val.append(newString(o))
		}
	case d.choice != nil:
		val = newString(*d.choice)
	}
	c.order = append(c.order, key)
	c.chosen[key] = &chosen{value: val, file: file}
}

// apply replaces an item's choice by the overriding one.
func (c *choices) apply(d *defaultItem) error {
	if !d.isGroup {
		return nil
	}
	if o := c.chosen[d.overrideKey()]; o != nil {
		o.used = true
		return d.choose(o.value)
	}
	return nil
}

// isDeleted tells whether ~group removes an item, and counts the use.
func (c *choices) isDeleted(d *defaultItem) bool {
	if !d.isGroup {
		return false
	}
	gone, ok := c.deletions[d.overrideKey()]
	if !ok || gone.name != nil && (d.choice == nil || *gone.name != *d.choice) {
		return false
	}
	gone.used, d.deleted = true, true
	return true
}

// note records a group's final choice; two files that choose differently
// contradict each other.
func (c *choices) note(d *defaultItem) error {
	if !d.isGroup {
		return nil
	}
	key := d.overrideKey()
	if prev, seen := c.known[key]; !seen {
		c.known[key] = d.choice
		c.knownOrder = append(c.knownOrder, key)
	} else if text(prev) != text(d.choice) {
		return fmt.Errorf("the defaults list chooses '%s' twice, as '%s' and as '%s': to change an earlier choice write 'override %s: %s'",
			key, text(d.choice), text(prev), key, text(prev))
	}
	group := d.groupPath()
	for _, k := range c.knownByPath[group] {
		if k == key {
			return nil
		}
	}
	c.knownByPath[group] = append(c.knownByPath[group], key)
	return nil
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// checkUsed refuses choices and deletions that met no entry.
func (c *choices) checkUsed() error {
	for _, key := range c.order {
		if o := c.chosen[key]; !o.used {
			return c.unused(key, o)
		}
	}
	for _, key := range c.dropped {
		if d := c.deletions[key]; !d.used {
			return fmt.Errorf("the override '%s' deletes nothing: the defaults list holds no '%s'%s",
				d.line, strings.TrimPrefix(d.line, "~"), c.chosenAs(key))
		}
	}
	return nil
}

func (c *choices) chosenAs(key string) string {
	if choice, ok := c.known[key]; ok {
		return fmt.Sprintf(" ('%s' is '%s')", key, text(choice))
	}
	group, _, _ := strings.Cut(key, "@")
	return alternatives(c.knownByPath[group])
}

func alternatives(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	keys = append([]string{}, keys...)
	sort.Strings(keys)
	return fmt.Sprintf(" (did you mean '%s'?)", strings.Join(keys, "' or '"))
}

func (c *choices) unused(key string, o *chosen) error {
	group, _, _ := strings.Cut(key, "@")
	hint := alternatives(c.knownByPath[group])
	if o.file != "" {
		if hint == "" {
			hint = didYouMean(key, c.knownOrder)
		}
		return fmt.Errorf("in %s: 'override %s' overrides nothing: no such entry stands before it in the defaults list%s", o.file, key, hint)
	}
	return fmt.Errorf("the override '%s' chooses nothing: the defaults list has no entry '%s'%s; to add the group write +%s", o.line, key, hint, o.line)
}
