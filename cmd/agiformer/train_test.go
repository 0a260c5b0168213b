package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/exit"
)

// Without libtorch nothing is fetched and no run folder is made.
func TestTrainLooksForLibtorchFirst(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LIBTORCH", dir)
	cache, run := filepath.Join(dir, "cache"), filepath.Join(dir, "run")
	_, said, code := runWith(t, "", "train", "experiment=quickstart", "run.dir="+run, "--cache-dir="+cache)
	if code != exit.Failed || !strings.Contains(said, "LIBTORCH") {
		t.Errorf("code %d, %q; want code 1 and a sentence about LIBTORCH", code, said)
	}
	for _, path := range []string{cache, run} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
}
