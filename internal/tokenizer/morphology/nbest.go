package morphology

import (
	"container/heap"
	"fmt"
	"strings"
)

// partial is an analysis known from the word's end back to a node.
type partial struct {
	node  int32   // -1 once the root is in
	edge  int32   // the edge after node
	after int32   // the partial that goes on from there, -1 for none
	score float64 // of what is known
	bound float64 // and of the best that can come before
}

// frontier is a heap of partial analyses, the most promising first; equal ones
// stay in the order in which they were made.
type frontier struct {
	all  []partial
	heap []int32
}

func (f *frontier) Len() int { return len(f.heap) }
func (f *frontier) Less(i, j int) bool {
	a, b := f.heap[i], f.heap[j]
	return f.all[a].bound > f.all[b].bound || f.all[a].bound == f.all[b].bound && a < b
}
func (f *frontier) Swap(i, j int) { f.heap[i], f.heap[j] = f.heap[j], f.heap[i] }
func (f *frontier) Push(x any)    { f.heap = append(f.heap, x.(int32)) }
func (f *frontier) Pop() any {
	last := f.heap[len(f.heap)-1]
	f.heap = f.heap[:len(f.heap)-1]
	return last
}

func (f *frontier) add(p partial) {
	f.all = append(f.all, p)
	heap.Push(f, int32(len(f.all)-1))
}

// maxPartials bounds the work of one Analyses call.
const maxPartials = 100_000

// Analyses returns at most max readings of word, the best first. Readings that
// differ in nothing a Morpheme shows are one, with the probability of the best.
func (s *Segmenter) Analyses(word []byte, max int) []Analysis {
	if len(word) == 0 || max <= 0 {
		return nil
	}
	l := s.scratch.Get().(*lattice)
	defer s.scratch.Put(l)
	l.build(s.model, word)
	if len(l.ends) == 0 {
		return []Analysis{{Morphemes: []Morpheme{{End: len(word), Tag: TagRoot}}}}
	}
	var total sums
	total.compute(s.model, l, nil)
	var f frontier
	for _, at := range l.ends {
		end := s.model.endScore(&l.nodes[at])
		f.add(partial{node: at, edge: -1, after: -1, score: end, bound: end + l.nodes[at].score})
	}
	var list []Analysis
	seen := map[string]bool{}
	for f.Len() > 0 && len(list) < max && len(f.all) < maxPartials {
		at := heap.Pop(&f).(int32)
		if f.all[at].node >= 0 {
			f.expand(l, at)
			continue
		}
		a := Analysis{Morphemes: s.trace(l, &f, at), LogProb: f.all[at].score - total.logZ}
		if key := a.key(); !seen[key] {
			seen[key] = true
			list = append(list, a)
		}
	}
	return list
}

// expand adds the partial analyses that are longer than f.all[at] by one
// morpheme.
func (f *frontier) expand(l *lattice, at int32) {
	p := f.all[at]
	for i := range l.edges {
		e := &l.edges[i]
		if e.to != p.node {
			continue
		}
		longer := partial{node: e.from, edge: int32(i), after: at, score: p.score + e.score}
		longer.bound = longer.score
		if e.from >= 0 {
			longer.bound += l.nodes[e.from].score
		}
		f.add(longer)
	}
}

// trace lists the morphemes of a whole analysis.
func (s *Segmenter) trace(l *lattice, f *frontier, at int32) []Morpheme {
	var list []Morpheme
	for ; at >= 0 && f.all[at].edge >= 0; at = f.all[at].after {
		list = append(list, s.morpheme(l, &l.edges[f.all[at].edge]))
	}
	return list
}

func (a *Analysis) key() string {
	var b strings.Builder
	for _, m := range a.Morphemes {
		fmt.Fprint(&b, m.End, m.Tag, m.Canonical, " ")
	}
	return b.String()
}
