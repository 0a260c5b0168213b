package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// hook is where progress goes: it calls do once a line with the text appears.
type hook struct {
	bytes.Buffer
	text string
	do   func()
}

func (h *hook) Write(p []byte) (int, error) {
	if h.do != nil && strings.Contains(string(p), h.text) {
		h.do()
		h.do = nil
	}
	return h.Buffer.Write(p)
}

// runUntil trains and calls do once a line with the text is shown.
func runUntil(t *testing.T, cfg *config.Config, resume, text string, do func()) (string, error) {
	t.Helper()
	return runHooked(t, context.Background(), cfg, resume, text, do)
}

func runHooked(t *testing.T, ctx context.Context, cfg *config.Config, resume, text string, do func()) (string, error) {
	t.Helper()
	h := &hook{text: text, do: do}
	err := train.Run(ctx, cfg, treeOf(t, cfg), nil, train.RunOptions{Resume: resume, CacheDir: shared, Out: h})
	if h.do != nil {
		t.Errorf("no line has %q:\n%s", text, h)
	}
	return h.String(), err
}

func kill(signal syscall.Signal) func() {
	return func() {
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			panic(err)
		}
	}
}

// TestSignalsSaveARunThatGoesOnExactly sends a signal in start-up, after a
// step, in an evaluation and in a save; the run that is taken up again each
// time has the lines of one that nothing stopped.
func TestSignalsSaveARunThatGoesOnExactly(t *testing.T) {
	text := writeText(t, 30)
	rhythm := func(cfg *config.Config) *config.Config {
		cfg.Training.MaxSteps, cfg.Training.EvalInterval, cfg.Training.SaveInterval = 12, 4, 3
		return cfg
	}
	straight := rhythm(tinyConfig(t, text))
	mustRun(t, straight, "none")
	cfg := rhythm(tinyConfig(t, text))
	code := int64(75)
	cfg.Run.RequeueExitCode = &code
	for _, c := range []struct {
		text   string
		signal syscall.Signal
	}{
		{"data.train", syscall.SIGUSR1},   // data preparation
		{"model tiny", syscall.SIGTERM},   // start-up
		{"step 2/12", syscall.SIGTERM},    // after a step
		{"step 4/12", syscall.SIGINT},     // the evaluation comes next
		{"step 6: saved", syscall.SIGINT}, // in the save
		{"step 9/12", syscall.SIGUSR1},    // the save comes next
	} {
		out, err := runUntil(t, cfg, "auto", c.text, kill(c.signal))
		if exit.Code(err) != 75 {
			t.Fatalf("%s at %q: error %v, want one with exit code 75\n%s", c.signal, c.text, err, out)
		}
	}
	cfg.Run.RequeueExitCode = nil
	mustRun(t, cfg, "auto")
	sameLosses(t, linesOf(t, straight.Run.Dir, "train"), linesOf(t, cfg.Run.Dir, "train"))
	evals, want := linesOf(t, cfg.Run.Dir, "eval"), linesOf(t, straight.Run.Dir, "eval")
	for step := range want {
		if string(evals[step]["loss"]) != string(want[step]["loss"]) {
			t.Errorf("evaluation of step %s: loss %s, want %s", step, evals[step]["loss"], want[step]["loss"])
		}
	}
	if n := torch.Live(); n != 0 {
		t.Errorf("%d tensors left", n)
	}
}

