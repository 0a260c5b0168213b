package train_test

import (
	"fmt"
	"testing"

	"agiformer/internal/torch"
)

// TestResumeIsBitEqual holds 24 steps straight against 8 + 8 + 8, the later
// ones with another rhythm of evaluations, on one thread and on two.
func TestResumeIsBitEqual(t *testing.T) {
	text := writeText(t, 40)
	for _, threads := range []int64{1, 2} {
		t.Run(fmt.Sprintf("%d threads", threads), func(t *testing.T) {
			defer func() {
				if err := torch.SetThreads(1); err != nil {
					t.Error(err)
				}
			}()
			straight, parts := tinyConfig(t, text), tinyConfig(t, text)
			straight.Hardware.Threads, parts.Hardware.Threads = &threads, &threads
			mustRun(t, straight, "none")
			for i, steps := range []int64{8, 16, 24} {
				parts.Training.MaxSteps, parts.Training.EvalInterval = steps, int64(5-i)
				mustRun(t, parts, "auto")
			}
			sameLosses(t, linesOf(t, straight.Run.Dir, "train"), linesOf(t, parts.Run.Dir, "train"))
		})
	}
}
