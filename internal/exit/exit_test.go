package exit_test

import (
	"errors"
	"fmt"
	"testing"

	"agiformer/internal/exit"
)

func TestCode(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	cases := map[string]struct {
		err  error
		want int
	}{
		"nil":              {nil, 0},
		"nil usage":        {exit.Usage(nil), 0},
		"plain":            {plain, 1},
		"usage":            {exit.Usage(plain), 2},
		"wrapped usage":    {fmt.Errorf("train: %w", exit.Usage(plain)), 2},
		"requeue":          {exit.With(exit.Requeue, plain), 75},
		"outermost counts": {exit.With(exit.NotBetter, exit.Usage(plain)), 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := exit.Code(c.err); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
	if !errors.Is(exit.Usage(plain), plain) {
		t.Error("a marked error must unwrap to the error that it marks")
	}
}