func TestWithoutARequeueCodeAStoppedRunIsNoFailure(t *testing.T) {
	cfg := tinyConfig(t, writeText(t, 10))
	out, err := runUntil(t, cfg, "none", "step 3/24", kill(syscall.SIGTERM))
	if err != nil || !strings.Contains(out, "--resume "+cfg.Run.Dir) {
		t.Fatalf("error %v\n%s", err, out)
	}
	c, err := checkpoint.Open(cfg.Run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.State().Step; got != int64(len(linesOf(t, cfg.Run.Dir, "train"))) {
		t.Errorf("saved at step %d, not the last one trained", got)
	}
}

// TestStoppedAtEveryLine stops a run at each line it shows, in turn, and goes on.
func TestStoppedAtEveryLine(t *testing.T) {
	text := writeText(t, 20)
	rhythm := func(cfg *config.Config) *config.Config {
		cfg.Training.MaxSteps, cfg.Training.EvalInterval, cfg.Training.SaveInterval = 4, 2, 2
		return cfg
	}
	straight := rhythm(tinyConfig(t, text))
	mustRun(t, straight, "none")
	cfg := rhythm(tinyConfig(t, text))
	for _, at := range []string{"held out", "model tiny", "going on", "step 1/4", "step 2/4", "step 2: validation", "step 3/4", "step 4/4", "step 4: validating"} {
		ctx, cancel := context.WithCancel(context.Background())
		out, err := runHooked(t, ctx, cfg, "auto", at, cancel)
		cancel()
		if err != nil || !strings.Contains(out, "stopped by") {
			t.Fatalf("at %q: error %v\n%s", at, err, out)
		}
	}
	mustRun(t, cfg, "auto")
	sameLosses(t, linesOf(t, straight.Run.Dir, "train"), linesOf(t, cfg.Run.Dir, "train"))
	evals := linesOf(t, cfg.Run.Dir, "eval")
	for step, l := range linesOf(t, straight.Run.Dir, "eval") {
		if string(evals[step]["loss"]) != string(l["loss"]) {
			t.Errorf("evaluation of step %s: loss %s, want %s", step, evals[step]["loss"], l["loss"])
		}
	}
}

// After the last step and its evaluation there is nothing to go on with.
func TestASignalAfterTheLastStepFindsTheRunComplete(t *testing.T) {
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.MaxSteps = 4
	code := int64(75)
	cfg.Run.RequeueExitCode = &code
	out, err := runUntil(t, cfg, "none", "step 4: validation", kill(syscall.SIGTERM))
	if err != nil || !strings.Contains(out, "the run is complete: 4 steps") || strings.Contains(out, "stopped by") {
		t.Errorf("error %v\n%s", err, out)
	}
}

func TestASmallerNumberOfStepsCompletesARun(t *testing.T) {
	cfg := tinyConfig(t, writeText(t, 10))
	if _, err := runUntil(t, cfg, "none", "step 6/24", kill(syscall.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	cfg.Training.MaxSteps = 3
	out := mustRun(t, cfg, "auto")
	if !strings.Contains(out, "the run is complete: ") || strings.Contains(out, "stopped by") {
		t.Errorf("it says\n%s", out)
	}
	c, err := checkpoint.Open(cfg.Run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	best, linked := checkpoint.RunFolder(cfg.Run.Dir).Linked(checkpoint.BestLink)
	if s := c.State(); s.Evaluated != s.Step || !linked || best != s.Step {
		t.Errorf("evaluated %d, best %d (%v) at step %d", s.Evaluated, best, linked, s.Step)
	}
}

func TestAWarmUpLongerThanTheRunIsTold(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.MaxSteps, cfg.Training.WarmupSteps = 3, 30
	const want = "training.warmup_steps=30 is more than training.max_steps=3: the learning rate only rises, to 0.001 instead of training.learning_rate=0.01"
	if out := mustRun(t, cfg, "none"); !strings.Contains(out, want) {
		t.Errorf("nothing is told:\n%s", out)
	}
	if out := mustRun(t, cfg, "auto"); strings.Contains(out, "warmup_steps") {
		t.Errorf("a run that is complete is told of its warm-up:\n%s", out)
	}
}

func TestTimeLimitStopsTheRun(t *testing.T) {
	cfg := tinyConfig(t, writeText(t, 10))
	hours, code := 0.0000003, int64(99)
	cfg.Run.MaxHours, cfg.Run.RequeueExitCode = &hours, &code
	if _, err := run(t, cfg, "none"); exit.Code(err) != 99 || !strings.Contains(err.Error(), "stopped by run.max_hours=0.0000003, ") {
		t.Errorf("error %v", err)
	}
}

func TestStepsThatAreNotFiniteEndTheRunAndSpoilNothing(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.MaxSteps = 4
	mustRun(t, cfg, "none")
	cfg.Training.MaxSteps, cfg.Training.LearningRate = 50, 1e30
	out, err := run(t, cfg, "auto")
	if exit.Code(err) != exit.Failed {
		t.Fatalf("error %v\n%s", err, out)
	}
	for _, part := range []string{"max_bad_steps=3", "learning_rate", "gradient_clip", "step-00000004", "step 4 is as it was"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not speak of %q: %v", part, err)
		}
	}
	if c, err := checkpoint.Open(cfg.Run.Dir); err != nil || c.State().Step != 4 {
		t.Errorf("the saved checkpoint: %v", err)
	}
	bad := 0
	for _, l := range linesOf(t, cfg.Run.Dir, "train") {
		if string(l["loss"]) == "null" {
			bad++
		}
	}
	if bad != 3 {
		t.Errorf("%d train lines without a loss, want 3", bad)
	}
}

func TestResumeRefusesWhatCannotGoOn(t *testing.T) {
	t.Parallel()
	text := writeText(t, 10)
	cfg := tinyConfig(t, text)
	cfg.Training.MaxSteps = 2
	mustRun(t, cfg, "none")
	before := linesOf(t, cfg.Run.Dir, "train")
	seven := int64(7)
	for key, change := range map[string]func(c *config.Config){
		"model.d_ff":                           func(c *config.Config) { c.Model.DFF = 64 },
		"model.moe.load_balancing_scope":       func(c *config.Config) { c.Model.MoE.LoadBalancingScope = "sequence" },
		"model.max_segment_len":                func(c *config.Config) { c.Model.MaxSegmentLen = &seven },
		"seed":                                 func(c *config.Config) { c.Seed = 6 },
		"training.batch_size":                  func(c *config.Config) { c.Training.BatchSize = 4 },
		"training.gradient_accumulation_steps": func(c *config.Config) { c.Training.GradientAccumulationSteps = 1 },
		"data.train":                           func(c *config.Config) { c.Data.Train = []string{writeText(t, 11)} },
		"data.split":                           func(c *config.Config) { c.Data.Split = "line" },
	} {
		other := *cfg
		change(&other)
		_, err := run(t, &other, "auto")
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", key, err)
		}
	}
	if _, err := run(t, cfg, "none"); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "--resume auto") {
		t.Errorf("a used run folder without --resume: error %v", err)
	}
	if len(linesOf(t, cfg.Run.Dir, "train")) != len(before) {
		t.Error("a refused run has changed metrics.jsonl")
	}
	changed := *cfg
	changed.Model.Name, changed.Training.LearningRate, changed.Training.MaxSteps = "renamed", 0.001, 3
	mustRun(t, &changed, "auto")
}

func TestARunGoesOnElsewhereFromACheckpoint(t *testing.T) {
	text := writeText(t, 20)
	straight := tinyConfig(t, text)
	straight.Training.MaxSteps, straight.Training.SaveInterval = 6, 2
	mustRun(t, straight, "none")
	other := tinyConfig(t, text)
	other.Training.MaxSteps = 6
	folder := checkpoint.RunFolder(straight.Run.Dir)
	mustRun(t, other, folder.Path(2))
	want, got := linesOf(t, straight.Run.Dir, "train"), linesOf(t, other.Run.Dir, "train")
	delete(want, "1")
	delete(want, "2")
	sameLosses(t, want, got)
	// In the run's own folder the later checkpoints give way one by one.
	mustRun(t, straight, folder.Path(2))
	if dir, ok := train.RunFolderOf(folder.Path(2)); !ok || dir != straight.Run.Dir {
		t.Errorf("the checkpoint lies in the run %q, %v", dir, ok)
	}
	if c, err := checkpoint.Open(straight.Run.Dir); err != nil || c.State().Step != 6 {
		t.Errorf("the latest checkpoint: %v", err)
	}
	if _, err := run(t, other, straight.Run.Dir); exit.Code(err) != exit.BadInput {
		t.Errorf("two runs in one folder: error %v", err)
	}
}

// TestARunThatNeverBeganLeavesNothing: its user's mistake is told, and neither a
// log nor the folders made for it stay; what was there before does.
func TestARunThatNeverBeganLeavesNothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	cfg := tinyConfig(t, filepath.Join(root, "no such text"))
	refused := func(dir string) {
		t.Helper()
		cfg.Run.Dir = dir
		if _, err := run(t, cfg, "auto"); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "no such text") {
			t.Errorf("error %v", err)
		}
	}
	refused(filepath.Join(root, "outputs", "day", "time"))
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
	own := filepath.Join(root, "own")
	if err := os.Mkdir(own, 0o777); err != nil {
		t.Fatal(err)
	}
	refused(own)
	if left, err := os.ReadDir(own); err != nil || len(left) > 0 {
		t.Errorf("the user's folder: %v, %v", left, err)
	}
	notes := filepath.Join(own, "notes.txt")
	if err := os.WriteFile(notes, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	refused(own)
	if left, err := os.ReadDir(own); err != nil || len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("the user's folder: %v, %v", left, err)
	}
}

