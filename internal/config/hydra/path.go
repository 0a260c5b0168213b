package hydra

import (
	"fmt"
	"strings"
)

// startOf splits leading dots off: none is the root, one the container itself,
// each further one its parent.
func startOf(path string, container *Node) (*Node, string, error) {
	if !strings.HasPrefix(path, ".") {
		return container.root(), path, nil
	}
	from, rest := container, path[1:]
	for strings.HasPrefix(rest, ".") {
		if from = from.parent; from == nil {
			return nil, "", fmt.Errorf("'%s' leads above the configuration's top", path)
		}
		rest = rest[1:]
	}
	return from, rest, nil
}

// find walks a path of keys from a container and resolves what it finds; nil
// where a key does not exist. refuseMissing makes ??? on the way an error.
func (r *resolver) find(from *Node, path string, refuseMissing bool, active map[*Node]bool) (*Node, error) {
	if path == "" {
		return from, nil
	}
	keys := splitKey(path)
	at := from
	for i, key := range keys {
		next, err := r.step(at, key, refuseMissing)
		if err != nil || next == nil {
			return nil, err
		}
		last := i == len(keys)-1
		if last {
			if active[next] {
				return nil, fmt.Errorf("the interpolation of '%s' is recursive: it leads back to itself", next.path())
			}
			if next.isInterpolation() {
				active[next] = true
				defer delete(active, next)
			}
		}
		if next, err = r.deref(next); err != nil {
			return nil, err
		}
		if !last && !next.isContainer() {
			return nil, &notContainer{strings.Join(keys[:i+1], "."), keys[i+1]}
		}
		at = next
	}
	return at, nil
}

// notContainer is the error for a path through a scalar.
type notContainer struct{ path, key string }

func (e *notContainer) Error() string {
	return fmt.Sprintf("'%s' is neither a map nor a list and cannot contain '%s'", e.path, e.key)
}

// step returns a container's child without resolving it, nil where there is
// none.
func (r *resolver) step(at *Node, key string, refuseMissing bool) (*Node, error) {
	var next *Node
	if at.Kind == List {
		i, ok := pyIndex(key)
		if !ok {
			return nil, fmt.Errorf("'%s' is no index of the list '%s'", key, at.path())
		}
		if i >= 0 && i < len(at.items) {
			next = at.items[i]
		}
	} else {
		next = at.child(textKey(key))
	}
	if next != nil && next.isMissing() && refuseMissing {
		return nil, fmt.Errorf("'%s' has no value yet (???): set %s=VALUE", next.path(), next.path())
	}
	return next, nil
}

// splitKey splits a path such as a.b, a[b] or [a].b into its keys.
func splitKey(path string) []string {
	end := 0
	for end < len(path) && path[end] == '.' {
		end++
	}
	for end < len(path) && path[end] != '.' && path[end] != '[' {
		end++
	}
	keys := strings.Split(path[:end], ".")
	rest := path[end:]
	if strings.HasPrefix(rest, "[") && keys[len(keys)-1] == "" {
		keys = keys[:len(keys)-1]
	}
	for rest != "" {
		if rest[0] == '[' {
			closing := strings.IndexByte(rest, ']')
			if closing < 0 {
				return append(keys, rest)
			}
			keys = append(keys, rest[1:closing])
			rest = rest[closing+1:]
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		n := strings.IndexAny(rest+".", ".[")
		keys = append(keys, rest[:n])
		rest = rest[n:]
	}
	return keys
}
