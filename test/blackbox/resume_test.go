package blackbox

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The journey of a user: train, lose the machine, go on, evaluate, generate.
func TestTrainKillResumeEvaluateGenerate(t *testing.T) {
	t.Parallel()
	run := filepath.Join(t.TempDir(), "run")
	killed := startUntil(t, tiny(run), run, 10, syscall.SIGKILL)
	if killed.code != -1 {
		t.Fatalf("exit code %d before the kill:\n%s", killed.code, killed.stderr)
	}
	succeed(t, tiny(run, "--resume", "auto")...)
	if got := losses(t, run); len(got) != 20 {
		t.Fatalf("metrics.jsonl holds %d train steps, want 20", len(got))
	}
	var report map[string]any
	out := succeed(t, "eval", "--checkpoint", run, "--data", validText, "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("eval --json printed %q: %v", out, err)
	}
	for _, key := range []string{"loss", "perplexity", "bits_per_byte", "accuracy", "bytes", "tokens", "seconds"} {
		if value, ok := report[key].(float64); !ok || value < 0 {
			t.Errorf("eval --json has %s = %v, want a number", key, report[key])
		}
	}
	if bits := report["bits_per_byte"].(float64); bits >= 8 {
		t.Errorf("%g bits per byte after training, want less than the 8 of a guess", bits)
	}
	text := succeed(t, "generate", "--checkpoint", run, "--prompt", "Ali evde ", "--max-new-tokens", "20", "--seed", "1")
	if text == "" {
		t.Error("generate printed nothing")
	}
	for _, name := range []string{"config.yaml", "overrides.yaml", "train.log", "metrics.jsonl", "tensorboard", "checkpoints/latest/MANIFEST.json", "checkpoints/best/model.safetensors"} {
		if _, err := os.Stat(filepath.Join(run, name)); err != nil {
			t.Errorf("the run folder lacks %s: %v", name, err)
		}
	}
}

// startUntil starts a run, sends it a signal once a step is logged, and waits.
func startUntil(t *testing.T, arguments []string, runDir string, step int, signal syscall.Signal) ended {
	t.Helper()
	command, stdout, stderr := program{arguments: arguments}.command(t)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	var code int
	go func() {
		defer close(over)
		code = exitCode(t, command.Wait())
	}()
	untilStep(t, runDir, step, over)
	_ = command.Process.Signal(signal)
	select {
	case <-over:
	case <-time.After(patience):
		_ = command.Process.Kill()
		<-over
		t.Fatalf("the run did not end within %v of %v", patience, signal)
	}
	return ended{stdout.String(), stderr.String(), code}
}

// 24 steps straight are 8 + 8 + 8 with a resume between, also with another
// rhythm of evaluations, on one thread and on two.
func TestResumingIsBitEqual(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		threads string
		more    []string
	}{
		"1 thread": {"1", nil}, "2 threads": {"2", nil},
		// Some two documents a lane, of which the last goes on in the next step.
		"isolated documents": {"1", []string{"data.packing=isolate", "model.max_seq_len=400"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := func(run, count, rhythm, resume string) {
				program{
					arguments: tiny(run, append([]string{"training.max_steps=" + count, "training.save_interval=0",
						"training.eval_interval=" + rhythm, "--resume", resume}, c.more...)...),
					// passive: threads that wait give their core to other tests.
					set: []string{"OMP_NUM_THREADS=" + c.threads, "OMP_WAIT_POLICY=passive"},
				}.run(t).ok(t)
			}
			straight, parts := filepath.Join(t.TempDir(), "straight"), filepath.Join(t.TempDir(), "parts")
			steps(straight, "24", "0", "none")
			steps(parts, "8", "3", "none")
			steps(parts, "16", "5", "auto")
			steps(parts, "24", "0", parts)
			sameLosses(t, losses(t, straight), losses(t, parts))
		})
	}
}

