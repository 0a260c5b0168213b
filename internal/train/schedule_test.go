package train_test

import (
	"math"
	"testing"

	"agiformer/internal/train"
)

func TestLearningRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		warmup, step int64
		want         float64
	}{
		{4000, 1, 1e-3 / 4000},
		{4000, 2000, 5e-4},
		{4000, 4000, 1e-3},
		{4000, 16000, 5e-4},
		{4000, 400000, 1e-4},
		{0, 1, 1e-3},
		{0, 4, 5e-4},
		{1, 9, 1e-3 / 3},
	} {
		if got := train.LearningRate(1e-3, c.warmup, c.step); math.Abs(got-c.want) > 1e-18 {
			t.Errorf("warmup %d, step %d: %v, want %v", c.warmup, c.step, got, c.want)
		}
	}
}
