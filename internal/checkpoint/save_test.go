package checkpoint_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agiformer/internal/checkpoint"
)

// snapshot returns a checkpoint whose every part tells the step.
func snapshot(step int64, size int) checkpoint.Snapshot {
	data := []byte(strings.Repeat(fmt.Sprintf("%04d", step%10000), size))
	return checkpoint.Snapshot{
		Model:     []checkpoint.Entry{entry("w", data, int64(size))},
		Optimizer: []checkpoint.Entry{entry("exp_avg.w", data, int64(size))},
		Streams:   nil,
		State:     checkpoint.State{Step: step},
		Config:    []byte("seed: 1\n"),
		Tokenizer: []byte("{}"),
	}
}

func save(t *testing.T, f checkpoint.Folder, step int64) {
	t.Helper()
	if err := checkpoint.Save(f.Path(step), snapshot(step, 8)); err != nil {
		t.Fatal(err)
	}
	if err := f.Link(checkpoint.LatestLink, step); err != nil {
		t.Fatal(err)
	}
}

// checkWhole opens a checkpoint and demands that all of it is of one step.
func checkWhole(t *testing.T, path string) int64 {
	t.Helper()
	c, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	step := c.State().Step
	for _, name := range []string{checkpoint.ModelFile, checkpoint.OptimizerFile} {
		f, err := c.OpenTensors(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data, err := f.Read(f.Names()[0])
		if err != nil || !strings.HasPrefix(string(data), fmt.Sprintf("%04d", step%10000)) {
			t.Fatalf("%s of step %d holds %.8q, %v", name, step, data, err)
		}
	}
	return step
}

func TestOpenFindsTheCheckpointThatAPathMeans(t *testing.T) {
	t.Parallel()
	run := t.TempDir()
	f := checkpoint.RunFolder(run)
	save(t, f, 10)
	save(t, f, 20)
	if err := f.Link(checkpoint.BestLink, 10); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int64{
		run: 20, f.Dir: 20, f.Path(10): 10, f.Path(20): 20,
		filepath.Join(f.Dir, "latest"): 20, filepath.Join(f.Dir, "best"): 10,
	} {
		if got := checkWhole(t, path); got != want {
			t.Errorf("%s is step %d, want %d", path, got, want)
		}
	}
	for path, want := range map[string]string{
		filepath.Join(run, "absent"):            "no checkpoint",
		t.TempDir():                             "holds no finished checkpoint",
		filepath.Join(f.Path(10), "state.json"): "is a file",
	} {
		if _, err := checkpoint.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", path, err, want)
		}
	}
}

