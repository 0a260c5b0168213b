package blackbox

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A sweep of two rows, one with two seeds, loses a run; resumed, it trains that
// one alone and writes the same table.
func TestSweepOfRowsResumesAndEndsInATable(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	root := filepath.Join(folder, "rows")
	arguments := without(tiny("x", "training.max_steps=4", "training.eval_interval=2", "training.save_interval=2", "-m", "--resume", "auto",
		"sweep.dir="+root, "sweep.rows=[{name:language and logic,seeds:[1,2]},{name:language alone,overrides:['model.n_experts=1','model.expert_types=[language]']}]"),
		"run.dir=x")
	sweep := program{folder: folder, arguments: arguments}
	first := sweep.run(t).ok(t).stdout
	runs := []string{"language-and-logic-seed1", "language-and-logic-seed2", "language-alone-seed42"}
	for _, run := range runs {
		if steps := losses(t, filepath.Join(root, run)); len(steps) != 4 {
			t.Errorf("%s holds %d steps, want 4", run, len(steps))
		}
	}
	before := tableLines(t, root)
	if len(before) != 2 || len(before[0].Runs) != 2 || before[1].Name != "language alone" || before[1].BitsPerByte <= 0 {
		t.Fatalf("table.json holds %+v", before)
	}
	if !strings.Contains(first, "| language alone ") {
		t.Errorf("the table was not printed:\n%s", first)
	}

	if err := os.RemoveAll(filepath.Join(root, runs[1])); err != nil {
		t.Fatal(err)
	}
	again := sweep.run(t).ok(t).stdout
	if said := strings.Count(again, "The run is complete"); said != 2 {
		t.Errorf("%d jobs were left out as complete, want 2:\n%s", said, again)
	}
	if steps := losses(t, filepath.Join(root, runs[1])); len(steps) != 4 {
		t.Errorf("the lost run holds %d steps, want 4", len(steps))
	}
	kept, err := os.ReadFile(filepath.Join(root, runs[0], "config.yaml"))
	if err != nil || !strings.Contains(string(kept), "rows: null") {
		t.Errorf("a run's own configuration still holds the rows of the sweep (%v):\n%s", err, kept)
	}
	if after := tableLines(t, root); len(after) != 2 || len(after[0].Runs) != 2 || after[0].BitsPerByte != before[0].BitsPerByte {
		t.Errorf("the table after resuming is another: %+v, before %+v", after, before)
	}
}

// A sweep that a signal stops says how to go on, and goes on so.
func TestAStoppedSweepGoesOnAsItSays(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	arguments := without(tiny("x", "seed=1,2", "training.max_steps=60", "-m"), "run.dir=x")
	command, _, stderr := program{folder: folder, arguments: arguments}.command(t)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); _ = command.Wait() }()
	first := waitForFolder(t, filepath.Join(folder, "multirun", "*", "*", "0"), over)
	untilStep(t, first, 2, over)
	_ = command.Process.Signal(syscall.SIGINT)
	<-over
	root, err := filepath.Rel(folder, filepath.Dir(first))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(first, "train.log"))
	if err != nil || !strings.Contains(string(log), "the sweep's command with --resume auto goes on") {
		t.Errorf("the job's last words (%v):\n%s", err, log)
	}
	again := []string{"--resume", "auto", "sweep.dir=" + root}
	if want := "the same command with " + strings.Join(again, " ") + " goes on"; !strings.Contains(stderr.String(), want) {
		t.Fatalf("the sweep's last words lack %q:\n%s", want, stderr)
	}
	program{folder: folder, arguments: append(arguments, again...)}.run(t).ok(t)
	for _, job := range []string{"0", "1"} {
		if steps := losses(t, filepath.Join(folder, root, job)); len(steps) != 60 {
			t.Errorf("job %s holds %d steps, want 60", job, len(steps))
		}
	}
}

// waitForFolder returns the one folder that matches a pattern once it is there.
func waitForFolder(t *testing.T, pattern string, over <-chan struct{}) string {
	t.Helper()
	for {
		if found, _ := filepath.Glob(pattern); len(found) == 1 {
			return found[0]
		}
		select {
		case <-over:
			t.Fatalf("the process ended before there was a %s", pattern)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tableLine is a line of a sweep's table.json.
type tableLine struct {
	Name        string  `json:"name"`
	BitsPerByte float64 `json:"bits_per_byte"`
	Runs        []any   `json:"runs"`
}

func tableLines(t *testing.T, root string) []tableLine {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "table.json"))
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Lines []tableLine `json:"lines"`
	}
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return table.Lines
}
