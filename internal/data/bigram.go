package data

import (
	"fmt"
	"math"
)

// bigram counts how often a byte follows another within a document.
type bigram struct {
	pairs [256][256]int64
	total [256]int64 // sums of the rows
	bytes [256]int64
	all   int64
}

// Bigram returns the bits per byte that a byte-bigram model fitted on train
// needs for valid: the mean of -log2 P(b|a) over every byte b of a document but
// its first, a the byte before. P is interpolated after Witten and Bell ("The
// zero-frequency problem", 1991), down to the uniform distribution over 256:
// after n occurrences of a with t different successors
//
//	P(b|a) = (count(a b) + t·P(b)) / (n + t)
//
// o bounds valid to the bytes that such an evaluation of the byte tokenizer
// predicts, so that both are of the same text.
func Bigram(train, valid *Dataset, o EvaluationOptions) (float64, error) {
	m := new(bigram)
	err := train.eachPair(func(a, b byte, first bool) {
		m.bytes[b]++
		m.all++
		if !first {
			m.pairs[a][b]++
			m.total[a]++
		}
	})
	if err != nil {
		return 0, err
	}
	cost := m.costs()
	bits, count, before := 0.0, int64(0), int64(0)
	err = NewEvaluation(valid, o).eachPair(func(a, b byte, first bool) {
		if first {
			before = 0
			return
		}
		if before++; before >= o.SkipBytes {
			bits += cost[a][b]
			count++
		}
	})
	if err != nil {
		return 0, err
	}
	if count == 0 {
		return 0, fmt.Errorf("the validation text has no document of two bytes and more than data.eval_skip_bytes, so nothing is predicted in it: name other files")
	}
	return bits / float64(count), nil
}

// costs returns -log2 P(b|a) of every pair.
func (m *bigram) costs() *[256][256]float64 {
	var uniform [256]float64
	for b := range uniform {
		uniform[b] = 1.0 / 256
	}
	unigram := interpolate(&m.bytes, m.all, &uniform)
	cost := new([256][256]float64)
	for a := range cost {
		p := interpolate(&m.pairs[a], m.total[a], &unigram)
		for b := range p {
			cost[a][b] = -math.Log2(p[b])
		}
	}
	return cost
}

// interpolate mixes counts, n in all, with what to believe without them.
func interpolate(counts *[256]int64, n int64, prior *[256]float64) [256]float64 {
	if n == 0 {
		return *prior
	}
	different := 0
	for _, c := range counts {
		if c > 0 {
			different++
		}
	}
	var p [256]float64
	for b := range p {
		p[b] = (float64(counts[b]) + float64(different)*prior[b]) / (float64(n) + float64(different))
	}
	return p
}

// eachPair calls f with every byte b of the documents' text and the byte a
// before it; the first of a document has none.
func (d *Dataset) eachPair(f func(a, b byte, first bool)) error { return d.eachChunk(d.pairs(f)) }

// eachPair is eachPair of the planned documents, as far as they are predicted.
func (e *Evaluation) eachPair(f func(a, b byte, first bool)) error {
	r, add := newChunkReader(), e.ds.pairs(f)
	for _, p := range e.plan {
		doc, err := e.ds.locate(p.index)
		if err != nil {
			return err
		}
		if err := r.read(doc, p.predicted+1, add); err != nil {
			return err
		}
	}
	return e.err
}

// pairs returns what takes documents' ids, piece by piece, and calls f with
// their bytes.
func (d *Dataset) pairs(f func(a, b byte, first bool)) func(ids []int32, first bool) {
	var last byte
	return func(ids []int32, first bool) {
		for _, b := range d.tok.Decode(ids) {
			f(last, b, first)
			last, first = b, false
		}
	}
}
