package quickstart_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/quickstart"
)

// Without apt the script's own sentences stand in, so the corpus is there
// without a network; the second call finds it made.
func TestOpenMakesTheCorpusOnce(t *testing.T) {
	tools := t.TempDir()
	for _, name := range []string{"bash", "python3", "sed", "cut", "sha256sum", "cat", "mktemp", "mkdir", "cp", "mv", "rm", "tail", "paste", "dirname", "chmod"} {
		for _, folder := range []string{"/usr/bin", "/bin", "/usr/local/bin"} {
			if target := filepath.Join(folder, name); exists(target) {
				if err := os.Symlink(target, filepath.Join(tools, name)); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	}
	t.Setenv("PATH", tools)
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	c, err := quickstart.Open(context.Background(), cache, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{c.Train, c.Valid} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), `{`) {
			t.Errorf("%s starts with %.20q, expected JSON lines", path, text)
		}
	}
	t.Setenv("PATH", t.TempDir())
	again, err := quickstart.Open(context.Background(), cache, io.Discard)
	if err != nil || again != c {
		t.Errorf("the second call gave %v, %v", again, err)
	}
	_, err = quickstart.Open(context.Background(), t.TempDir(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "data.train=PATH") {
		t.Errorf("without bash: %v, expected a sentence that names data.train=PATH", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
