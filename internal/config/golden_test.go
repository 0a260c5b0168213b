package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agiformer/internal/config"
)

// TestMain hides a cluster's environment, which experiment=nightly reads.
func TestMain(m *testing.M) {
	os.Unsetenv("SLURM_JOB_ID")
	os.Exit(m.Run())
}

// known are names as the experts register them.
var known = config.Known{Experts: []string{"causal", "dense", "language", "logic", "plain", "spatial"}}

// moment is the time that ${now:...} shows in the golden files.
var moment = time.Date(2026, 1, 31, 10, 20, 30, 0, time.UTC)

func compose(t *testing.T, overrides ...string) *config.Tree {
	t.Helper()
	tree, err := config.Compose(config.Options{Dir: "../../conf", Overrides: overrides, Now: moment})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestGolden compares every shipped option of every group, composed and
// resolved, with its golden file, so that a changed default shows in a review.
// UPDATE_GOLDEN=1 rewrites the files.
func TestGolden(t *testing.T) {
	t.Parallel()
	groups, err := config.Groups(config.Options{Dir: "../../conf"})
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, g := range groups {
		for _, option := range g.Options {
			name := g.Name + "-" + option + ".yaml"
			wanted[name] = true
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tree := compose(t, g.Name+"="+option)
				checkGolden(t, filepath.Join("testdata", "golden", name), tree)
			})
		}
	}
	files, err := filepath.Glob("testdata/golden/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !wanted[filepath.Base(f)] {
			t.Errorf("%s is the golden file of no shipped option: remove it", f)
		}
	}
}

func checkGolden(t *testing.T, path string, tree *config.Tree) {
	t.Helper()
	if _, err := config.Load(tree, known); err != nil {
		t.Errorf("the shipped configuration is not valid: %v", err)
	}
	got := string(tree.YAML())
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (UPDATE_GOLDEN=1 writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 rewrites it where the change is meant):\n%s", path, lineDiff(string(want), got))
	}
}

// lineDiff lists the lines that only one of two texts holds.
func lineDiff(want, got string) string {
	var b strings.Builder
	for mark, texts := range map[string][2]string{"-": {want, got}, "+": {got, want}} {
		for _, line := range strings.Split(texts[0], "\n") {
			if !strings.Contains("\n"+texts[1]+"\n", "\n"+line+"\n") {
				b.WriteString(mark + line + "\n")
			}
		}
	}
	return b.String()
}

// TestSpecification holds the variants to the specification's values.
func TestSpecification(t *testing.T) {
	t.Parallel()
	type sizes struct {
		dModel, layers, heads, dff, experts, memory, length int64
		memoryOn, introspection, multimodal, linear         bool
	}
	base := sizes{512, 8, 8, 2048, 2, 1000, 512, false, false, false, false}
	with := func(memory, introspection, multimodal, linear bool) sizes {
		s := base
		s.memoryOn, s.introspection, s.multimodal, s.linear = memory, introspection, multimodal, linear
		return s
	}
	cases := map[string]sizes{
		"base":         base,
		"text_only":    with(true, false, false, false),
		"multimodal":   with(true, true, true, false),
		"full":         with(true, true, true, true),
		"minimal":      {256, 4, 4, 1024, 1, 500, 256, true, false, false, false},
		"t4_optimized": {384, 6, 6, 1536, 2, 1000, 256, true, false, false, false},
	}
	for name, want := range cases {
		cfg, err := config.Load(compose(t, "model="+name), known)
		if err != nil {
			t.Fatal(err)
		}
		m := cfg.Model
		got := sizes{m.DModel, m.NLayers, m.NHeads, m.DFF, m.NExperts, m.MemorySize, m.MaxSeqLen,
			m.UseMemory, m.UseIntrospection, m.UseMultimodal, m.UseLinearAttention}
		if got != want {
			t.Errorf("model=%s is %+v, the specification says %+v", name, got, want)
		}
		if m.Dropout != 0.1 || m.MemoryUpdateFreq != 1 || cfg.Training.AMPDtype != "float16" || !cfg.Training.UseAMP {
			t.Errorf("model=%s: dropout %g, memory_update_freq %d, amp_dtype %s, use_amp %v", name, m.Dropout, m.MemoryUpdateFreq, cfg.Training.AMPDtype, cfg.Training.UseAMP)
		}
	}
	cfg, err := config.Load(compose(t), known)
	if err != nil {
		t.Fatal(err)
	}
	tr := cfg.Training
	if cfg.Model.Name != "text_only" || tr.BatchSize != 32 || tr.LearningRate != 1e-4 || tr.WarmupSteps != 4000 || tr.MaxSteps != 100000 ||
		tr.GradientAccumulationSteps != 1 || tr.GradientClip != 1 || tr.Optimizer != "adamw" {
		t.Errorf("the default training is %+v of %s", tr, cfg.Model.Name)
	}
}
