package sweep_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/sweep"
)

// program is a script that stands for the binary.
func program(name string) string { return filepath.Join("testdata", name+".sh") }

// jobs have the folders 0, 1, 2, ...
func jobs(lists ...[]string) []config.Job {
	all := make([]config.Job, len(lists))
	for i, overrides := range lists {
		all[i] = config.Job{Overrides: overrides, Line: strings.Join(overrides, " "), Folder: strconv.Itoa(i)}
	}
	return all
}

func TestEveryJobHasItsOwnProcessAndFolder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := sweep.Run(context.Background(), sweep.Options{
		Jobs:    jobs([]string{"seed=1", "data.train=a"}, []string{"seed=2", "run.dir='my runs'"}),
		Flags:   []string{"--config-dir", "conf"},
		Root:    "root",
		Program: program("echo"),
		Stdout:  &out, Stderr: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"train|--config-dir|conf|seed=1|data.train=a|run.dir='root/0'|\n",
		"train|--config-dir|conf|seed=2|run.dir='my runs/1'|\n",
		"[2/2] seed=2",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	var pids []string
	for _, line := range strings.Split(out.String(), "\n") {
		if pid, ok := strings.CutPrefix(line, "pid "); ok {
			pids = append(pids, pid)
		}
	}
	if len(pids) != 2 || pids[0] == pids[1] {
		t.Errorf("processes of the two jobs are %v, want two different ones", pids)
	}
}

func TestFailuresAreReportedAtTheEnd(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := sweep.Run(context.Background(), sweep.Options{
		Jobs: jobs([]string{"seed=1"}, []string{"seed=2"}, []string{"seed=3"}), Root: "root",
		Program: program("fail"),
		Stdout:  &out, Stderr: &out,
	})
	if exit.Code(err) != exit.Failed {
		t.Fatalf("exit code %d (%v), want 1", exit.Code(err), err)
	}
	for _, want := range []string{"2 of 3 jobs", "job 0 (exit code 2, root/0)", "job 1 (exit code 137, root/1)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if !strings.Contains(out.String(), "ran seed=3") {
		t.Error("the job after two that failed must still run")
	}
}

func TestStoppingPassesTheSignalOnAndStartsNoFurtherJob(t *testing.T) {
	t.Parallel()
	ready := filepath.Join(t.TempDir(), "ready")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			if _, err := os.Stat(ready); err == nil {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	var out bytes.Buffer
	err := sweep.Run(ctx, sweep.Options{
		Jobs: jobs([]string{"ready=" + ready}, []string{"seed=2"}), Root: "root",
		Program: program("wait"),
		Stdout:  &out, Stderr: &out,
	})
	if exit.Code(err) != exit.Requeue {
		t.Fatalf("exit code %d (%v), want the job's 75", exit.Code(err), err)
	}
	for _, want := range []string{"1 of 2 jobs were not started", "the same command with --resume auto goes on"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if strings.Count(out.String(), "saved") != 1 {
		t.Errorf("the running job alone has to save:\n%s", out.String())
	}
}

func TestAnEmptySweepRunsNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := sweep.Run(context.Background(), sweep.Options{Stdout: &out, Stderr: &out}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "no job") {
		t.Errorf("the output %q does not say that nothing was run", out.String())
	}
}
