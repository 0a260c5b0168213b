package hydra

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
)

// sort() and shuffle() order the values of a list or of a sweep.

func sortCall(a *arguments) (value, error) {
	args, err := a.variadic("sweep", "list", "reverse")
	if err != nil {
		return nil, err
	}
	reverse := false
	if r, ok := a.named["reverse"]; ok {
		n, isNode := r.(*Node)
		if !isNode || n.Kind != Bool {
			return nil, fmt.Errorf("wants reverse=true or reverse=false")
		}
		reverse = n.B
	}
	for _, name := range []string{"sweep", "list"} {
		if v, ok := a.named[name]; ok {
			args = []value{v}
		}
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("wants something to sort")
	}
	if len(args) > 1 {
		l, err := sorted(args, reverse)
		return &choice{simple: true, list: l}, err
	}
	switch v := args[0].(type) {
	case *choice:
		l, err := sorted(v.list, reverse)
		return &choice{simple: v.simple, list: l, shuffled: v.shuffled}, err
	case *span:
		return v.sorted(reverse), nil
	case list:
		return sorted(v, reverse)
	case *interval, *glob:
		return nil, fmt.Errorf("sorts lists, choice() and range()")
	default:
		return v, nil
	}
}

// sorted orders numbers by value or texts by their characters; both together
// have no order.
func sorted(l list, reverse bool) (list, error) {
	out := append(list{}, l...)
	var failed error
	sort.SliceStable(out, func(i, j int) bool {
		if reverse {
			i, j = j, i
		}
		less, err := lessValue(out[i], out[j])
		if err != nil {
			failed = err
		}
		return less
	})
	return out, failed
}

func lessValue(a, b value) (bool, error) {
	x, okX := a.(*Node)
	y, okY := b.(*Node)
	switch {
	case okX && okY && isNumber(x) && isNumber(y):
		return compareNumbers(x, y) == -1, nil
	case okX && okY && x.Kind == String && y.Kind == String:
		return strings.Compare(x.S, y.S) < 0, nil
	default:
		return false, fmt.Errorf("sorts numbers or unquoted texts, not both together")
	}
}

// sorted turns a range round where it runs the other way.
func (s *span) sorted(reverse bool) *span {
	start, stop, step := newDecimal(s.start), newDecimal(s.stop), newDecimal(s.step)
	order := start.cmp(stop)
	if !reverse && order > 0 || reverse && order < 0 {
		shift := step.abs()
		if reverse {
			shift = shift.neg()
		}
		whole := s.start.Kind == Int && s.stop.Kind == Int && s.step.Kind == Int
		return &span{
			start: stop.addExact(shift).node(whole), stop: start.addExact(shift).node(whole),
			step: step.neg().node(whole), shuffled: s.shuffled,
		}
	}
	return s
}

func shuffleCall(a *arguments) (value, error) {
	args, err := a.variadic("sweep", "list")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"sweep", "list"} {
		if v, ok := a.named[name]; ok {
			args = []value{v}
		}
	}
	if len(args) != 1 {
		return &choice{simple: true, shuffled: true, list: args}, nil
	}
	switch v := args[0].(type) {
	case *choice:
		return &choice{simple: v.simple, shuffled: true, list: v.list}, nil
	case *span:
		return &span{v.start, v.stop, v.step, true}, nil
	case list:
		out := append(list{}, v...)
		rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out, nil
	default:
		return list{v}, nil
	}
}
