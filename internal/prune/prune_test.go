package prune_test

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

	"agiformer/conf"
	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/prune"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if n := torch.Live(); n != 0 {
		fmt.Fprintf(os.Stderr, "%d tensors were not freed\n", n)
		code = 1
	}
	os.Exit(code)
}

// saveTiny writes the checkpoint of an untrained model of two blocks whose
// routers see the same token everywhere and give the experts of each block the
// given probabilities. The moments are the weights times 2 and times 3.
func saveTiny(t *testing.T, probabilities [2][]float64, overrides ...string) string {
	t.Helper()
	tree, err := config.Compose(config.Options{Builtin: conf.Files, Overrides: append([]string{
		"model=text_only", "model.d_model=32", "model.n_layers=2", "model.n_heads=2", "model.d_ff=32", "model.memory_size=4",
		"model.max_seq_len=16", "run.dir=run", "training.max_steps=3",
	}, overrides...)})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(tree, model.Known())
	if err != nil {
		t.Fatal(err)
	}
	tok := tokenizer.NewByte()
	text, err := tok.JSON()
	if err != nil {
		t.Fatal(err)
	}
	snapshot := checkpoint.Snapshot{
		State:  checkpoint.State{Step: 3, Evaluated: 3, Best: &checkpoint.BestResult{Step: 3, BitsPerByte: 1}},
		Config: tree.YAML(), Tokenizer: text,
	}
	var m *model.Model
	var moments map[string]*torch.Tensor
	err = torch.Do(func() {
		if m, err = model.New(cfg.Model, tok.VocabSize(), torch.CPU, torch.Float32, 1); err != nil {
			torch.Fail(err)
		}
		weights := train.Weights(m)
		torch.NoGrad(func() { steer(weights, probabilities) })
		moments = momentsOf(weights)
		snapshot.Model, snapshot.Optimizer = checkpoint.FromTensors(weights), checkpoint.FromTensors(moments)
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "whole")
	if err := checkpoint.Save(dir, snapshot); err != nil {
		t.Fatal(err)
	}
	err = torch.Do(func() {
		m.Free()
		for _, moment := range moments {
			moment.Free()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// steer makes every normalised token [1, 0, 0, ...] before the experts, and the
// routers' logits for it the logarithms of the probabilities.
func steer(weights map[string]*torch.Tensor, probabilities [2][]float64) {
	for i, block := range probabilities {
		name := fmt.Sprintf("blocks.%d.", i)
		weights[name+"moe_norm.weight"].Zero_()
		weights[name+"moe_norm.bias"].Zero_().Narrow(0, 0, 1).Fill_(1)
		for e, p := range block {
			weights[name+"moe.router.weight"].Select(0, int64(e)).Narrow(0, 0, 1).Fill_(math.Log(p))
		}
	}
}

func momentsOf(weights map[string]*torch.Tensor) map[string]*torch.Tensor {
	moments := map[string]*torch.Tensor{}
	for name, w := range weights {
		moments["exp_avg."+name] = w.Detach().MulScalar(2).Keep()
		moments["exp_avg_sq."+name] = w.Detach().MulScalar(3).Keep()
		moments["step."+name] = torch.Full(3, torch.Float32, torch.CPU).Keep()
	}
	return moments
}

// result is what prune --json prints of a checkpoint.
type result struct {
	Removed       int
	BlockExperts  [][]int64 `json:"block_experts"`
	Before, After struct {
		BitsPerByte float64 `json:"bits_per_byte"`
		Parameters  int64
	}
}

func run(t *testing.T, o prune.Options) (r result, err error) {
	t.Helper()
	text := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Ali evde oturdu. Ayşe 3 kuş gördü. ", 5)), 0o666); err != nil {
		t.Fatal(err)
	}
	o.Data, o.Device, o.CacheDir, o.JSON = []string{text}, "cpu", t.TempDir(), true
	if err := o.Validate(); err != nil {
		return r, exit.Usage(err)
	}
	var out, notes bytes.Buffer
	if err := prune.Run(context.Background(), o, &out, &notes); err != nil {
		return r, err
	}
	return r, json.Unmarshal(out.Bytes(), &r)
}

// tensors reads a file of a checkpoint as float32 by name.
func tensors(t *testing.T, dir, file string) map[string][]float32 {
	t.Helper()
	c, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{}
	err = torch.Do(func() {
		read := c.ModelTensors
		if file == checkpoint.OptimizerFile {
			read = c.OptimizerTensors
		}
		all, err := read()
		if err != nil {
			torch.Fail(err)
		}
		for name, tensor := range all {
			values[name] = torch.Data[float32](tensor)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// Experts that no token chose go, with their moments; the model predicts what it
// predicted, with one expert a token (whose weight is its probability among all
// there were) as with two; and the checkpoint can be pruned again.
func TestRunKeepsWhatTheModelComputes(t *testing.T) {
	t.Parallel()
	four := []string{"model.n_experts=4", "model.expert_types=[language,logic,language,logic]"}
	for name, c := range map[string]struct {
		probabilities [2][]float64
		overrides     []string
		want          [][]int64
	}{
		"two experts":             {[2][]float64{{0.3, 0.7}, {0.6, 0.4}}, nil, [][]int64{{1}, {0}}},
		"four experts":            {[2][]float64{{0.1, 0.2, 0.3, 0.4}, {0.4, 0.1, 0.1, 0.3}}, four, [][]int64{{2, 3}, {0, 3}}},
		"one of four a token":     {[2][]float64{{0.2, 0.2, 0.4, 0.2}, {0.5, 0.1, 0.1, 0.1}}, append([]string{"model.moe.top_k=1"}, four...), [][]int64{{2}, {0}}},
		"what was pruned already": {[2][]float64{{0.3, 0.7}, {0.6}}, []string{"model.block_experts=[[0,1],[0]]"}, [][]int64{{1}, {0}}},
		"nothing but what is used": {[2][]float64{{0.5, 0.5}, nil}, // with two a token a single expert has no router
			[]string{"model.moe.top_k=2", "model.block_experts=[[0,1],[0]]"}, [][]int64{{0, 1}, {0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, out := saveTiny(t, c.probabilities, c.overrides...), filepath.Join(t.TempDir(), "out")
			r, err := run(t, prune.Options{Checkpoint: from, MinUsage: 0.05, Out: out})
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(r.BlockExperts) != fmt.Sprint(c.want) {
				t.Errorf("experts %v are left, want %v", r.BlockExperts, c.want)
			}
			if math.Abs(r.Before.BitsPerByte-r.After.BitsPerByte) > 1e-6 {
				t.Errorf("%g bits a byte before, %g after", r.Before.BitsPerByte, r.After.BitsPerByte)
			}
			checkTensors(t, from, out, r)
		})
	}
}

// checkTensors holds the files of a pruned checkpoint to those of the whole one.
func checkTensors(t *testing.T, from, out string, r result) {
	t.Helper()
	before, weights := tensors(t, from, checkpoint.ModelFile), tensors(t, out, checkpoint.ModelFile)
	moments, optimizer := tensors(t, from, checkpoint.OptimizerFile), tensors(t, out, checkpoint.OptimizerFile)
	if len(optimizer) != 3*len(weights) {
		t.Errorf("%d tensors in the optimizer for %d weights", len(optimizer), len(weights))
	}
	var total int64
	for name, w := range weights {
		total += int64(len(w))
		for _, state := range []string{"exp_avg.", "exp_avg_sq.", "step."} {
			got := optimizer[state+name]
			if !strings.HasSuffix(name, "router.weight") && fmt.Sprint(got) != fmt.Sprint(moments[state+name]) {
				t.Errorf("%s%s has changed", state, name)
			}
			if state != "step." && len(got) != len(w) {
				t.Errorf("%s%s has %d values for %d weights", state, name, len(got), len(w))
			}
		}
		if !strings.HasSuffix(name, "router.weight") && fmt.Sprint(w) != fmt.Sprint(before[name]) {
			t.Errorf("%s has changed", name)
		}
	}
	if total != r.After.Parameters || (total < r.Before.Parameters) != (r.Removed > 0) {
		t.Errorf("%d values are saved; %+v", total, r)
	}
	state, err := checkpoint.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if s := state.State(); s.Step != 3 || s.Best != nil || s.Evaluated != 0 {
		t.Errorf("the state is %+v", s)
	}
}

func TestMistakesAreTheUsers(t *testing.T) {
	t.Parallel()
	whole := saveTiny(t, [2][]float64{{0.3, 0.7}, {0.6, 0.4}})
	single := saveTiny(t, [2][]float64{}, "model.n_experts=1", "model.expert_types=[logic]")
	there := t.TempDir()
	if err := os.WriteFile(filepath.Join(there, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	for name, c := range map[string]struct {
		o        prune.Options
		mentions string
	}{
		"no checkpoint":      {prune.Options{Out: out}, "--checkpoint"},
		"no out":             {prune.Options{Checkpoint: whole}, "--out"},
		"out is there":       {prune.Options{Checkpoint: whole, Out: there}, there},
		"out is a file":      {prune.Options{Checkpoint: whole, Out: filepath.Join(there, "file")}, "--out"},
		"a share of 5":       {prune.Options{Checkpoint: whole, Out: out, MinUsage: 5}, "--min-usage"},
		"no number":          {prune.Options{Checkpoint: whole, Out: out, MinUsage: math.NaN()}, "--min-usage"},
		"one expert a block": {prune.Options{Checkpoint: single, Out: out}, "one expert"},
		"nothing there":      {prune.Options{Checkpoint: "no/such/run", Out: out}, "no/such/run"},
	} {
		if _, err := run(t, c.o); exit.Code(err) != exit.BadInput || !strings.Contains(fmt.Sprint(err), c.mentions) {
			t.Errorf("%s: exit code %d, %v", name, exit.Code(err), err)
		}
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("a refused command left %s: %v", out, err)
	}
}
