package morphology

// doubleArray is a trie in two arrays (Aoe 1989): the child of node n by
// letter l is base[n]+l, and it exists if check there is n.
type doubleArray struct {
	cells []cell
	// value[n] is the index of the key that ends at node n, -1 for none.
	value []int32
	first []int32 // key -> its values: [first[k], first[k+1])
}

type cell struct{ base, check int32 }

// noNode is the check of a free cell.
const noNode = -1

// newDoubleArray builds the trie of sorted, distinct keys of letters; key k
// stands for the values [first[k], first[k+1]).
func newDoubleArray(keys []string, first []int32) doubleArray {
	b := arrayBuilder{keys: keys}
	b.grow(letterCount * 2)
	b.cells[0].check = 0
	b.build(0, 0, len(keys), 0)
	return doubleArray{cells: b.cells, value: b.value, first: first}
}

type arrayBuilder struct {
	keys  []string
	cells []cell
	value []int32
	free  int // no cell below is free
}

func (b *arrayBuilder) grow(size int) {
	for len(b.cells) < size {
		b.cells = append(b.cells, cell{check: noNode})
		b.value = append(b.value, -1)
	}
}

// build places the children of node, whose keys are [low, high) and share
// their first depth letters.
func (b *arrayBuilder) build(node int32, low, high, depth int) {
	if low < high && len(b.keys[low]) == depth {
		b.value[node] = int32(low)
		low++
	}
	if low == high {
		return
	}
	var letters []byte
	var starts []int
	for i := low; i < high; i++ {
		if l := b.keys[i][depth]; len(letters) == 0 || letters[len(letters)-1] != l {
			letters, starts = append(letters, l), append(starts, i)
		}
	}
	base := b.place(letters)
	b.cells[node].base = base
	for _, l := range letters {
		b.cells[base+int32(l)].check = node
	}
	starts = append(starts, high)
	for i, l := range letters {
		b.build(base+int32(l), starts[i], starts[i+1], depth+1)
	}
}

// place finds the first base at which every letter's cell is free.
func (b *arrayBuilder) place(letters []byte) int32 {
	for b.free < len(b.cells) && b.cells[b.free].check != noNode {
		b.free++
	}
	for at := b.free; ; at++ {
		base := at - int(letters[0])
		if base < 1 {
			continue
		}
		b.grow(base + letterCount + 1)
		if b.fits(base, letters) {
			return int32(base)
		}
	}
}

func (b *arrayBuilder) fits(base int, letters []byte) bool {
	for _, l := range letters {
		if b.cells[base+int(l)].check != noNode {
			return false
		}
	}
	return true
}

// child returns the child of node by l, or -1.
func (t *doubleArray) child(node int32, l letter) int32 {
	next := t.cells[node].base + int32(l)
	if t.cells[node].base != 0 && int(next) < len(t.cells) && t.cells[next].check == node {
		return next
	}
	return -1
}
