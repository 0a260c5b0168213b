package unigram

import (
	"context"
	"math"
	"slices"
	"sync"
)

// overShards runs f on every shard at once, each with counters of its own, and
// returns their sums, added in the order of the shards.
func (t *trainer) overShards(f func(shard []Item, counts []float64)) []float64 {
	parts := make([][]float64, len(t.shards))
	gate := make(chan struct{}, workers())
	var wait sync.WaitGroup
	for i, shard := range t.shards {
		wait.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			parts[i] = make([]float64, len(t.pieces))
			f(shard, parts[i])
		})
	}
	wait.Wait()
	sum := parts[0]
	for _, part := range parts[1:] {
		for i, n := range part {
			sum[i] += n
		}
	}
	return sum
}

// each calls f with the items, until ctx ends.
func each(ctx context.Context, items []Item, f func(Item)) {
	for _, item := range items {
		if ctx.Err() != nil {
			return
		}
		f(item)
	}
}

// occurrences adds to counts how often each piece stands in the items.
func occurrences(ctx context.Context, items []Item, tree *trie, join Join, counts []float64) {
	var ends []int32
	each(ctx, items, func(item Item) {
		ends = slices.Grow(ends[:0], len(item.Text)+1)[:len(item.Text)+1]
		fillParts(ends, item.Cuts)
		for i := range item.Text {
			node := int32(0)
			for j := i; j < len(item.Text); j++ {
				if node = tree.step(node, item.Text[j]); node == 0 {
					break
				}
				if piece := tree.value[node]; piece >= 0 && join.allowed(ends, i, j+1) {
					counts[piece] += float64(item.Count)
				}
			}
		}
	})
}

// fit makes the steps of EM that a round has.
func (t *trainer) fit(ctx context.Context) error {
	for range subIterations {
		if t.step(ctx); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// step is one step of EM: the expected counts of the pieces under the scores,
// then the scores from the counts. Counts enter by exp(digamma), which takes
// from the rare (a Dirichlet prior over an unbounded vocabulary); pieces that
// are hardly ever expected go.
func (t *trainer) step(ctx context.Context) {
	texts := make([]string, len(t.pieces))
	weights := make([]float64, len(t.pieces))
	for i, p := range t.pieces {
		texts[i] = p.Text
		weights[i] = math.Exp(p.Score + natsPerByte*float64(len(p.Text)))
	}
	tree := newTrie(texts)
	t.counts = t.overShards(func(shard []Item, counts []float64) {
		e := expectation{tree: tree, join: t.o.Join, weights: weights, counts: counts}
		each(ctx, shard, e.add)
	})
	t.maximize()
}

func (t *trainer) maximize() {
	kept, counts, total := t.pieces[:0], t.counts[:0], 0.0
	for i, p := range t.pieces {
		n := t.counts[i]
		if n < leastCount {
			if !t.keep[p.Text] && !single(p.Text) {
				continue
			}
			n = leastCount
		}
		kept, counts = append(kept, p), append(counts, n)
		total += n
	}
	t.pieces, t.counts = kept, counts
	norm := digamma(total)
	for i := range t.pieces {
		t.pieces[i].Score = digamma(counts[i]) - norm
	}
}

// natsPerByte multiplies a piece's weight by a constant for each byte. All
// segmentations of a text cover the same bytes, so it changes no expectation,
// and it keeps the products of weights near 1 without logarithms.
const natsPerByte = 2

// expectation adds up expected counts by the forward-backward algorithm.
type expectation struct {
	tree            *trie
	join            Join
	weights, counts []float64
	alpha, beta     []float64
	ends            []int32
	edges           []edge
}

// edge is a piece at a place.
type edge struct{ from, to, piece int32 }

func (e *expectation) add(item Item) {
	n := len(item.Text)
	e.alpha, e.beta = zeros(e.alpha, n+1), zeros(e.beta, n+1)
	e.ends = slices.Grow(e.ends[:0], n+1)[:n+1]
	fillParts(e.ends, item.Cuts)
	e.forward(item.Text)
	total := e.alpha[n]
	if !(total > 0) || math.IsInf(total, 0) {
		return // too long for the range of a float64: no text that matters
	}
	e.beta[n] = 1
	for i := len(e.edges) - 1; i >= 0; i-- {
		g := e.edges[i]
		w := unknownWeight
		if g.piece >= 0 {
			w = e.weights[g.piece]
			e.counts[g.piece] += float64(item.Count) * e.alpha[g.from] * w * e.beta[g.to] / total
		}
		e.beta[g.from] += w * e.beta[g.to]
	}
}

// unknownWeight is the weight of a character that is no piece.
const unknownWeight = 1e-9

// forward fills alpha, the weight of all ways to each place, and the edges in
// the order of their beginnings.
func (e *expectation) forward(text string) {
	e.alpha[0] = 1
	e.edges = e.edges[:0]
	for i, r := range text {
		here, node := e.alpha[i], int32(0)
		size := len(string(r))
		known := false
		for j := i; j < len(text); j++ {
			if node = e.tree.step(node, text[j]); node == 0 {
				break
			}
			piece := e.tree.value[node]
			if piece < 0 || !e.join.allowed(e.ends, i, j+1) {
				continue
			}
			known = known || j+1 == i+size
			e.alpha[j+1] += here * e.weights[piece]
			e.edges = append(e.edges, edge{int32(i), int32(j + 1), piece})
		}
		if !known {
			e.alpha[i+size] += here * unknownWeight
			e.edges = append(e.edges, edge{int32(i), int32(i + size), Unknown})
		}
	}
}

func zeros(s []float64, n int) []float64 {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// digamma is the derivative of ln Γ, for x > 0, by its recurrence and its
// asymptotic series.
func digamma(x float64) float64 {
	result := 0.0
	for ; x < 7; x++ {
		result -= 1 / x
	}
	x -= 0.5
	square := 1 / (x * x)
	return result + math.Log(x) + square*(1.0/24-square*(7.0/960-square*31.0/8064))
}
