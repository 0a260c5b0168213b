//go:build !race

package morphology_test

import (
	"testing"

	"agiformer/internal/tokenizer/morphology"
)

// Segment does not allocate once its scratch has grown. Under the race detector
// a sync.Pool forgets at random what it is given.
func TestSegmentDoesNotAllocate(t *testing.T) {
	word, dst := []byte("evlerimizdekilerden"), make([]morphology.Morpheme, 0, 32)
	s := small()
	s.Segment(word, dst)
	if n := testing.AllocsPerRun(100, func() { s.Segment(word, dst) }); n > 0.5 {
		t.Errorf("%g allocations a word", n)
	}
}
