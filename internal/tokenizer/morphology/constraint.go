package morphology

// cut is a gold cut in letters of its word: where segments end, and the class
// of each, ClassNone where it is not known.
type cut struct {
	ends    []int
	classes []Class
}

// newCut places the segments of a gold word on its letters; ok is false where
// a segment ends inside a letter.
func newCut(w *word, segments []string, tags []Tag) (c cut, ok bool) {
	at, i := 0, 0
	for k, segment := range segments {
		at += len(segment)
		for i < w.n && w.offsets[i] < at {
			i++
		}
		if w.offsets[i] != at {
			return cut{}, false
		}
		class := ClassNone
		if tags != nil {
			class = tags[k].Class()
		}
		c.ends, c.classes = append(c.ends, i), append(c.classes, class)
	}
	return c, true
}

// allow marks the edges of l that agree with the cut, in their class too if
// classes is set.
func (c *cut) allow(l *lattice, classes bool, allowed []bool) []bool {
	allowed = allowed[:0]
	for i := range l.edges {
		allowed = append(allowed, c.agrees(&l.edges[i], classes))
	}
	return allowed
}

func (c *cut) agrees(e *edge, classes bool) bool {
	start := 0
	for k, end := range c.ends {
		if int(e.end) == end {
			if int(e.start) != start || (k == 0) != (e.form < 0) {
				return false
			}
			return !classes || k == 0 || c.classes[k] == ClassNone || sameClass(allomorphs[e.form].tag.Class(), c.classes[k])
		}
		start = end
	}
	return false
}

// sameClass joins classes that gold uses for one ending under two functions:
// tenses that are participles, too.
func sameClass(a, b Class) bool {
	return a == b || a == ClassTense && b == ClassParticiple || a == ClassParticiple && b == ClassTense
}
