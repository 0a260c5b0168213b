package morphology

import "math"

// sums holds the forward and backward sums of a lattice, over all analyses or
// over those that agree with a gold cut.
type sums struct {
	forward, backward []float64
	logZ              float64
}

var minusInf = math.Inf(-1)

func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b == minusInf {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// compute fills s for the edges that allowed lets through (nil for all).
// Edges are in an order in which all that lead to a node come before all that
// leave it.
func (s *sums) compute(m *model, l *lattice, allowed []bool) {
	s.forward, s.backward = s.forward[:0], s.backward[:0]
	for range l.nodes {
		s.forward, s.backward = append(s.forward, minusInf), append(s.backward, minusInf)
	}
	for i := range l.edges {
		if e := &l.edges[i]; allowed == nil || allowed[i] {
			before := 0.0
			if e.from >= 0 {
				before = s.forward[e.from]
			}
			if before != minusInf {
				s.forward[e.to] = logAdd(s.forward[e.to], before+e.score)
			}
		}
	}
	s.logZ = minusInf
	for _, at := range l.ends {
		s.backward[at] = m.endScore(&l.nodes[at])
		s.logZ = logAdd(s.logZ, s.forward[at]+s.backward[at])
	}
	for i := len(l.edges) - 1; i >= 0; i-- {
		e := &l.edges[i]
		if (allowed == nil || allowed[i]) && e.from >= 0 && s.backward[e.to] != minusInf {
			s.backward[e.from] = logAdd(s.backward[e.from], e.score+s.backward[e.to])
		}
	}
}

// edge returns the probability that an analysis goes through edge e.
func (s *sums) edge(e *edge) float64 {
	before := 0.0
	if e.from >= 0 {
		before = s.forward[e.from]
	}
	return math.Exp(before + e.score + s.backward[e.to] - s.logZ)
}

// end returns the probability that an analysis ends at node at.
func (s *sums) end(m *model, l *lattice, at int32) float64 {
	return math.Exp(s.forward[at] + m.endScore(&l.nodes[at]) - s.logZ)
}