func TestTwoProcessesDoNotShareARunFolder(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.MaxSteps = 2
	var second error
	_, err := runUntil(t, cfg, "auto", "step 1/2", func() { _, second = run(t, cfg, "auto") })
	if err != nil || exit.Code(second) != exit.BadInput || !strings.Contains(second.Error(), "another process") {
		t.Errorf("first %v, second %v", err, second)
	}
}

func TestRetentionAndLinksFollowTheRun(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 20))
	cfg.Training.MaxSteps, cfg.Training.SaveInterval, cfg.Training.EvalInterval = 12, 2, 6
	cfg.Checkpoint.KeepLast = 2
	mustRun(t, cfg, "none")
	f := checkpoint.RunFolder(cfg.Run.Dir)
	best, ok := f.Linked(checkpoint.BestLink)
	c, err := checkpoint.Open(cfg.Run.Dir)
	if err != nil || !ok || c.State().Best == nil || c.State().Best.Step != best {
		t.Fatalf("best is step %d, %v, %v", best, ok, err)
	}
	want := map[int64]bool{10: true, 12: true, best: true}
	steps, err := f.Steps()
	if err != nil || len(steps) != len(want) {
		t.Errorf("kept %v, %v; want %v", steps, err, want)
	}
	for _, step := range steps {
		if !want[step] {
			t.Errorf("kept %v, want %v", steps, want)
		}
	}
}

