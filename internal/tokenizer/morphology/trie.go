package morphology

import "math/bits"

// trie maps strings of letters to values. A node's children lie side by side
// in the order of their letters; its mask says which letters have one.
type trie struct {
	nodes []trieNode
	// first holds for each key where its values begin: [first[k], first[k+1]).
	first []int32
}

type trieNode struct {
	mask uint64
	base int32 // the first child
	key  int32 // the key that ends here, -1 for none
}

// newTrie builds the trie of sorted, distinct keys; key k stands for the
// values [first[k], first[k+1]).
func newTrie(keys []string, first []int32) trie {
	t := trie{nodes: []trieNode{{key: -1}}, first: first}
	type span struct{ low, high, depth int }
	queue := []span{{0, len(keys), 0}}
	for at := 0; at < len(queue); at++ {
		s := queue[at]
		if s.low < s.high && len(keys[s.low]) == s.depth {
			t.nodes[at].key = int32(s.low)
			s.low++
		}
		t.nodes[at].base = int32(len(t.nodes))
		for low := s.low; low < s.high; {
			l := keys[low][s.depth]
			high := low + 1
			for high < s.high && keys[high][s.depth] == l {
				high++
			}
			t.nodes[at].mask |= 1 << l
			t.nodes = append(t.nodes, trieNode{key: -1})
			queue = append(queue, span{low, high, s.depth + 1})
			low = high
		}
	}
	return t
}

// child returns the child of node by l, or -1.
func (t *trie) child(node int32, l letter) int32 {
	n := &t.nodes[node]
	bit := uint64(1) << l
	if n.mask&bit == 0 {
		return -1
	}
	return n.base + int32(bits.OnesCount64(n.mask&(bit-1)))
}

// values returns the range of the values of the key that ends at node, empty
// if none does.
func (t *trie) values(node int32) (low, high int32) {
	key := t.nodes[node].key
	if key < 0 {
		return 0, 0
	}
	return t.first[key], t.first[key+1]
}
