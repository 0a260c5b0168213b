package unigram

// trie finds the pieces that begin at a place of a text. Its nodes stand in
// breadth-first order, so the children of a node are neighbours, in the order
// of their bytes; the root's children are found by a table.
type trie struct {
	root  [256]int32 // node of each first byte, 0 for none
	label []byte     // byte that leads to each node
	child []int32    // first child of each node; node n's end where n+1's begin
	value []int32    // piece that ends at each node, -1 for none
}

// newTrie builds the trie of pieces, which must be in ascending order and
// differ; no piece is empty.
func newTrie(pieces []string) *trie {
	t := &trie{label: []byte{0}, value: []int32{-1}}
	type span struct{ low, high, depth int }
	queue := []span{{0, len(pieces), 0}}
	for n := 0; n < len(queue); n++ { // queue[n] holds the pieces below node n
		s := queue[n]
		t.child = append(t.child, int32(len(queue)))
		for i := s.low; i < s.high; {
			if len(pieces[i]) == s.depth { // the node itself, first in order
				t.value[n] = int32(i)
				i++
				continue
			}
			b, start := pieces[i][s.depth], i
			for i < s.high && pieces[i][s.depth] == b {
				i++
			}
			if s.depth == 0 {
				t.root[b] = int32(len(queue))
			}
			t.label, t.value = append(t.label, b), append(t.value, -1)
			queue = append(queue, span{start, i, s.depth + 1})
		}
	}
	t.child = append(t.child, int32(len(queue)))
	return t
}

// step returns the node that b leads to from node n, or 0 for none.
func (t *trie) step(n int32, b byte) int32 {
	if n == 0 {
		return t.root[b]
	}
	low, high := t.child[n], t.child[n+1]
	for high-low > 8 {
		if mid := (low + high) / 2; t.label[mid] <= b {
			low = mid
		} else {
			high = mid
		}
	}
	for ; low < high; low++ {
		if t.label[low] == b {
			return low
		}
	}
	return 0
}

// find returns the piece that text is, or -1.
func (t *trie) find(text []byte) int32 {
	var n int32
	for _, b := range text {
		if n = t.step(n, b); n == 0 {
			return -1
		}
	}
	return t.value[n]
}