// Whenever a run is killed, while it saves too, its latest checkpoint loads and
// the steps after it are those of a run that nobody killed.
func TestKillsLoseNothing(t *testing.T) {
	t.Parallel()
	const steps = 40
	overrides := []string{"training.max_steps=40", "training.save_interval=1", "training.eval_interval=0"}
	reference := filepath.Join(t.TempDir(), "reference")
	began := time.Now()
	succeed(t, tiny(reference, overrides...)...)
	whole := time.Since(began)
	want := losses(t, reference)
	if len(want) != steps {
		t.Fatalf("the reference logged %d steps, want %d", len(want), steps)
	}
	moments := rand.New(rand.NewPCG(uint64(*killSeed), 0))
	run := filepath.Join(t.TempDir(), "run")
	for kill := 1; kill <= *killCount; kill++ {
		after := time.Duration(moments.Float64() * float64(whole))
		command, stdout, stderr := program{arguments: append(tiny(run, overrides...), "--resume", "auto")}.command(t)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		alarm := time.AfterFunc(after, func() { _ = command.Process.Kill() })
		code := exitCode(t, command.Wait())
		alarm.Stop()
		if code != 0 && code != -1 {
			t.Fatalf("kill %d: the resumed run failed with exit code %d:\n%s", kill, code, stderr)
		}
		compareSoFar(t, want, losses(t, run))
		if code == 0 { // it ended before the kill: begin another run
			if !strings.Contains(stdout.String(), "the run is complete") {
				t.Fatalf("kill %d: the run ended by itself before its last step:\n%s%s", kill, stdout, stderr)
			}
			sameLosses(t, want, losses(t, run))
			run = filepath.Join(t.TempDir(), "run")
		}
	}
	succeed(t, append(tiny(run, overrides...), "--resume", "auto")...)
	sameLosses(t, want, losses(t, run))
}

// compareSoFar holds the logged steps of an unfinished run to the reference.
func compareSoFar(t *testing.T, want, got map[int]string) {
	t.Helper()
	for step := 1; step <= len(got); step++ {
		if want[step] != got[step] {
			t.Fatalf("step %d is\n  %s, want\n  %s", step, got[step], want[step])
		}
	}
}

func TestSignalsSaveAndExit(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		signal syscall.Signal
		more   []string
		code   int
	}{
		"SIGTERM":            {syscall.SIGTERM, nil, 0},
		"SIGINT":             {syscall.SIGINT, nil, 0},
		"SIGUSR1 in a queue": {syscall.SIGUSR1, []string{"run.requeue_exit_code=75"}, 75},
		// Most of this run's time is evaluation and saving.
		"SIGTERM in between": {syscall.SIGTERM, []string{"training.eval_interval=1", "training.save_interval=1"}, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := filepath.Join(t.TempDir(), "run")
			long := append([]string{"training.max_steps=100000", "training.save_interval=0", "training.eval_interval=0"}, c.more...)
			end := startUntil(t, tiny(run, long...), run, 3, c.signal)
			if end.code != c.code {
				t.Fatalf("exit code %d, want %d:\n%s", end.code, c.code, end.stderr)
			}
			done := len(losses(t, run))
			var state struct{ Step int }
			data, err := os.ReadFile(filepath.Join(run, "checkpoints", "latest", "state.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &state); err != nil {
				t.Fatal(err)
			}
			if state.Step < 3 || state.Step != done {
				t.Errorf("saved at step %d after %d logged steps, want the last one", state.Step, done)
			}
		})
	}
}

// A run that is stopped before its first step has nothing to save; it ends well
// and the same command starts it again.
func TestSignalAtTheStart(t *testing.T) {
	t.Parallel()
	run := filepath.Join(t.TempDir(), "run")
	command, _, stderr := program{arguments: tiny(run, "--resume", "auto")}.command(t)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for { // the log is opened after the signals are
		if _, err := os.Stat(filepath.Join(run, "train.log")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_ = command.Process.Signal(syscall.SIGTERM)
	if code := exitCode(t, command.Wait()); code != 0 {
		t.Fatalf("exit code %d, want 0:\n%s", code, stderr)
	}
	succeed(t, tiny(run, "training.max_steps=2", "--resume", "auto")...)
	if got := losses(t, run); len(got) < 2 {
		t.Errorf("%d steps after the second start, want 2", len(got))
	}
}

// A checkpoint fixes what its numbers depend on.
func TestResumeRefusesAnotherRunsSettings(t *testing.T) {
	t.Parallel()
	run := trainedRun(t)
	otherText := writeFile(t, "other.txt", []byte(documents(3, 40)))
	cases := map[string][]string{
		"model.d_model":                        {"model.d_model=64"},
		"model.n_layers":                       {"model.n_layers=1"},
		"data.train":                           {"data.train=" + otherText},
		"seed":                                 {"seed=7"},
		"training.batch_size":                  {"training.batch_size=4"},
		"training.gradient_accumulation_steps": {"training.gradient_accumulation_steps=1"},
	}
	for key, override := range cases {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "run")
			refused(t, agiformer(t, append(tiny(folder, override...), "--resume", run)...), key[strings.LastIndex(key, ".")+1:])
		})
	}
	t.Run("without --resume", func(t *testing.T) {
		t.Parallel()
		refused(t, agiformer(t, tiny(run)...), "--resume")
	})
	t.Run("nothing there", func(t *testing.T) {
		t.Parallel()
		refused(t, agiformer(t, append(tiny(filepath.Join(t.TempDir(), "run")), "--resume", "no/such/run")...), "no/such/run")
	})
}
