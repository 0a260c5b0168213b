package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without data.train a run takes the quickstart corpus of the cache, and its
// configuration says so.
func TestTrainWithoutTextTakesTheQuickstartCorpus(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	folder := filepath.Join(cache, "corpus", "quickstart")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(`{"text":"Ali okula gitti. Ayşe eve geldi."}`+"\n", 20)
	for name, content := range map[string]string{"train.jsonl": text, "valid.jsonl": text, "SOURCE": "made by a test"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(t.TempDir(), "run")
	program{arguments: tiny(run, "data.train=null", "data.valid=null", "data.split=file", "training.max_steps=2"),
		set: []string{"AGIFORMER_CACHE_DIR=" + cache}}.run(t).ok(t)
	config, err := os.ReadFile(filepath.Join(run, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"train.jsonl", "valid.jsonl"} {
		if !strings.Contains(string(config), filepath.Join(folder, name)) {
			t.Errorf("config.yaml does not name %s:\n%s", name, config)
		}
	}
}

// A text of one document validates on a part of itself.
func TestOneSmallDocumentIsHeldOutInParts(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "one.txt")
	var lines strings.Builder // all different: equal pieces could not be told apart
	for i := range 100 {
		fmt.Fprintf(&lines, "Ali %d. gün okula gitti, Ayşe eve geldi.\n", i)
	}
	if err := os.WriteFile(text, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(t.TempDir(), "run")
	agiformer(t, tiny(run, "data.train="+text, "data.valid=null", "data.split=file", "training.max_steps=2")...).ok(t)
	if _, err := os.Stat(filepath.Join(run, "checkpoints", "best")); err != nil {
		t.Errorf("nothing was evaluated: %v", err)
	}
}
