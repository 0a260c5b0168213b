package blackbox

import (
	littleendian "encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pruned is what prune --json prints.
type pruned struct {
	Removed       int
	BlockExperts  [][]int `json:"block_experts"`
	Before, After struct {
		BitsPerByte float64 `json:"bits_per_byte"`
		Parameters  int
	}
}

// savedValues counts the numbers in a safetensors file.
func savedValues(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]struct{ Shape []int }
	if err := json.Unmarshal(data[8:8+littleendian.LittleEndian.Uint64(data)], &header); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, tensor := range header {
		size := 1
		for _, n := range tensor.Shape {
			size *= n
		}
		total += size
	}
	return total
}

// A run of full with four experts, of which a token visits two, loses in each block those
// that get less than 26 % of the choices: at least one. The smaller checkpoint
// is measured, generates, and trains on, with the run's own command line as with
// the one that prune prints.
func TestPruneEvaluateGenerateResume(t *testing.T) {
	t.Parallel()
	four := func(runDir string, more ...string) []string {
		return tiny(runDir, append([]string{"model=full", "model.use_multimodal=false",
			"model.n_experts=4", "model.expert_types=[language,logic,spatial,causal]"}, more...)...)
	}
	run, out := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "smaller")
	succeed(t, four(run)...)
	var r pruned
	report := succeed(t, "prune", "--checkpoint", run, "--data", validText, "--min-usage", "0.26", "--out", out, "--json")
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatalf("prune --json printed %q: %v", report, err)
	}
	if r.Removed < 2 || len(r.BlockExperts) != 2 || r.After.Parameters >= r.Before.Parameters {
		t.Errorf("want at least an expert of each block removed: %s", report)
	}
	if got := savedValues(t, filepath.Join(out, "model.safetensors")); got != r.After.Parameters {
		t.Errorf("%d values are saved, prune counts %d", got, r.After.Parameters)
	}
	var info struct{ Parameters struct{ Total int } }
	if err := json.Unmarshal([]byte(succeed(t, "info", "--config-dir", out, "--json")), &info); err != nil || info.Parameters.Total != r.After.Parameters {
		t.Errorf("info counts %d parameters (%v), prune %d", info.Parameters.Total, err, r.After.Parameters)
	}
	var evaluated struct {
		BitsPerByte float64 `json:"bits_per_byte"`
	}
	if err := json.Unmarshal([]byte(succeed(t, "eval", "--checkpoint", out, "--data", validText, "--json")), &evaluated); err != nil || evaluated.BitsPerByte != r.After.BitsPerByte {
		t.Errorf("eval says %g bits a byte (%v), prune %g", evaluated.BitsPerByte, err, r.After.BitsPerByte)
	}
	generated(t, out, "Ali evde ")
	resumePruned(t, run, out, four)
}

// resumePruned goes on from the pruned checkpoint in three ways.
func resumePruned(t *testing.T, run, out string, four func(string, ...string) []string) {
	t.Helper()
	next := filepath.Join(t.TempDir(), "next")
	succeed(t, four(next, "training.max_steps=24", "--resume", out)...)
	if got := losses(t, next); len(got) != 4 {
		t.Errorf("metrics.jsonl of the resumed run holds %d train steps, want 4", len(got))
	}
	succeed(t, four(next, "training.max_steps=26", "--resume", "auto")...) // from its own checkpoint now
	if got := losses(t, next); len(got) != 6 {
		t.Errorf("metrics.jsonl of the run resumed again holds %d train steps, want 6", len(got))
	}
	printed := succeed(t, "prune", "--checkpoint", run, "--data", validText, "--min-usage", "0.26", "--out", out+"-again")
	_, command, found := strings.Cut(printed, "next")
	if !found || !strings.Contains(printed, "bits per byte") {
		t.Fatalf("prune printed no next command or no bits per byte:\n%s", printed)
	}
	words := strings.Fields(command)
	succeed(t, words[1:]...)
	if got := losses(t, out+"-again-run"); len(got) != 2 {
		t.Errorf("the printed command trained %d steps, want 2", len(got))
	}
	refused(t, agiformer(t, four(filepath.Join(t.TempDir(), "other"), "model.block_experts=[[0],[0]]", "--resume", out)...), "model.block_experts")
	refused(t, agiformer(t, "prune", "--checkpoint", run, "--data", validText, "--out", out), "--out", out)
}
