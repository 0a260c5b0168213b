package hydra

import (
	"fmt"
	"strings"
)

// Job is one run of a sweep.
type Job struct {
	Overrides []string
	Tree      *Tree
}

// Sweep expands a sweep into its jobs: the Cartesian product of all swept
// overrides, the last varying fastest. Every job is composed and resolved
// before any is returned; an empty range or glob gives no job.
func Sweep(opts Options) ([]Job, error) {
	overrides, err := parseOverrides(opts.Overrides)
	if err != nil {
		return nil, err
	}
	c := newComposer(opts)
	// As in Hydra, once without the swept keys: so a key that only a swept
	// option brings cannot be overridden.
	if _, err := c.compose(overrides, true); err != nil {
		return nil, fmt.Errorf("without the swept overrides: %w", err)
	}
	axes, err := c.axes(overrides)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, lines := range product(axes) {
		parsed, err := parseOverrides(lines)
		if err != nil {
			return nil, err
		}
		tree, err := c.compose(parsed, false)
		if err == nil {
			tree.Overrides = lines
			err = c.resolve(tree)
		}
		if err != nil {
			return nil, fmt.Errorf("job %d (%s): %w", len(jobs), strings.Join(lines, " "), err)
		}
		jobs = append(jobs, Job{lines, tree})
	}
	return jobs, nil
}

// Unswept composes and resolves a sweep's command line without its swept
// overrides.
func Unswept(opts Options) (*Tree, error) {
	overrides, err := parseOverrides(opts.Overrides)
	if err != nil {
		return nil, err
	}
	c := newComposer(opts)
	tree, err := c.compose(overrides, true)
	if err != nil {
		return nil, err
	}
	return tree, c.resolve(tree)
}

// axes lists the alternatives of each override; a repeated key takes the place
// of its first.
func (c *composer) axes(overrides []*override) ([][]string, error) {
	var axes [][]string
	at := map[string]int{}
	total := 1
	for _, o := range overrides {
		lines, err := c.alternatives(o)
		if err != nil {
			return nil, fmt.Errorf("the override '%s': %w", o.line, err)
		}
		if i, again := at[o.name()]; again {
			axes[i] = lines
			continue
		}
		at[o.name()] = len(axes)
		axes = append(axes, lines)
	}
	for _, lines := range axes {
		if total *= len(lines); total > maxJobs {
			return nil, fmt.Errorf("the sweep has more than %d jobs", maxJobs)
		}
	}
	return axes, nil
}

// alternatives returns the overrides that one override stands for.
func (c *composer) alternatives(o *override) ([]string, error) {
	if !o.isSweep {
		return []string{o.name() + "=" + valueText(o.value)}, nil
	}
	values, err := sweepValues(o.value, c.src.options(o.key))
	if err != nil {
		return nil, err
	}
	lines := []string{}
	for _, v := range values {
		lines = append(lines, o.name()+"="+valueText(v))
	}
	return lines, nil
}

// product returns the Cartesian product, the last axis varying fastest.
func product(axes [][]string) [][]string {
	jobs := [][]string{{}}
	for _, lines := range axes {
		var next [][]string
		for _, job := range jobs {
			for _, line := range lines {
				next = append(next, append(append([]string{}, job...), line))
			}
		}
		jobs = next
	}
	return jobs
}

// valueText writes a value so that parsing it gives the value again.
func valueText(v value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case quoted:
		return v.withQuotes()
	case list:
		parts := make([]string, len(v))
		for i, it := range v {
			parts[i] = valueText(it)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *dict:
		parts := make([]string, len(v.keys))
		for i, k := range v.keys {
			parts[i] = valueText(k) + ":" + valueText(v.vals[i])
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *Node:
		switch v.Kind {
		case Null:
			return "null"
		case String:
			return escapeSpecial(v.S)
		default:
			return pyStr(v)
		}
	default:
		return ""
	}
}

// escapeSpecial puts a backslash before every character that means something
// in unquoted text; a reference is quoted instead, which keeps it whole.
func escapeSpecial(s string) string {
	if interpolationLen(s) == len(s) && s != "" {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte("\\()[]{}:=, \t", s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// withQuotes writes quoted text: backslashes before a quote are doubled.
func (q quoted) withQuotes() string {
	var b strings.Builder
	b.WriteByte(q.mark)
	body := q.text + string(q.mark)
	for i := 0; i < len(body); {
		run := 0
		for body[i+run] == '\\' {
			run++
		}
		end := i + run
		switch {
		case body[end] == q.mark && end == len(body)-1:
			b.WriteString(strings.Repeat(`\`, 2*run))
			b.WriteByte(q.mark)
		case body[end] == q.mark:
			b.WriteString(strings.Repeat(`\`, 2*run+1))
			b.WriteByte(q.mark)
		default:
			b.WriteString(body[i : end+1])
		}
		i = end + 1
	}
	return b.String()
}
