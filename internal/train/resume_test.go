package train_test

import (
	"path/filepath"
	"testing"
)

// TestResumeIsBitEqual holds 24 steps straight against 8 + 8 + 8, the later
// ones with another rhythm of evaluations.
func TestResumeIsBitEqual(t *testing.T) {
	text := writeText(t, 40)
	straight := tinyConfig(t, text)
	mustRun(t, straight, "none")
	parts := tinyConfig(t, text)
	for i, steps := range []int64{8, 16, 24} {
		parts.Training.MaxSteps = steps
		parts.Training.EvalInterval = int64(5 - i)
		mustRun(t, parts, "auto")
	}
	sameLosses(t, linesOf(t, straight.Run.Dir, "train"), linesOf(t, parts.Run.Dir, "train"))
	if steps, err := filepath.Glob(filepath.Join(parts.Run.Dir, "checkpoints", "*")); err != nil || len(steps) == 0 {
		t.Errorf("checkpoints %v, %v", steps, err)
	}
}
