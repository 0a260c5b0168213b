package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-viper/mapstructure/v2"
	"gopkg.in/yaml.v3"

	"agiformer/internal/config"
	"agiformer/internal/metrics"
	"agiformer/internal/train"
)

// shared is a folder for the prepared text of all tests.
var shared string

func TestMain(m *testing.M) {
	// Read when libtorch is loaded: threads that wait must not keep the cores
	// from other tests' processes.
	err := os.Setenv("OMP_WAIT_POLICY", "PASSIVE")
	if err != nil {
		panic(err)
	}
	if shared, err = os.MkdirTemp("", "train"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(shared)
	os.Exit(code)
}

// writeText makes a file of documents with lines of varying words.
func writeText(t *testing.T, documents int) string {
	t.Helper()
	words := strings.Fields("evler göl kitaplarımızdan uzun yol gelmiş küçük 1923 gördüğüm ağaç, deniz. ve bir")
	var text bytes.Buffer
	state := uint32(documents)
	for range documents {
		for range 30 + state%50 {
			state = state*1664525 + 1013904223
			text.WriteString(words[state>>16%uint32(len(words))%uint32(len(words))])
			text.WriteByte(' ')
		}
		text.WriteString("\n\n")
	}
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Runs of one process share libtorch's default generator, so tests that compare
// losses bit by bit are not parallel.

// tinyConfig is a run of seconds with all parts of text_only in it: two experts,
// memory, dropout, accumulation.
func tinyConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	return &config.Config{
		Model: config.Model{
			Name: "tiny", DModel: 32, NLayers: 2, NHeads: 2, DFF: 48, NExperts: 2, ExpertTypes: []string{"language", "logic"},
			MemorySize: 6, MaxSeqLen: 16, Dropout: 0.1, UseMemory: true, MemoryUpdateFreq: 1, EmbeddingContext: 3, MaxIterations: 1, NCrossModalLayers: 1, MemoryParts: "both",
			MoE: config.MoE{LoadBalancingLossWeight: 0.01, LoadBalancingScope: "batch"},
		},
		Tokenizer: config.Tokenizer{Name: "byte"},
		Training: config.Training{
			BatchSize: 3, GradientAccumulationSteps: 2, LearningRate: 0.01, WarmupSteps: 4, MaxSteps: 24, GradientClip: 1, Optimizer: "adamw",
			WeightDecay: 0.01, Betas: []float64{0.9, 0.999}, Eps: 1e-8, AMPDtype: "bfloat16", MaxBadSteps: 3,
		},
		Data:       config.Data{Train: []string{text}, TextField: "text", Split: "blank_line", MaxDocumentBytes: 65536, Packing: "stream", OnError: "fail"},
		Hardware:   config.Hardware{Device: "cpu"},
		Logging:    config.Logging{LogInterval: 1},
		Checkpoint: config.Checkpoint{KeepLast: 3, Best: true},
		Run:        config.Run{Dir: filepath.Join(t.TempDir(), "run")},
		Seed:       5,
	}
}

// introspective switches the introspection on, with loss terms that show.
func introspective(cfg *config.Config) *config.Config {
	cfg.Model.UseIntrospection, cfg.Model.MaxIterations = true, 3
	cfg.Model.Introspection = config.Introspection{LossWeight: 0.5, PonderWeight: 0.1}
	return cfg
}

// treeOf is the configuration as a run gets it.
func treeOf(t *testing.T, cfg *config.Config) []byte {
	t.Helper()
	var tree map[string]any
	if err := mapstructure.Decode(cfg, &tree); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run trains and returns what was shown.
func run(t *testing.T, cfg *config.Config, resume string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := train.Run(context.Background(), cfg, treeOf(t, cfg), nil, train.RunOptions{Resume: resume, CacheDir: shared, Out: &out})
	return out.String(), err
}

// mustRun is run for what has to work.
func mustRun(t *testing.T, cfg *config.Config, resume string) string {
	t.Helper()
	out, err := run(t, cfg, resume)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// line is one line of metrics.jsonl, values as they are printed.
type line map[string]json.RawMessage

// linesOf returns a run's lines of one event, by step.
func linesOf(t *testing.T, dir, event string) map[string]line {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, metrics.FileName))
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]line)
	for text := range strings.Lines(string(data)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if string(l["event"]) == `"`+event+`"` {
			lines[string(l["step"])] = l
		}
	}
	return lines
}

// sameLosses demands that two runs' train lines agree bit for bit.
func sameLosses(t *testing.T, want, got map[string]line) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d train lines, want %d", len(got), len(want))
	}
	for step, l := range want {
		for _, key := range []string{"loss", "lm_loss", "load_balancing_loss", "introspection_loss", "grad_norm", "lr", "tokens", "bits_per_byte"} {
			if string(got[step][key]) != string(l[key]) {
				t.Errorf("step %s: %s is %s, want %s", step, key, got[step][key], l[key])
			}
		}
	}
}

// distance is |a - b| / (|b| + 1e-12).
func distance(a, b []float64) float64 {
	var difference, norm float64
	for i := range b {
		difference += (a[i] - b[i]) * (a[i] - b[i])
		norm += b[i] * b[i]
	}
	return math.Sqrt(difference) / (math.Sqrt(norm) + 1e-12)
}
