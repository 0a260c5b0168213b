package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/exit"
)

func TestDryRunRefusesAFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]int{
		filepath.Join(dir, "new", "run"): exit.OK,
		file:                             exit.BadInput,
		filepath.Join(file, "run"):       exit.BadInput,
	} {
		_, said, got := runWith(t, "", "train", "model=minimal", "run.dir="+path, "--dry-run")
		if got != code || code != exit.OK && !strings.Contains(said, "run.dir="+path+" cannot be used") {
			t.Errorf("%s: code %d, %q; want code %d", path, got, said, code)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("a dry run left %v, %v", entries, err)
	}
}

func TestDryRunRefusesTextThatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there := filepath.Join(dir, "there.txt")
	if err := os.WriteFile(there, []byte("bir\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := "run.dir=" + filepath.Join(dir, "run")
	plan, said, code := runWith(t, "", "train", run, "experiment=turkish", "data.train="+there, "--dry-run")
	if code != exit.OK || !strings.Contains(plan, "memory, machine") || !strings.Contains(plan, "trained on data.train first") {
		t.Errorf("code %d, %q; the plan is\n%s", code, said, plan)
	}
	for _, key := range []string{"data.train", "data.valid"} {
		_, said, code := runWith(t, "", "train", run, "data.train="+there, key+"=nowhere.txt", "--dry-run")
		if code != exit.BadInput || !strings.Contains(said, key+": data path nowhere.txt does not exist") {
			t.Errorf("%s: code %d, %q; want code 2 and the path", key, code, said)
		}
	}
}

// Without libtorch nothing is fetched and no run folder is made.
func TestTrainLooksForLibtorchFirst(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LIBTORCH", dir)
	cache, run := filepath.Join(dir, "cache"), filepath.Join(dir, "run")
	_, said, code := runWith(t, "", "train", "experiment=quickstart", "run.dir="+run, "--cache-dir="+cache)
	if code != exit.BadInput || !strings.Contains(said, "LIBTORCH") {
		t.Errorf("code %d, %q; want code 2 and a sentence about LIBTORCH", code, said)
	}
	for _, path := range []string{cache, run} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
}
