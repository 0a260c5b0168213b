package train_test

import (
	"fmt"
	"slices"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/torch"
)

// TestResumeOnTwoThreads is the same at sizes that libtorch does divide among
// threads: attention, norms, our own kernels and the products.
func TestResumeOnTwoThreads(t *testing.T) {
	defer func() {
		if err := torch.SetThreads(1); err != nil {
			t.Error(err)
		}
	}()
	text, threads := writeText(t, 40), int64(2)
	configure := func() *config.Config {
		cfg := tinyConfig(t, text)
		cfg.Hardware.Threads, cfg.Training.BatchSize, cfg.Training.MaxSteps = &threads, 3, 6
		cfg.Model.DModel, cfg.Model.NHeads, cfg.Model.DFF, cfg.Model.MaxSeqLen, cfg.Model.MemorySize = 128, 4, 512, 256, 300
		return cfg
	}
	sameInTwoParts(t, configure)
}

// TestResumeWithOneMemory: streams of the bank alone keep no inputs.
func TestResumeWithOneMemory(t *testing.T) {
	text := writeText(t, 40)
	for _, part := range []string{"bank", "working"} {
		t.Run(part, func(t *testing.T) {
			sameInTwoParts(t, func() *config.Config {
				cfg := tinyConfig(t, text)
				cfg.Model.MemoryParts, cfg.Training.MaxSteps = part, 6
				return cfg
			})
		})
	}
}

// sameInTwoParts runs six steps straight, and three and three after a resume, and
// holds the losses to one another. It returns the two configurations.
func sameInTwoParts(t *testing.T, configure func() *config.Config) (straight, parts *config.Config) {
	t.Helper()
	straight, parts = configure(), configure()
	mustRun(t, straight, "none")
	for _, steps := range []int64{3, 6} {
		parts.Training.MaxSteps = steps
		mustRun(t, parts, "auto")
	}
	sameLosses(t, linesOf(t, straight.Run.Dir, "train"), linesOf(t, parts.Run.Dir, "train"))
	return straight, parts
}

// TestResumeIsBitEqual holds 24 steps straight against 8 + 8 + 8, the later
// ones with another rhythm of evaluations, on one thread and on two.
func TestResumeIsBitEqual(t *testing.T) {
	text := writeText(t, 40)
	for _, threads := range []int64{1, 2} {
		t.Run(fmt.Sprintf("%d threads", threads), func(t *testing.T) {
			defer func() {
				if err := torch.SetThreads(1); err != nil {
					t.Error(err)
				}
			}()
			straight, parts := introspective(tinyConfig(t, text)), introspective(tinyConfig(t, text))
			straight.Hardware.Threads, parts.Hardware.Threads = &threads, &threads
			mustRun(t, straight, "none")
			for i, steps := range []int64{8, 16, 24} {
				parts.Training.MaxSteps, parts.Training.EvalInterval = steps, int64(5-i)
				mustRun(t, parts, "auto")
			}
			sameLosses(t, linesOf(t, straight.Run.Dir, "train"), linesOf(t, parts.Run.Dir, "train"))
		})
	}
}

// TestResumeOfCombinations: the flags and lists of experts that the other tests of
// resuming leave out. The evaluation after the last step is the same too, so what was
// saved and loaded computes the same.
func TestResumeOfCombinations(t *testing.T) {
	text := writeText(t, 40)
	every := []string{"language", "logic", "spatial", "causal"}
	for name, change := range map[string]func(m *config.Model){
		"linear, one expert": func(m *config.Model) {
			m.UseLinearAttention, m.UseMemory, m.ExpertTypes = true, false, every[:1]
		},
		"memory, introspection, all experts": func(m *config.Model) { m.ExpertTypes = every },
		"everything, eight experts": func(m *config.Model) {
			m.UseLinearAttention, m.ExpertTypes = true, slices.Concat(every, every)
		},
		"introspection, two experts, capacity": func(m *config.Model) {
			factor := 0.75
			m.UseMemory, m.MoE.CapacityFactor = false, &factor
		},
	} {
		t.Run(name, func(t *testing.T) {
			configure := func() *config.Config {
				cfg := introspective(tinyConfig(t, text))
				cfg.Model.UseIntrospection = name != "linear, one expert"
				change(&cfg.Model)
				cfg.Model.NExperts, cfg.Training.MaxSteps = int64(len(cfg.Model.ExpertTypes)), 6
				return cfg
			}
			straight, parts := sameInTwoParts(t, configure)
			want, got := linesOf(t, straight.Run.Dir, "eval")["6"], linesOf(t, parts.Run.Dir, "eval")["6"]
			if want == nil || string(want["loss"]) != string(got["loss"]) {
				t.Errorf("the evaluation after resuming says %s, the straight run's %s", got["loss"], want["loss"])
			}
		})
	}
}