func TestDamagedFilesAreRefusedByName(t *testing.T) {
	t.Parallel()
	files := []string{
		checkpoint.ModelFile, checkpoint.OptimizerFile, checkpoint.StreamsFile, checkpoint.StateFile,
		checkpoint.ConfigFile, checkpoint.TokenizerFile, checkpoint.ManifestFile,
	}
	damages := map[string]func(data []byte) []byte{
		"truncated": func(d []byte) []byte { return d[:len(d)-1] },
		"emptied":   func([]byte) []byte { return nil },
		"altered":   func(d []byte) []byte { d[len(d)/2] ^= 1; return d },
		"removed":   nil,
	}
	for _, name := range files {
		for what, damage := range damages {
			if name == checkpoint.ManifestFile && what == "altered" {
				continue // a letter changed in a hash shows as that file's damage
			}
			f := checkpoint.RunFolder(t.TempDir())
			save(t, f, 5)
			path := filepath.Join(f.Path(5), name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if damage == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, damage(data), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			if name == checkpoint.ManifestFile && what != "removed" {
				// The last byte of the manifest is a line end.
				if err := os.Truncate(path, int64(len(damage(data)))/2); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := checkpoint.Open(f.Path(5)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: error %v does not name the file", name, what, err)
			}
		}
	}
}

func TestAFailedSaveLeavesTheOldCheckpoint(t *testing.T) {
	t.Parallel()
	f := checkpoint.RunFolder(t.TempDir())
	save(t, f, 1)
	full := errors.New("no space left on device")
	failing := checkpoint.Entry{Name: "w", DType: "F32", Shape: []int64{1}, Data: func() ([]byte, error) { return nil, full }}
	for part := range 3 {
		for _, step := range []int64{1, 2} {
			s := snapshot(step, 8)
			switch part {
			case 0:
				s.Model = []checkpoint.Entry{failing}
			case 1:
				s.Optimizer = []checkpoint.Entry{failing}
			case 2:
				s.Streams = []checkpoint.Entry{failing}
			}
			if err := checkpoint.Save(f.Path(step), s); !errors.Is(err, full) || !strings.Contains(err.Error(), "safetensors") {
				t.Errorf("part %d: error %v", part, err)
			}
		}
	}
	if got := checkWhole(t, f.Dir); got != 1 {
		t.Errorf("latest is step %d", got)
	}
	if left, err := filepath.Glob(filepath.Join(f.Dir, "*2*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSavingAgainReplacesWhole(t *testing.T) {
	t.Parallel()
	f := checkpoint.RunFolder(t.TempDir())
	save(t, f, 7)
	s := snapshot(7, 4)
	s.Config = []byte("seed: 2\n")
	if err := checkpoint.Save(f.Path(7), s); err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Open(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if yaml, err := c.ConfigYAML(); err != nil || string(yaml) != "seed: 2\n" {
		t.Errorf("%q, %v", yaml, err)
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v; want the checkpoint and its link", entries, err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	f := checkpoint.RunFolder(t.TempDir())
	for step := int64(10); step <= 60; step += 10 {
		save(t, f, step)
	}
	if err := f.Link(checkpoint.BestLink, 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Link(checkpoint.LatestLink, 50); err != nil {
		t.Fatal(err)
	}
	if err := f.Prune(50, 2); err != nil {
		t.Fatal(err)
	}
	steps, err := f.Steps()
	if err != nil || fmt.Sprint(steps) != "[20 40 50 60]" {
		t.Errorf("kept %v, %v; want the best, the last two, and the later one", steps, err)
	}
}

func TestBrokenLatestFallsBackToTheNewest(t *testing.T) {
	t.Parallel()
	f := checkpoint.RunFolder(t.TempDir())
	save(t, f, 1)
	save(t, f, 2)
	if err := f.Link(checkpoint.LatestLink, 99); err != nil {
		t.Fatal(err)
	}
	if got := checkWhole(t, f.Dir); got != 2 {
		t.Errorf("step %d, want 2", got)
	}
}

// A latest checkpoint that lost its manifest is damaged; an older one must not
// be taken for it in silence.
func TestLatestWithoutManifestIsRefused(t *testing.T) {
	t.Parallel()
	f := checkpoint.RunFolder(t.TempDir())
	save(t, f, 1)
	save(t, f, 2)
	if err := f.Link(checkpoint.LatestLink, 2); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(f.Path(2), checkpoint.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Open(f.Dir); err == nil || !strings.Contains(err.Error(), "step-00000002") {
		t.Errorf("opening gave %v, want an error that names step-00000002", err)
	}
}

// TestKilledWhileSaving kills a process that does nothing but save, at moments
// spread over its saves, and demands each time that latest opens, whole, and
// never goes back.
func TestKilledWhileSaving(t *testing.T) {
	t.Parallel()
	f := checkpoint.RunFolder(t.TempDir())
	save(t, f, 0)
	var last int64
	for i := range 25 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSavingProcess$")
		cmd.Env = append(os.Environ(), "SAVE_INTO="+f.Dir, fmt.Sprintf("SAVE_FROM=%d", last+1))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(15+7*i) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		step := checkWhole(t, f.Dir)
		if step < last {
			t.Fatalf("latest went back from step %d to %d", last, step)
		}
		last = step
	}
	if err := f.Clean(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(f.Dir, ".*aside")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSavingProcess is the process that TestKilledWhileSaving kills.
func TestSavingProcess(t *testing.T) {
	dir := os.Getenv("SAVE_INTO")
	if dir == "" {
		t.Skip("runs as a child of TestKilledWhileSaving only")
	}
	var step int64
	if _, err := fmt.Sscan(os.Getenv("SAVE_FROM"), &step); err != nil {
		t.Fatal(err)
	}
	f := checkpoint.Folder{Dir: dir}
	for ; ; step++ {
		// Every third step twice: replacing is killed as well.
		for range 1 + (step+1)%3/2 {
			if err := checkpoint.Save(f.Path(step), snapshot(step, 50_000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Link(checkpoint.LatestLink, step); err != nil {
			t.Fatal(err)
		}
		if err := f.Prune(step, 2); err != nil {
			t.Fatal(err)
		}
	}
}
