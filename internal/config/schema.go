package config

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"agiformer/internal/config/hydra"
)

// typed checks a tree's keys and types against Config's fields and returns it
// as the nested maps that viper reads. Null is left out, which keeps a
// nullable field nil.
func (c *checker) typed(root *hydra.Node) map[string]any {
	out := c.structure(root, "", reflect.TypeFor[Config]())
	m, _ := out.(map[string]any)
	return m
}

// fieldNames maps a struct's keys to its fields' types.
func fieldNames(t reflect.Type) (names []string, types map[string]reflect.Type) {
	types = map[string]reflect.Type{}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("mapstructure")
		names = append(names, name)
		types[name] = t.Field(i).Type
	}
	return names, types
}

func (c *checker) structure(n *hydra.Node, key string, t reflect.Type) any {
	if n.Kind != hydra.Map {
		c.fail(key, "it is a map with the keys %s and cannot be replaced", strings.Join(firstOf(fieldNames(t)), ", "))
		return nil
	}
	names, types := fieldNames(t)
	out := map[string]any{}
	for _, k := range n.Keys() {
		if types[k] == nil {
			c.unknown(join(key, k), k, names)
			continue
		}
		if v := c.value(n.Get(k), join(key, k), types[k]); v != nil {
			out[k] = v
		}
	}
	for _, k := range names {
		if n.Get(k) == nil && !nullable(types[k]) {
			c.errors = append(c.errors, fmt.Errorf("the key '%s' is missing: give it with +%s=VALUE, or take the file that holds it", join(key, k), join(key, k)))
		}
	}
	return out
}

func firstOf(names []string, _ map[string]reflect.Type) []string { return names }

func nullable(t reflect.Type) bool { return t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice }

func (c *checker) unknown(key, name string, known []string) {
	hint := "it may be one of " + strings.Join(known, ", ")
	if near := hydra.Nearest(name, known); len(near) > 0 {
		hint = fmt.Sprintf("did you mean '%s'?", strings.Join(near, "' or '"))
	}
	c.fail(key, "there is no such key; %s", hint)
}

// value checks one value and returns it as Go's type for the field; nil for
// null and for an error.
func (c *checker) value(n *hydra.Node, key string, t reflect.Type) any {
	if n.Kind == hydra.Null {
		if !nullable(t) {
			c.fail(key, "it must be %s", typeName(t))
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.structure(n, key, t)
	case reflect.Pointer:
		return c.value(n, key, t.Elem())
	case reflect.Slice:
		return c.list(n, key, t.Elem())
	case reflect.Bool:
		if n.Kind == hydra.Bool {
			return n.B
		}
	case reflect.String:
		if n.Kind == hydra.String {
			return n.S
		}
		if n.Kind != hydra.Map && n.Kind != hydra.List {
			c.fail(key, "it must be text: quote it, %s='%s'", key, n.Brief())
			return nil
		}
	case reflect.Int64:
		if i, ok := wholeNumber(n); ok {
			return i
		}
	case reflect.Float64:
		if f, ok := finiteNumber(n); ok {
			return f
		}
	}
	c.fail(key, "it must be %s", typeName(t))
	return nil
}

// list checks a list, or one value that stands for a list of one (data.train).
func (c *checker) list(n *hydra.Node, key string, elem reflect.Type) any {
	items := []any{}
	if n.Kind != hydra.List {
		if elem.Kind() != reflect.String || n.Kind != hydra.String {
			c.fail(key, "it must be a list of %s", plural(elem))
			return nil
		}
		return []any{n.S}
	}
	for i, it := range n.Items() {
		if v := c.value(it, fmt.Sprintf("%s[%d]", key, i), elem); v != nil {
			items = append(items, v)
		}
	}
	return items
}

// wholeNumber accepts 1000 and 1e3.
func wholeNumber(n *hydra.Node) (int64, bool) {
	switch {
	case n.Kind == hydra.Int && n.I.IsInt64():
		return n.I.Int64(), true
	case n.Kind == hydra.Float && n.F == math.Trunc(n.F) && math.Abs(n.F) < 1<<53:
		return int64(n.F), true
	}
	return 0, false
}

func finiteNumber(n *hydra.Node) (float64, bool) {
	switch n.Kind {
	case hydra.Int:
		f, _ := n.I.Float64()
		return f, !math.IsInf(f, 0)
	case hydra.Float:
		return n.F, !math.IsInf(n.F, 0) && !math.IsNaN(n.F)
	}
	return 0, false
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem()) + " or null"
	case reflect.Slice:
		return "a list of " + plural(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a finite number"
	case reflect.String:
		return "text"
	default:
		return "a map"
	}
}

func plural(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Float64:
		return "finite numbers"
	case reflect.Int64:
		return "whole numbers"
	case reflect.Struct:
		names, _ := fieldNames(t)
		return "maps with the keys " + strings.Join(names, ", ")
	case reflect.Slice:
		return "lists of " + plural(t.Elem())
	default:
		return "texts"
	}
}
