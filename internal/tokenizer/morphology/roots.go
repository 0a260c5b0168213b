package morphology

// addKnownRoots walks the lexicon's trie along the word.
func (l *lattice) addKnownRoots(m *model) {
	x := m.lexicon
	at := int32(0)
	for j := 1; j <= l.n; j++ {
		if at = x.trie.child(at, l.letters[j-1]); at < 0 {
			return
		}
		after := uint8(contextEnd)
		if j < l.n {
			after = letterContext[l.letters[j]]
		}
		low, high := x.trie.values(at)
		for _, v := range x.variants[low:high] {
			if v.after&after == 0 || v.kind == kindRaised && l.letters[j] != letterY {
				continue
			}
			l.noteStem(x, j, v)
			if l.reach[j]>>v.state&1 != 0 && x.lexemes[v.lexeme].known() {
				l.addRoot(m, j, v)
			}
		}
	}
}

// noteStem remembers the lexeme with the most gold evidence that ends at j.
func (l *lattice) noteStem(x *lexicon, j int, v variant) {
	pos := 0
	if x.lexemes[v.lexeme].pos == Verb {
		pos = 1
	}
	old := l.stems[j][pos]
	if old < 0 || x.lexemes[v.lexeme].gold+x.lexemes[v.lexeme].cut > x.lexemes[old].gold+x.lexemes[old].cut {
		l.stems[j][pos] = v.lexeme
	}
}

// addRoot adds the edge of a root that ends at place j.
func (l *lattice) addRoot(m *model, j int, v variant) {
	e := edge{from: -1, end: uint8(j), form: -1, lexeme: v.lexeme, kind: v.kind, pos: posOfState(v.state)}
	e.score = m.rootScore(l, &e, &v)
	grade, front := m.rootGrade(v.lexeme)
	l.addEdge(&e, node{pos: e.end, state: v.state, last: uint8(e.pos), prev: grade, front: 1 + front})
}