// TestTheBestLinkFollowsACheckpointTakenUpAgain: a best step of the part that a
// run leaves behind is not the best of what it goes on with.
func TestTheBestLinkFollowsACheckpointTakenUpAgain(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 20))
	cfg.Training.MaxSteps, cfg.Training.SaveInterval, cfg.Training.EvalInterval = 6, 2, 2
	cfg.Checkpoint.KeepLast = 6
	mustRun(t, cfg, "none")
	f := checkpoint.RunFolder(cfg.Run.Dir)
	if best, _ := f.Linked(checkpoint.BestLink); best != 6 {
		t.Fatalf("best is step %d: the test wants a loss that falls", best)
	}
	cfg.Training.MaxSteps = 4 // reached: nothing is trained
	mustRun(t, cfg, f.Path(4))
	if best, ok := f.Linked(checkpoint.BestLink); !ok || best != 4 {
		t.Errorf("best is step %d, %v; want 4", best, ok)
	}
}

func TestANightlyRunIsHeldAgainstTheBest(t *testing.T) {
	t.Parallel()
	text, path := writeText(t, 20), filepath.Join(t.TempDir(), "best", "best.json")
	night := func(steps int64) error {
		cfg := tinyConfig(t, text)
		cfg.Training.MaxSteps, cfg.Run.CompareWith = steps, &path
		_, err := run(t, cfg, "none")
		return err
	}
	if err := night(6); err != nil {
		t.Fatal(err)
	}
	if err := night(2); exit.Code(err) != exit.NotBetter {
		t.Errorf("a worse night: error %v, want exit code 3", err)
	}
	if err := night(12); err != nil {
		t.Errorf("a better night: error %v", err)
	}
	again := tinyConfig(t, text)
	again.Training.MaxSteps, again.Run.CompareWith = 14, &path
	mustRun(t, again, "none")
	if out, err := run(t, again, "auto"); err != nil {
		t.Errorf("a night that had ended and was started again: %v\n%s", err, out)
	}
	// The folder is used again by a run that ends worse.
	if err := os.RemoveAll(again.Run.Dir); err != nil {
		t.Fatal(err)
	}
	again.Training.MaxSteps = 2
	if _, err := run(t, again, "none"); exit.Code(err) != exit.NotBetter {
		t.Errorf("a worse night in the same folder: error %v, want exit code 3", err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), `"step": 14`) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestDamagedCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.MaxSteps = 1
	mustRun(t, cfg, "none")
	path := filepath.Join(checkpoint.RunFolder(cfg.Run.Dir).Path(1), checkpoint.OptimizerFile)
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, cfg, "auto"); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}

