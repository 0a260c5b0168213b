package blackbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every process; a test that waits this long has failed.
const patience = 3 * time.Minute

// program is one call of the binary.
type program struct {
	arguments []string
	folder    string   // working directory; empty is a new one
	set       []string // further environment, NAME=value
	bare      bool     // an empty environment but for set
	file      string   // another copy of the binary
	stdin     string
}

// ended is how a process ended.
type ended struct {
	stdout, stderr string
	code           int // -1: killed
}

func agiformer(t *testing.T, arguments ...string) ended {
	t.Helper()
	return program{arguments: arguments}.run(t)
}

// succeed runs the binary, which has to exit with 0, and returns its output.
func succeed(t *testing.T, arguments ...string) string {
	t.Helper()
	return agiformer(t, arguments...).ok(t).stdout
}

func (e ended) ok(t *testing.T) ended {
	t.Helper()
	if e.code != 0 {
		t.Fatalf("exit code %d, want 0; standard error:\n%s", e.code, e.stderr)
	}
	return e
}

func (p program) command(t *testing.T) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	file := p.file
	if file == "" {
		file = binary
	}
	c = exec.Command(file, p.arguments...)
	c.Dir = p.folder
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	c.Env = append(environment(p.bare), p.set...)
	c.Stdin = strings.NewReader(p.stdin)
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	c.Stdout, c.Stderr = stdout, stderr
	return c, stdout, stderr
}

// environment keeps the user's settings and cache out of the tests.
func environment(bare bool) []string {
	if bare {
		return nil
	}
	variables := []string{"HOME=" + scratch, "XDG_CACHE_HOME=" + filepath.Join(scratch, "cache"), "OMP_NUM_THREADS=1"}
	for _, name := range []string{"PATH", "LIBTORCH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			variables = append(variables, name+"="+value)
		}
	}
	return variables
}

func (p program) run(t *testing.T) ended {
	t.Helper()
	command, stdout, stderr := p.command(t)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	alarm := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	defer alarm.Stop()
	code := exitCode(t, command.Wait())
	return ended{stdout.String(), stderr.String(), code}
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var failure *exec.ExitError
	if err == nil {
		return 0
	}
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	return failure.ExitCode()
}

// tiny are overrides that make a run of a second: two experts, memory,
// dropout, segments of 32 bytes, four lanes in two micro-batches.
func tiny(runDir string, more ...string) []string {
	return append([]string{
		"train", "model=text_only", "hardware=cpu", "run.dir=" + runDir,
		"model.d_model=32", "model.n_layers=2", "model.n_heads=2", "model.d_ff=64",
		"model.memory_size=8", "model.max_seq_len=32",
		"training.batch_size=2", "training.gradient_accumulation_steps=2", "training.learning_rate=0.003",
		"training.warmup_steps=5", "training.max_steps=20", "training.save_interval=5", "training.eval_interval=10",
		"data.train=" + trainText, "data.valid=" + validText, "data.split=blank_line",
		"logging.log_interval=1",
	}, more...)
}

// trained is a run of 20 steps that all tests may read.
var trained = struct {
	sync.Once
	folder string
}{}

func trainedRun(t *testing.T) string {
	t.Helper()
	trained.Do(func() {
		folder := filepath.Join(scratch, "trained")
		agiformer(t, tiny(folder)...).ok(t)
		trained.folder = folder
	})
	if trained.folder == "" {
		t.Fatal("the shared run could not be trained; see the first test that needed it")
	}
	return trained.folder
}

// line is one line of metrics.jsonl, numbers as they are written.
type line map[string]json.RawMessage

func (l line) event() string { return strings.Trim(string(l["event"]), `"`) }

func (l line) step(t *testing.T) int {
	t.Helper()
	var step int
	if err := json.Unmarshal(l["step"], &step); err != nil {
		t.Fatalf("step %s: %v", l["step"], err)
	}
	return step
}

// metrics reads a run's complete lines; none where there is no file yet.
func metrics(t *testing.T, runDir string) []line {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(runDir, "metrics.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	complete := file[:bytes.LastIndexByte(file, '\n')+1]
	var lines []line
	for scanner := bufio.NewScanner(bytes.NewReader(complete)); scanner.Scan(); {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("metrics.jsonl: %v in %s", err, scanner.Text())
		}
		lines = append(lines, l)
	}
	return lines
}

// losses gives the train lines' numbers that training decides, by step, each
// exactly as written. A step that stands there twice is an error.
func losses(t *testing.T, runDir string) map[int]string {
	t.Helper()
	byStep := map[int]string{}
	for _, l := range metrics(t, runDir) {
		if l.event() != "train" {
			continue
		}
		step := l.step(t)
		if _, twice := byStep[step]; twice {
			t.Fatalf("step %d stands twice in metrics.jsonl of %s", step, runDir)
		}
		var numbers []string
		for _, key := range []string{"loss", "lm_loss", "load_balancing_loss", "lr", "grad_norm", "tokens"} {
			numbers = append(numbers, key+" "+string(l[key]))
		}
		byStep[step] = strings.Join(numbers, ", ")
	}
	return byStep
}

// sameLosses compares two runs step by step, bit by bit.
func sameLosses(t *testing.T, want, got map[int]string) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d steps, want %d", len(got), len(want))
	}
	for step := 1; step <= len(want); step++ {
		if want[step] != got[step] {
			t.Fatalf("step %d is\n  %s, want\n  %s", step, got[step], want[step])
		}
	}
}

// untilStep waits until a running process has logged the step.
func untilStep(t *testing.T, runDir string, step int, over <-chan struct{}) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		lines := metrics(t, runDir)
		if n := len(lines); n > 0 && lines[n-1].step(t) >= step {
			return
		}
		select {
		case <-over:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("step %d was not reached in %v", step, patience)
}
