package train_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"agiformer/internal/checkpoint"
	"agiformer/internal/exit"
)

// data.eval_skip_bytes leaves the first bytes of each document out of the
// evaluation, and is refused where it leaves nothing.
func TestEvaluationsSkipBytes(t *testing.T) {
	t.Parallel()
	text := writeText(t, 10)
	predicted := func(skip int64) (tokens, bytes int64) {
		cfg := tinyConfig(t, text)
		cfg.Training.MaxSteps, cfg.Data.EvalSkipBytes = 1, skip
		mustRun(t, cfg, "none")
		l := linesOf(t, cfg.Run.Dir, "eval")["1"]
		if err := errors.Join(json.Unmarshal(l["tokens"], &tokens), json.Unmarshal(l["bytes"], &bytes)); err != nil {
			t.Fatal(err)
		}
		return tokens, bytes
	}
	all, allBytes := predicted(0)
	some, someBytes := predicted(4)
	documents := (all - some) / 3 // of each the second to fourth byte are missing
	if some >= all || (all-some)%3 != 0 || documents < 1 || allBytes-someBytes != all-some {
		t.Errorf("%d tokens of %d bytes without the first four bytes, %d of %d with them", some, someBytes, all, allBytes)
	}
	cfg := tinyConfig(t, text)
	cfg.Data.EvalSkipBytes = 1 << 40
	if _, err := run(t, cfg, "none"); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "data.eval_skip_bytes=1099511627776") {
		t.Errorf("the error is %v, want one about data.eval_skip_bytes", err)
	}
}

// Evaluations of other tokens do not compare with the best of those before.
func TestTheBestIsForgottenWhereEvaluationsChange(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.LearningRate, cfg.Training.MaxSteps = 1e-30, 1 // nothing is learnt
	mustRun(t, cfg, "none")
	cfg.Training.MaxSteps = 2
	if out := mustRun(t, cfg, "auto"); strings.Contains(out, "forgotten") {
		t.Errorf("the evaluations are the same, and the run says %q", out)
	}
	cfg.Training.MaxSteps, cfg.Data.EvalSkipBytes = 3, 100
	out := mustRun(t, cfg, "auto")
	if best, ok := checkpoint.RunFolder(cfg.Run.Dir).Linked(checkpoint.BestLink); !strings.Contains(out, "forgotten") || !ok || best != 3 {
		t.Errorf("best is step %d, %v, and the run says %q", best, ok, out)
	}
}
