package unigram

import (
	"context"
	"math"
	"slices"
	"sync"
)

// prune removes the pieces whose loss costs the corpus the least likelihood: a
// piece of count n that goes is spelt by its best other segmentation. Pieces
// that must stay and single characters do. It tells whether any piece went.
func (t *trainer) prune(ctx context.Context) bool {
	before := len(t.pieces)
	losses := t.losses(ctx)
	var free []int // of the pieces that may go, by falling loss
	kept := 0
	for i, p := range t.pieces {
		if len(p.Text) == 1 {
			continue
		}
		if t.keep[p.Text] || single(p.Text) {
			kept++
		} else {
			free = append(free, i)
		}
	}
	slices.SortStableFunc(free, func(a, b int) int {
		switch {
		case losses[a] > losses[b]:
			return -1
		case losses[a] < losses[b]:
			return 1
		}
		return a - b
	})
	size := max(t.wanted(), int(shrink*float64(kept+len(free))))
	for _, i := range free[min(len(free), max(0, size-kept)):] {
		t.pieces[i].Text = ""
	}
	t.pieces = slices.DeleteFunc(t.pieces, func(p Piece) bool { return p.Text == "" })
	return len(t.pieces) < before
}

// losses returns for each piece how much log-likelihood the corpus loses
// without it, in nats.
func (t *trainer) losses(ctx context.Context) []float64 {
	v, err := NewVocabulary(t.pieces, JoinNone)
	if err != nil {
		panic(err) // the trainer made the pieces
	}
	total := 0.0
	for _, n := range t.counts {
		total += n
	}
	losses := make([]float64, len(t.pieces))
	var wait sync.WaitGroup
	n := workers()
	for w := range n {
		wait.Go(func() {
			s := v.NewSegmenter()
			for i := w * len(losses) / n; i < (w+1)*len(losses)/n && ctx.Err() == nil; i++ {
				losses[i] = t.loss(s, i, total)
			}
		})
	}
	wait.Wait()
	return losses
}

// loss returns what piece i is worth. When it goes, its count goes to the
// pieces of its best other segmentation.
func (t *trainer) loss(s *Segmenter, i int, total float64) float64 {
	p := t.pieces[i]
	if len(p.Text) == 1 || single(p.Text) {
		return math.Inf(1)
	}
	tokens := s.without([]byte(p.Text), int32(i))
	n := t.counts[i]
	after := 0.0
	newTotal := math.Log(total + n*float64(len(tokens)-1))
	for _, token := range tokens {
		if token.Piece == Unknown {
			return math.Inf(1)
		}
		after += math.Log(t.counts[token.Piece]+n) - newTotal
	}
	return n * (math.Log(n) - math.Log(total) - after)
}

// without returns the best segmentation of text that does not use the piece.
func (s *Segmenter) without(text []byte, piece int32) []Token {
	s.skip = piece
	defer func() { s.skip = Unknown }()
	return s.viterbi(text, 0, nil, nil)
}
