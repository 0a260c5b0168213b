package config

import (
	"fmt"
	"strings"

	"agiformer/internal/config/hydra"
)

// Explain says where the value of a key came from and what it replaced.
func Explain(tree *Tree, key string) (string, error) {
	n, err := tree.Lookup(key)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	explain(&b, key, n)
	return b.String(), nil
}

func explain(b *strings.Builder, key string, n *hydra.Node) {
	if n.Kind == hydra.Map && n.Len() > 0 {
		for _, k := range n.Keys() {
			explain(b, key+"."+k, n.Get(k))
		}
		return
	}
	fmt.Fprintf(b, "%s = %s\n    from %s\n", key, n.Brief(), n.Origin())
	past := n.Past()
	for i := len(past) - 1; i >= 0; i-- {
		fmt.Fprintf(b, "    replaces %s from %s\n", past[i].Text, past[i].Origin)
	}
}

// Chosen tells whether one of the keys was set over the value that its group
// gives: by an override, an experiment or another file.
func Chosen(tree *Tree, keys ...string) bool {
	for _, key := range keys {
		if n, err := tree.Lookup(key); err == nil && (n.Origin().Override != "" || len(n.Past()) > 0) {
			return true
		}
	}
	return false
}

// Diff lists the keys whose values differ between two configurations:
// "-" lines are the first's, "+" lines the second's.
func Diff(a, b *Tree) string {
	var out strings.Builder
	diff(&out, "", a.Root, b.Root)
	return out.String()
}

func diff(out *strings.Builder, key string, a, b *hydra.Node) {
	if a != nil && b != nil && a.Kind == hydra.Map && b.Kind == hydra.Map {
		for _, k := range a.Keys() {
			diff(out, join(key, k), a.Get(k), b.Get(k))
		}
		for _, k := range b.Keys() {
			if a.Get(k) == nil {
				diff(out, join(key, k), nil, b.Get(k))
			}
		}
		return
	}
	if a != nil && b != nil && string(a.JSON()) == string(b.JSON()) {
		return
	}
	if a != nil {
		fmt.Fprintf(out, "- %s: %s\n", key, a.Brief())
	}
	if b != nil {
		fmt.Fprintf(out, "+ %s: %s\n", key, b.Brief())
	}
}

func join(up, key string) string {
	if up == "" {
		return key
	}
	return up + "." + key
}
