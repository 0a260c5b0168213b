package train_test

import (
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/train"
)

func TestKernelsFollowFromTheWidth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width, hidden int64
		want          int
	}{{128, 512, 1024}, {256, 1024, 301}, {512, 2048, 75}, {4096, 16384, 64}} {
		if got := train.Kernels(config.Model{DModel: c.width, DFF: c.hidden}); got != c.want {
			t.Errorf("width %d, %d hidden: %d kernels, want %d", c.width, c.hidden, got, c.want)
		}
	}
}
