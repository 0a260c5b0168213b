package words_test

import (
	"testing"

	"agiformer/internal/words"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 lanes", 1: "1 lane", 2: "2 lanes", 21: "21 lanes"} {
		if got := words.Count(n, "lane"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
