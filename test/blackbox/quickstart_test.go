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

// What make train proposes at its end are commands that run as they stand.
func TestTheQuickstartsNextCommandsRun(t *testing.T) {
	t.Parallel()
	if binary != filepath.Join(repository, "bin", "agiformer") {
		t.Skip("the script runs the clone's own binary")
	}
	folder := t.TempDir()
	text, run := filepath.Join(folder, "my text.txt"), filepath.Join(folder, "run")
	writeText(t, text, documents(4, 60))
	script := func(command string, arguments ...string) string {
		t.Helper()
		c, stdout, stderr := program{file: command, arguments: arguments, folder: repository, set: []string{
			"ARGS=" + strings.Join([]string{"run.dir=" + run, "training.max_steps=2", "training.warmup_steps=1", "data.split=blank_line", "hardware=cpu",
				"model.d_model=32", "model.n_layers=1", "model.n_heads=2", "model.d_ff=32", "model.max_seq_len=32"}, " ")}}.command(t)
		if err := c.Run(); err != nil {
			t.Fatalf("%s %v: %v\n%s", command, arguments, err, stderr)
		}
		return stdout.String()
	}
	_, next, found := strings.Cut(script("scripts/quickstart.sh", text), "\nNext:\n")
	if !found {
		t.Fatal("the script proposes nothing")
	}
	for line := range strings.Lines(next) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Count(line, "training.max_steps=") > 1 || strings.Count(line, "run.dir=") > 1:
			t.Errorf("a key stands twice in %s", line)
		case strings.Contains(line, " eval "), strings.Contains(line, " --dry-run"):
			script("bash", "-c", line)
		case strings.Contains(line, " train "):
			script("bash", "-c", line+" --dry-run")
		}
	}
}
