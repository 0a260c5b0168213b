package hydra

import "fmt"

// functions are what an override's value may call.
var functions map[string]func(*arguments) (value, error)

func init() { // casts call each other through this table
	functions = map[string]func(*arguments) (value, error){
		"int":      func(a *arguments) (value, error) { return castCall(a, castInt) },
		"float":    func(a *arguments) (value, error) { return castCall(a, castFloat) },
		"str":      func(a *arguments) (value, error) { return castCall(a, castStr) },
		"bool":     func(a *arguments) (value, error) { return castCall(a, castBool) },
		"choice":   choiceCall,
		"range":    rangeCall,
		"interval": intervalCall,
		"glob":     globCall,
		"sort":     sortCall,
		"shuffle":  shuffleCall,
		"tag":      tagCall,
	}
}

func choiceCall(a *arguments) (value, error) {
	args, err := a.variadic()
	switch {
	case err != nil:
		return nil, err
	case len(args) == 0:
		return nil, fmt.Errorf("wants at least one value")
	}
	if c, ok := args[0].(*choice); ok && len(args) == 1 {
		if !c.simple {
			return nil, fmt.Errorf("choices cannot be nested")
		}
		c.simple = false
		return c, nil
	}
	for _, v := range args {
		switch v := v.(type) {
		case list, *dict, *choice:
		case *Node:
			if v.Kind == Null {
				return nil, fmt.Errorf("null is not a choice here: write key=null,other")
			}
		default:
			return nil, fmt.Errorf("wants plain values")
		}
	}
	return &choice{list: args}, nil
}

func number(v value, name string) (*Node, error) {
	n, ok := v.(*Node)
	switch {
	case !ok || !isNumber(n):
		return nil, fmt.Errorf("wants a number as %s", name)
	case n.Kind == Bool:
		return newInt(toBig(n)), nil
	}
	return n, nil
}

func rangeCall(a *arguments) (value, error) {
	bound, err := a.bind(1, "start", "stop", "step")
	if err != nil {
		return nil, err
	}
	if n, ok := bound[1].(*Node); bound[1] == nil || ok && n.Kind == Null {
		bound[0], bound[1] = newInt64(0), bound[0]
	}
	if bound[2] == nil {
		bound[2] = newInt64(1)
	}
	s := &span{}
	for i, to := range []**Node{&s.start, &s.stop, &s.step} {
		if *to, err = number(bound[i], []string{"start", "stop", "step"}[i]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func intervalCall(a *arguments) (value, error) {
	bound, err := a.bind(2, "start", "end")
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"start", "end"} {
		if _, err := number(bound[i], name); err != nil {
			return nil, err
		}
	}
	return &interval{}, nil
}

func globCall(a *arguments) (value, error) {
	bound, err := a.bind(1, "include", "exclude")
	if err != nil {
		return nil, err
	}
	g := &glob{}
	if g.include, err = patterns(bound[0]); err != nil {
		return nil, err
	}
	if g.exclude, err = patterns(bound[1]); err != nil {
		return nil, err
	}
	return g, nil
}

func patterns(v value) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	l, ok := v.(list)
	if !ok {
		l = list{v}
	}
	var ps []string
	for _, it := range l {
		n := toNode(it)
		if n.Kind != String {
			return nil, fmt.Errorf("wants patterns as text, such as glob(t*) or glob([a*,b*],exclude=ab*)")
		}
		ps = append(ps, n.S)
	}
	return ps, nil
}

// tagCall labels a sweep for optimizers; labels have no effect here.
func tagCall(a *arguments) (value, error) {
	args, err := a.variadic("sweep")
	if err != nil {
		return nil, err
	}
	if s, ok := a.named["sweep"]; ok {
		args = append(args, s)
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("wants a sweep as its last argument")
	}
	for _, v := range args[:len(args)-1] {
		if n, ok := v.(*Node); !ok || n.Kind != String {
			return nil, fmt.Errorf("wants text labels before the sweep")
		}
	}
	switch s := args[len(args)-1].(type) {
	case *choice, *span, *interval:
		return s, nil
	default:
		return nil, fmt.Errorf("wants choice(), range() or interval() as its last argument")
	}
}
