package train_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/exit"
	"agiformer/internal/tokenizer/tokenizertest"
)

// writeTokenizer writes a small unigram tokenizer of as many ids.
func writeTokenizer(t *testing.T, path string, ids int) {
	t.Helper()
	text, err := tokenizertest.Unigram(t, ids).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A run goes on with its checkpoint's tokenizer: the file that it was named by
// may be gone or lie elsewhere, and only one with the same content is taken.
func TestResumeTakesTheCheckpointsTokenizer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, moved, other, broken := filepath.Join(dir, "t.json"), filepath.Join(dir, "moved.json"), filepath.Join(dir, "other.json"), filepath.Join(dir, "broken.json")
	writeTokenizer(t, path, 300)
	writeTokenizer(t, other, 290)
	if err := os.WriteFile(broken, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig(t, writeText(t, 10))
	size, mode := int64(300), "plain"
	cfg.Tokenizer.Name, cfg.Tokenizer.Path, cfg.Tokenizer.VocabSize, cfg.Tokenizer.Mode = "unigram", &path, &size, &mode
	cfg.Training.MaxSteps = 1
	mustRun(t, cfg, "none")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	cfg.Training.MaxSteps = 2
	if out := mustRun(t, cfg, "auto"); !strings.Contains(out, "is not there") {
		t.Errorf("a run that goes on without tokenizer.path says %q", out)
	}
	cfg.Tokenizer.Path = &moved
	cfg.Training.MaxSteps = 3
	mustRun(t, cfg, "auto")
	cfg.Tokenizer.Path = nil
	cfg.Training.MaxSteps = 4
	mustRun(t, cfg, "auto")
	for _, wrong := range []string{other, broken} {
		cfg.Tokenizer.Path = &wrong
		cfg.Training.MaxSteps = 5
		_, err := run(t, cfg, "auto")
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), "null") {
			t.Errorf("%s: error %v, want one that names it and null", wrong, err)
		}
	}
}
