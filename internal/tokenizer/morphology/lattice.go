package morphology

// node is a point that analyses meet in: letters read, state of the automaton
// and the last two morphemes, which is what later scores depend on.
type node struct {
	score float64 // best of all ways here
	back  int32   // the edge of the best way, -1 at the start
	next  int32   // next node at the same place, -1 for none
	pos   uint8
	state state
	last  uint8 // context of the last morpheme: posOf(root) or tag
	prev  uint8 // context of the one before, or the root's grade
	front uint8 // 1 + grade of front harmony right after a root, 0 elsewhere
}

// edge is a morpheme between two nodes. from is -1 for roots.
type edge struct {
	from, to int32
	score    float64
	start    uint8
	end      uint8
	kind     kind  // of a root
	pos      POS   // of a root
	front    bool  // a suffix against the root's harmony
	form     int16 // the suffix's allomorph, -1 for roots
	lexeme   int32 // the root's lexeme, -1 for a guess
}

// match is an allomorph that fits at a place of the word.
type match struct {
	form  int16
	end   uint8
	front bool
}

// lattice holds all analyses of a word, and the memory to make them in.
type lattice struct {
	word
	lastVowel [maxLetters + 1]uint8 // class of the last vowel before each place
	// reach holds at each place the states, a bit each, from which suffixes
	// lead on to the end.
	reach    [maxLetters + 1]uint32
	matchAt  [maxLetters + 1][2]int32
	matches  []match
	stems    [maxLetters + 1][2]int32 // lexemes that end here, by part of speech (noun, verb), -1
	heads    [maxLetters + 1]int32
	nodes    []node
	edges    []edge
	ends     []int32 // nodes that may end the word
	shape    [2][maxLetters + 1]float64
	features []feature
	path     []int32 // edges of the best analysis, the last first
}

// findMatches finds every allomorph, right to left, from which suffixes lead
// on to the end.
func (l *lattice) findMatches() {
	l.lastVowel[0] = classNoVowel
	for i := 0; i < l.n; i++ {
		l.lastVowel[i+1] = l.lastVowel[i]
		if c := vowelClass[l.letters[i]]; c != classNoVowel {
			l.lastVowel[i+1] = c
		}
	}
	l.matches = l.matches[:0]
	l.reach[l.n] = finalStates
	for i := l.n - 1; i > 0; i-- {
		first := int32(len(l.matches))
		l.matchFrom(i)
		l.matchAt[i] = [2]int32{first, int32(len(l.matches))}
	}
}

// matchFrom adds the allomorphs that begin at place i.
func (l *lattice) matchFrom(i int) {
	t := &suffixes.trie
	before := letterContext[l.letters[i-1]]
	class := l.lastVowel[i]
	harmony, front := uint8(1)<<class, uint8(1)<<frontOf(class)
	l.reach[i] = 0
	node := int32(0)
	for j := i; j < l.n; {
		if node = t.child(node, l.letters[j]); node < 0 {
			return
		}
		j++
		if l.reach[j] == 0 {
			continue
		}
		after := uint8(contextEnd)
		if j < l.n {
			after = letterContext[l.letters[j]]
		}
		low, high := t.values(node)
		for _, id := range suffixes.order[low:high] {
			a := &allomorphs[id]
			if l.reach[j]>>a.to&1 == 0 || a.before&before == 0 || a.after&after == 0 ||
				a.harmony&(harmony|front) == 0 || !l.lastFits(i, a.last) {
				continue
			}
			l.reach[i] |= a.hosts
			l.matches = append(l.matches, match{id, uint8(j), a.harmony&harmony == 0})
		}
	}
}

// lastFits checks the condition on the letter before place i.
func (l *lattice) lastFits(i int, last lastLetter) bool {
	switch b := l.letters[i-1]; last {
	case lastL:
		return b == letterL
	case lastLR:
		return b == letterL || b == letterR
	case lastNotL:
		return b != letterL
	case lastSuStem:
		return i >= 2 && (b == letterU && l.letters[i-2] == letterS || i == 2 && b == letterE && l.letters[0] == letterN)
	}
	return true
}

// build makes the lattice of text under the model m.
func (l *lattice) build(m *model, text []byte) {
	l.nodes, l.edges, l.ends = l.nodes[:0], l.edges[:0], l.ends[:0]
	l.read(text)
	if l.n == 0 || l.tooLong {
		return
	}
	l.findMatches()
	for i := 0; i <= l.n; i++ {
		l.heads[i] = -1
		l.stems[i] = [2]int32{-1, -1}
	}
	m.shapes(l)
	l.addKnownRoots(m)
	l.addGuesses(m)
	for i := 1; i < l.n; i++ {
		first, last := l.matchAt[i][0], l.matchAt[i][1]
		for at := l.heads[i]; at >= 0; at = l.nodes[at].next {
			l.addSuffixes(m, at, l.matches[first:last])
		}
	}
	l.collectEnds()
}

// addSuffixes adds the edges of the suffixes that may follow node at.
func (l *lattice) addSuffixes(m *model, at int32, matches []match) {
	n := l.nodes[at]
	host := uint32(1) << n.state
	for _, s := range matches {
		a := &allomorphs[s.form]
		if a.hosts&host == 0 || s.front && n.front == 0 {
			continue
		}
		e := edge{from: at, start: n.pos, end: s.end, form: s.form, front: s.front, lexeme: -1}
		e.score = m.suffixScore(l, &e, &n)
		to := node{pos: s.end, state: a.to, last: contextOf(a.tag), prev: n.last}
		if n.front > 0 && !s.front && !a.vowel {
			to.front = n.front
		}
		l.addEdge(&e, to)
	}
}

// addEdge adds e to the node that equals to, made if it is new.
func (l *lattice) addEdge(e *edge, to node) {
	score := e.score
	if e.from >= 0 {
		score += l.nodes[e.from].score
	}
	at := l.heads[to.pos]
	for ; at >= 0; at = l.nodes[at].next {
		n := &l.nodes[at]
		if n.state == to.state && n.last == to.last && n.prev == to.prev && n.front == to.front {
			break
		}
	}
	e.to = at
	if at < 0 {
		e.to = int32(len(l.nodes))
		to.score, to.back, to.next = score, int32(len(l.edges)), l.heads[to.pos]
		l.heads[to.pos] = e.to
		l.nodes = append(l.nodes, to)
	} else if score > l.nodes[at].score {
		l.nodes[at].score, l.nodes[at].back = score, int32(len(l.edges))
	}
	l.edges = append(l.edges, *e)
}

// collectEnds lists the nodes that end the word.
func (l *lattice) collectEnds() {
	for at := l.heads[l.n]; at >= 0; at = l.nodes[at].next {
		l.ends = append(l.ends, at)
	}
}
