package blackbox

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// variant is a model of conf/model that trains, shrunk by tiny's overrides but
// with its own flags.
type variant struct {
	overrides []string
	// What its evaluation has to speak of.
	routed, memory, introspection bool
}

var variants = map[string]variant{
	"base":         {[]string{"model=base"}, true, false, false},
	"text_only":    {[]string{"model=text_only"}, true, true, false},
	"minimal":      {[]string{"model=minimal"}, false, true, false},
	"t4_optimized": {[]string{"model=t4_optimized"}, true, true, false},
	"dense":        {[]string{"model=dense"}, false, false, false},
	"multimodal":   {[]string{"model=multimodal", "model.use_multimodal=false"}, true, true, true},
	"full":         {[]string{"model=full", "model.use_multimodal=false"}, true, true, true},
	"full with four experts": {[]string{"model=full", "model.use_multimodal=false", "model.n_experts=4",
		"model.expert_types=[language,logic,spatial,causal]"}, true, true, true},
}

// Each variant trains, survives a kill, and goes on to its last step; what it
// learned is evaluated without a look ahead and generates as it is evaluated.
func TestVariants(t *testing.T) {
	t.Parallel()
	for name, v := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := filepath.Join(t.TempDir(), "run")
			command := tiny(run, append(v.overrides, "training.max_steps=12", "training.save_interval=2", "training.eval_interval=0")...)
			if killed := startUntil(t, command, run, 4, syscall.SIGKILL); killed.code != -1 {
				t.Fatalf("exit code %d before the kill:\n%s", killed.code, killed.stderr)
			}
			succeed(t, append(command, "--resume", "auto")...)
			if steps := losses(t, run); len(steps) != 12 {
				t.Errorf("%d steps, want 12", len(steps))
			}
			t.Run("eval", func(t *testing.T) { t.Parallel(); evaluationSpeaksOf(t, run, v) })
			t.Run("no look ahead", func(t *testing.T) { t.Parallel(); evaluationIsCausal(t, run) })
			t.Run("generate", func(t *testing.T) { t.Parallel(); generateAgrees(t, run) })
		})
	}
}

// evaluationSpeaksOf holds eval --json to the specification's names.
func evaluationSpeaksOf(t *testing.T, run string, v variant) {
	t.Helper()
	var report struct {
		BitsPerByte float64 `json:"bits_per_byte"`
		Info        struct {
			Modalities []string
			Memory     *struct {
				StepCount int `json:"step_count"`
			}
			Blocks []struct {
				MoE struct {
					RouterInfo *struct {
						ExpertUsage []float64 `json:"expert_usage"`
					} `json:"router_info"`
				}
				Introspection *struct {
					NumIterations   float64 `json:"num_iterations"`
					FinalConfidence float64 `json:"final_confidence"`
				}
			}
		}
	}
	text := strings.ReplaceAll(documents(2, 6), "\n", " ")[:200] // 7 segments of 32
	out := succeed(t, "eval", "--checkpoint", run, "--data", writeFile(t, "text.txt", []byte(text)), "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("eval --json printed %q: %v", out, err)
	}
	if bits := report.BitsPerByte; !(bits > 0 && bits < 8) {
		t.Errorf("%g bits per byte after training, want less than the 8 of a guess", bits)
	}
	info := report.Info
	if len(info.Modalities) != 1 || len(info.Blocks) != 2 {
		t.Fatalf("info has the modalities %v and %d blocks: %s", info.Modalities, len(info.Blocks), out)
	}
	if (info.Memory != nil) != v.memory || v.memory && info.Memory.StepCount != 7 {
		t.Errorf("memory %+v, want 7 steps where there is one", info.Memory)
	}
	for i, block := range info.Blocks {
		router, sum := block.MoE.RouterInfo, 0.0
		if (router != nil) != v.routed {
			t.Fatalf("block %d: router %+v", i, router)
		}
		if v.routed {
			for _, share := range router.ExpertUsage {
				sum += share
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("block %d: usage %v does not sum to 1", i, router.ExpertUsage)
			}
		}
		if in := block.Introspection; (in != nil) != (v.introspection && i == 1) {
			t.Errorf("block %d: introspection %+v", i, in)
		} else if in != nil && (in.NumIterations < 1 || in.NumIterations > 3 || in.FinalConfidence <= 0 || in.FinalConfidence >= 1) {
			t.Errorf("introspection %+v, want 1 to 3 iterations and a confidence between 0 and 1", *in)
		}
	}
}

// evaluationIsCausal changes each character in turn, a letter to a letter of as
// many bytes so that both are text, over four segments with memory and routing:
// no loss before it may change, its own and the next byte's have to.
func evaluationIsCausal(t *testing.T, run string) {
	t.Helper()
	text := strings.ToValidUTF8(documents(9, 3)[:120], "")
	folder := t.TempDir()
	files, places := []string{}, []int{len(text)} // document 0 is unchanged
	for place, letter := range text {
		if len(string(letter)) <= 2 && place > 0 {
			places = append(places, place)
		}
	}
	for i, place := range places {
		changed := []byte(text)
		if place < len(text) && changed[place] < 0x80 {
			changed[place] = '7'
		} else if place < len(text) {
			copy(changed[place:], "Ж") // no byte of it is one of the text's
		}
		files = append(files, filepath.Join(folder, fmt.Sprintf("%03d.txt", i)))
		if err := os.WriteFile(files[i], changed, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	losses := tokenLosses(t, run, files...)
	if len(losses) != len(files) || len(losses[0]) != len(text)-1 {
		t.Fatalf("%d documents, the first with %d losses; want %d and %d", len(losses), len(losses[0]), len(files), len(text)-1)
	}
	for i, place := range places[1:] {
		for pos := 1; pos < place; pos++ {
			if difference := math.Abs(losses[i+1][pos].NLL - losses[0][pos].NLL); !(difference <= 1e-5) {
				t.Fatalf("changing byte %d changes the loss of byte %d by %g", place, pos, difference)
			}
		}
		if losses[i+1][place].ID == losses[0][place].ID || losses[i+1][place].NLL == losses[0][place].NLL {
			t.Errorf("changing byte %d does not show in its own loss", place)
		}
		if place < len(text)-2 && losses[i+1][place+1].NLL == losses[0][place+1].NLL {
			t.Errorf("changing byte %d does not reach the byte after it", place)
		}
	}
}

// generateAgrees holds what generate says of its tokens to what eval says of the
// same bytes, past max_seq_len: from a prompt shorter than a segment, one of a
// segment and one that is longer.
func generateAgrees(t *testing.T, run string) {
	t.Helper()
	prompts := []string{"Ali evde ", strings.Repeat("bahçede ", 4)[:32], strings.Repeat("Ayşe okulda bekliyor. ", 4)}
	var files []string
	var written []generation
	for _, prompt := range prompts {
		g, bytes := generated(t, run, prompt)
		written = append(written, g)
		files = append(files, writeFile(t, "text.txt", append([]byte(prompt), bytes...)))
	}
	losses := tokenLosses(t, run, files...)
	for d, g := range written {
		for i, id := range g.IDs {
			at := losses[d][len(prompts[d])+i]
			if at.ID != id {
				t.Fatalf("prompt %d: token %d is %d, the evaluated byte %d", d, i, id, at.ID)
			}
			if !(math.Abs(at.NLL+g.Logprobs[i]) <= 1e-3) {
				t.Fatalf("prompt %d: token %d: logprob %g, loss %g", d, i, g.Logprobs[i], at.NLL)
			}
		}
	}
}