func TestAFullDiskEndsTheRunWithASentence(t *testing.T) {
	t.Parallel()
	cfg := tinyConfig(t, writeText(t, 10))
	cfg.Training.MaxSteps = 2
	// The place of the checkpoints folder is taken by a file.
	if err := os.MkdirAll(cfg.Run.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Run.Dir, "checkpoints"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, cfg, "none")
	var pathError *os.PathError
	if err == nil || !errors.As(err, &pathError) || !strings.Contains(fmt.Sprint(err), "checkpoints") {
		t.Errorf("error %v", err)
	}
}

func TestGradientCheckpointingChangesNoLoss(t *testing.T) {
	text := writeText(t, 20)
	plain, recomputed := introspective(tinyConfig(t, text)), introspective(tinyConfig(t, text))
	plain.Training.MaxSteps, recomputed.Training.MaxSteps = 6, 6
	recomputed.Training.GradientCheckpointing = true
	mustRun(t, plain, "none")
	mustRun(t, recomputed, "none")
	sameLosses(t, linesOf(t, plain.Run.Dir, "train"), linesOf(t, recomputed.Run.Dir, "train"))
	if n := torch.Live(); n != 0 {
		t.Errorf("%d tensors left", n)
	}
}

// TestIntrospectionHasALossOfItsOwn: the train lines say what it adds to the
// loss, and say nothing of it where it is off.
func TestIntrospectionHasALossOfItsOwn(t *testing.T) {
	text := writeText(t, 20)
	with, without := introspective(tinyConfig(t, text)), tinyConfig(t, text)
	with.Training.MaxSteps, without.Training.MaxSteps = 4, 4
	mustRun(t, with, "none")
	mustRun(t, without, "none")
	for step, l := range linesOf(t, with.Run.Dir, "train") {
		var loss [4]float64
		for i, key := range []string{"loss", "lm_loss", "load_balancing_loss", "introspection_loss"} {
			if err := json.Unmarshal(l[key], &loss[i]); err != nil {
				t.Fatalf("step %s: %s is %s", step, key, l[key])
			}
		}
		// At weights of 0.5 and 0.1 two heads that know nothing cost 0.7 and the ponder cost is at least 0.1.
		if loss[3] < 0.1 || loss[3] > 2 || math.Abs(loss[0]-loss[1]-loss[2]-loss[3]) > 1e-9 {
			t.Errorf("step %s: loss %g of %g, %g and %g", step, loss[0], loss[1], loss[2], loss[3])
		}
	}
	for step, l := range linesOf(t, without.Run.Dir, "train") {
		if l["introspection_loss"] != nil {
			t.Errorf("step %s has an introspection_loss without introspection", step)
		}
	}
}
