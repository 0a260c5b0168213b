package hydra

import (
	"fmt"
	"math/big"
	"math/rand/v2"
)

// choice is a sweep over listed values: a,b (simple) or choice(a,b).
type choice struct {
	simple   bool
	shuffled bool
	list     list
}

// span is range(start, stop, step): stop is not reached.
type span struct {
	start, stop, step *Node
	shuffled          bool
}

// interval is a continuous range, which only optimizers can sweep.
type interval struct{}

// glob is a sweep over the options of a group whose names match.
type glob struct{ include, exclude []string }

// maxJobs bounds a range, so that a slip does not fill the memory.
const maxJobs = 1_000_000

// values lists a sweep's values; options are those of the swept group.
func sweepValues(v value, options []string) (list, error) {
	var out list
	shuffled := false
	switch v := v.(type) {
	case *choice:
		out, shuffled = append(list{}, v.list...), v.shuffled
	case *span:
		var err error
		if out, err = v.numbers(); err != nil {
			return nil, err
		}
		shuffled = v.shuffled
	case *glob:
		for _, name := range options {
			if matchAny(name, v.include) && !matchAny(name, v.exclude) {
				out = append(out, newString(name))
			}
		}
	default:
		return nil, fmt.Errorf("interval() is for optimizers; sweep over values with choice() or range()")
	}
	if shuffled {
		rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out, nil
}

// numbers lists start, start+step, ... before stop: integers, or floats added
// in decimal so that 0.1 steps stay on tenths.
func (s *span) numbers() (list, error) {
	whole := s.start.Kind == Int && s.stop.Kind == Int && s.step.Kind == Int
	for _, n := range []*Node{s.start, s.stop, s.step} {
		if !whole && n.Kind == Float && (n.F != n.F || n.F-n.F != 0) {
			return nil, fmt.Errorf("range() wants finite numbers")
		}
	}
	at, stop, step := newDecimal(s.start), newDecimal(s.stop), newDecimal(s.step)
	sign := step.sign()
	if sign == 0 {
		return nil, fmt.Errorf("range() wants a step that is not 0")
	}
	var out list
	for at.cmp(stop)*sign < 0 {
		if len(out) == maxJobs {
			return nil, fmt.Errorf("range() gives more than %d values", maxJobs)
		}
		if whole {
			out = append(out, newInt(new(big.Int).Set(at.integer())))
		} else {
			out = append(out, newFloat(at.float()))
		}
		if whole {
			at = at.addExact(step)
		} else {
			at = at.add(step)
		}
	}
	return out, nil
}

func matchAny(name string, patterns []string) bool {
	for _, p := range patterns {
		if fnmatch(p, name) {
			return true
		}
	}
	return false
}

// fnmatch is Python's: * matches anything, slashes too; ? one character;
// [abc], [a-z] and [!a] sets.
func fnmatch(pattern, name string) bool {
	p, s := []rune(pattern), []rune(name)
	for len(p) > 0 {
		switch p[0] {
		case '*':
			for i := 0; i <= len(s); i++ {
				if fnmatch(string(p[1:]), string(s[i:])) {
					return true
				}
			}
			return false
		case '[':
			end, in := runeSet(p, s)
			if end > 0 {
				if len(s) == 0 || !in {
					return false
				}
				p, s = p[end:], s[1:]
				continue
			}
		case '?':
			if len(s) == 0 {
				return false
			}
			p, s = p[1:], s[1:]
			continue
		}
		if len(s) == 0 || s[0] != p[0] {
			return false
		}
		p, s = p[1:], s[1:]
	}
	return len(s) == 0
}

// runeSet returns the length of the set at the start of p, 0 where it is not
// closed, and whether the first of s is in it.
func runeSet(p, s []rune) (end int, in bool) {
	i, not := 1, false
	if i < len(p) && p[i] == '!' {
		i, not = 2, true
	}
	first := i
	for i < len(p) && (p[i] != ']' || i == first) {
		i++
	}
	if i >= len(p) {
		return 0, false
	}
	if len(s) > 0 {
		for j := first; j < i; j++ {
			if j+2 < i && p[j+1] == '-' {
				in = in || p[j] <= s[0] && s[0] <= p[j+2]
				j += 2
				continue
			}
			in = in || p[j] == s[0]
		}
	}
	return i + 1, in != not
}
