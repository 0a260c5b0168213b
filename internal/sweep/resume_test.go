package sweep_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/sweep"
)

// fakeRun writes what a run of a job leaves after a step: a checkpoint, as far
// as its name and manifest go, the configuration and the metrics.
func fakeRun(t *testing.T, dir string, job config.Job, saved, evaluated int) {
	t.Helper()
	files := map[string]string{
		"config.yaml": string(job.Tree.YAML()),
		fmt.Sprintf("checkpoints/step-%08d/MANIFEST.json", saved): "{}",
		"metrics.jsonl": fmt.Sprintf(`{"event":"train","step":%d,"tokens":640,"tokens_per_second":320}
{"event":"eval","step":%d,"loss":2,"bits_per_byte":2.5,"tokens":10,"bytes":10}
`, saved, evaluated),
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tenSteps composes the jobs of a sweep of runs of 10 steps.
func tenSteps(t *testing.T, overrides ...string) []config.Job {
	t.Helper()
	jobs, err := config.SweepJobs(config.Options{Builtin: conf.Files, Overrides: append([]string{"training.max_steps=10"}, overrides...)})
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func TestResumingLeavesOutWhatIsComplete(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	jobs := tenSteps(t, "seed=1,2,3,4")
	fakeRun(t, filepath.Join(root, "0"), jobs[0], 10, 10)
	fakeRun(t, filepath.Join(root, "1"), jobs[1], 5, 5)  // unfinished
	fakeRun(t, filepath.Join(root, "2"), jobs[2], 10, 5) // its last evaluation is missing
	for _, resume := range []bool{true, false} {
		var out bytes.Buffer
		err := sweep.Run(context.Background(), sweep.Options{
			Jobs: jobs, Root: root, Resume: resume, Program: program("echo"), Stdout: &out, Stderr: &out,
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range jobs {
			started := strings.Contains(out.String(), fmt.Sprintf("run.dir='%s'|", filepath.Join(root, fmt.Sprint(i))))
			if want := !resume || i > 0; started != want {
				t.Errorf("resuming %v: job %d was started: %v, want %v\n%s", resume, i, started, want, out.String())
			}
		}
		if said := strings.Contains(out.String(), "complete"); said != resume {
			t.Errorf("resuming %v: it was said that a run is complete: %v", resume, said)
		}
	}
}

func TestResumingRefusesACompleteRunOfAnotherConfiguration(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	fakeRun(t, filepath.Join(root, "0"), tenSteps(t, "training.learning_rate=0.5", "training.eval_interval=3", "run.dir=elsewhere")[0], 10, 10)
	var out bytes.Buffer
	err := sweep.Run(context.Background(), sweep.Options{
		Jobs: tenSteps(t), Root: root, Resume: true, Program: program("echo"), Stdout: &out, Stderr: &out,
	})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "training.learning_rate is 0.0001, the run's is 0.5") {
		t.Errorf("the error is %v, want exit code 2 and the key that differs", err)
	}
	if strings.Contains(err.Error(), "run.dir") || strings.Contains(err.Error(), "eval_interval") || out.Len() > 0 {
		t.Errorf("where a run lies and how often it was evaluated is no difference, and nothing may have been started: %v\n%s", err, out.String())
	}
}

// A run of a version without a key is not the job that has it.
func TestResumingRefusesACompleteRunWithoutAKey(t *testing.T) {
	t.Parallel()
	root, jobs := t.TempDir(), tenSteps(t)
	dir := filepath.Join(root, "0")
	fakeRun(t, dir, jobs[0], 10, 10)
	path := filepath.Join(dir, "config.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "  dropout: 0.1\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = sweep.Run(context.Background(), sweep.Options{Jobs: jobs, Root: root, Resume: true, Program: program("echo"), Stdout: &out, Stderr: &out})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "model.dropout is 0.1, the run is of a version without it") {
		t.Errorf("the error is %v, want exit code 2 and the key that the run lacks", err)
	}
}

func TestASweepEndsInATable(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	jobs := tenSteps(t, "seed=1,2", "training.learning_rate=0.1,0.2")
	for _, job := range jobs[:3] {
		fakeRun(t, filepath.Join(root, job.Folder), job, 10, 10)
	}
	var out bytes.Buffer
	err := sweep.Run(context.Background(), sweep.Options{
		Jobs: jobs, Root: root, Resume: true, Program: program("fail"), Stdout: &out, Stderr: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| training.learning_rate=0.1 |  1, 2 |", "| training.learning_rate=0.2 |     1 |", "2.5000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	for _, name := range []string{"table.md", "table.json", "bits_per_byte_by_tokens.png", "bits_per_byte_by_flops.png"} {
		if stat, err := os.Stat(filepath.Join(root, name)); err != nil || stat.Size() == 0 {
			t.Errorf("%s was not written: %v", name, err)
		}
	}
}
