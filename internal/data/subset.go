package data

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"
)

// bitset marks which of n documents belong to a subset: a bit each, and a
// count every 512 to find the i-th one, so tens of millions of documents take
// a few megabytes.
type bitset struct {
	words  []uint64
	before []int64 // before[i] counts the marks ahead of word i*wordsPerBlock
}

const wordsPerBlock = 8

func newBitset(n int64) *bitset { return &bitset{words: make([]uint64, (n+63)/64)} }

func (b *bitset) mark(i int64)     { b.words[i/64] |= 1 << (i % 64) }
func (b *bitset) has(i int64) bool { return b.words[i/64]>>(i%64)&1 == 1 }

// index counts the marks; call it once all are made.
func (b *bitset) index() {
	b.before = nil
	count := int64(0)
	for i, w := range b.words {
		if i%wordsPerBlock == 0 {
			b.before = append(b.before, count)
		}
		count += int64(bits.OnesCount64(w))
	}
}

// at returns the place of mark number i, which must exist.
func (b *bitset) at(i int64) int64 {
	block := sort.Search(len(b.before), func(j int) bool { return b.before[j] > i }) - 1
	i -= b.before[block]
	for w := block * wordsPerBlock; ; w++ {
		word := b.words[w]
		if n := int64(bits.OnesCount64(word)); i >= n {
			i -= n
			continue
		}
		for ; i > 0; i-- {
			word &= word - 1
		}
		return int64(w)*64 + int64(bits.TrailingZeros64(word))
	}
}

// splitKey starts the draw of the documents that are held out. It is one number
// for all runs, and the seed they have by default: with a run's own seed, runs
// that differ in it would be measured on different texts.
const splitKey = 42

// HoldOut splits the documents in two by a hash of their text: about fraction
// of them into valid, the rest into train. Equal texts fall on the same side,
// and the choice depends on nothing but the text. Both have at least one
// document, unless there are no two different ones: then valid is empty.
func (d *Dataset) HoldOut(fraction float64) (train, valid *Dataset, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("the fraction to hold out is %v, expected a number between 0 and 1", fraction)
	}
	draw := func(doc document) uint64 { return mix(doc.hash ^ mix(splitKey)) }
	lowest, highest := uint64(math.MaxUint64), uint64(0)
	err = d.each(func(_ int64, doc document) error {
		lowest, highest = min(lowest, draw(doc)), max(highest, draw(doc))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	// Draws below the threshold are held out; it is moved where one side would
	// be empty.
	threshold := uint64(math.Ldexp(fraction, 64))
	if lowest < highest {
		threshold = min(max(threshold, lowest+1), highest)
	} else {
		threshold = 0
	}
	valid, err = d.choose(fmt.Sprintf("valid %v %d", fraction, splitKey), func(doc document) bool { return draw(doc) < threshold })
	if err != nil {
		return nil, nil, err
	}
	train, err = d.choose(fmt.Sprintf("train %v %d", fraction, splitKey), func(doc document) bool { return draw(doc) >= threshold })
	if err != nil {
		return nil, nil, errors.Join(err, valid.Close())
	}
	return train, valid, nil
}

// HeldOut is the share of the training documents that validates where
// data.valid is null.
const HeldOut = 0.05

// SplitOff holds out HeldOut of the documents for validation. A text of one
// document is cut first: prepare opens it in pieces of at most so many bytes.
func SplitOff(all *Dataset, prepare func(maxDocumentBytes int64) (*Dataset, error)) (train, valid *Dataset, err error) {
	if all.Documents() == 1 {
		if all, err = prepare(max(1, int64(HeldOut*float64(all.Bytes())))); err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, all.Close()) }() // its parts stay open
	}
	return all.HoldOut(HeldOut)
}

// choose returns the subset of the documents for which in is true.
func (d *Dataset) choose(name string, in func(document) bool) (*Dataset, error) {
	s := &Dataset{files: d.files, tok: d.tok, name: d.name + "/" + name, subset: newBitset(d.files.starts[len(d.files.starts)-1])}
	err := d.each(func(index int64, doc document) error {
		if in(doc) {
			if d.subset != nil {
				index = d.subset.at(index)
			}
			s.subset.mark(index)
			s.documents++
			s.tokens += doc.tokens
			s.bytes += doc.bytes
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.subset.index()
	d.files.users.Add(1)
	return s, nil
}
