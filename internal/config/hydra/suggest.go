package hydra

import (
	"fmt"
	"sort"
	"strings"
)

// Nearest returns the known names that are close enough to name to be what was
// meant, the closest first.
func Nearest(name string, known []string) []string {
	type near struct {
		name string
		dist int
	}
	var found []near
	for _, k := range known {
		d := distance(strings.ToLower(name), strings.ToLower(k))
		limit := 1 // of two or three letters nearly everything is two changes away
		if longer := max(len(name), len(k)); longer > 3 {
			limit = max(2, longer/3)
		}
		if d <= limit && k != name {
			found = append(found, near{k, d})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].dist < found[j].dist })
	var out []string
	for i, f := range found {
		if i < 3 && f.dist <= found[0].dist+1 {
			out = append(out, f.name)
		}
	}
	return out
}

// didYouMean returns " (did you mean ...?)" or "".
func didYouMean(name string, known []string) string {
	near := Nearest(name, known)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(" (did you mean '%s'?)", strings.Join(near, "' or '"))
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between two words.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			best := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				best = min(best, rows[i-2][j-2]+1)
			}
			rows[i][j] = best
		}
	}
	return rows[len(x)][len(y)]
}

// nearKey suggests a key for a path that is not found below from.
func (r *resolver) nearKey(from *Node, path string) string {
	return didYouMean(path, allKeys(from, ""))
}

// allKeys lists the dotted keys of a tree.
func allKeys(n *Node, up string) []string {
	var keys []string
	for _, e := range n.entries {
		key := joinKey(up, e.key.Text())
		keys = append(keys, key)
		keys = append(keys, allKeys(e.val, key)...)
	}
	return keys
}
