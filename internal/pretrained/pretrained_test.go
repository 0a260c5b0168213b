package pretrained_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"strings"
	"testing"

	"agiformer/conf"
	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/pretrained"
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

// saveTiny writes the checkpoint of a tiny untrained model after alter changed
// its weights, and returns its folder.
func saveTiny(t *testing.T, alter func(weights map[string]*torch.Tensor)) string {
	t.Helper()
	tree, err := config.Compose(config.Options{Builtin: conf.Files, Overrides: []string{
		"model=minimal", "model.d_model=32", "model.n_layers=1", "model.n_heads=2", "model.d_ff=32", "model.memory_size=4",
		"model.max_seq_len=16", "run.dir=run",
	}})
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
	snapshot := checkpoint.Snapshot{State: checkpoint.State{Step: 3}, Config: tree.YAML(), Tokenizer: text}
	var m *model.Model
	err = torch.Do(func() {
		if m, err = model.New(cfg.Model, tok.VocabSize(), torch.CPU, torch.Float32, 1); err != nil {
			torch.Fail(err)
		}
		weights := train.Weights(m)
		alter(weights)
		snapshot.Model = checkpoint.FromTensors(weights)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := torch.Do(m.Free); err != nil {
			t.Error(err)
		}
	}()
	dir := checkpoint.RunFolder(t.TempDir()).Path(3)
	if err := checkpoint.Save(dir, snapshot); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadGivesTheWeights(t *testing.T) {
	t.Parallel()
	dir := saveTiny(t, func(weights map[string]*torch.Tensor) {
		torch.NoGrad(func() {
			for w := range maps.Values(weights) {
				w.Fill_(0.25)
			}
		})
	})
	c, err := pretrained.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Load("cpu", false)
	if err != nil {
		t.Fatal(err)
	}
	err = torch.Do(func() {
		for name, w := range train.Weights(m.Model) {
			scope := torch.Enter()
			for _, v := range torch.Data[float32](w.Detach()) {
				if v != 0.25 {
					t.Errorf("%s holds %g, saved was 0.25", name, v)
					break
				}
			}
			scope.Exit()
		}
	})
	if err != nil || c.Step() != 3 {
		t.Errorf("step %d, %v", c.Step(), err)
	}
	if err := m.Free(); err != nil {
		t.Error(err)
	}
}

func TestUnusableWeightsAndDevicesAreTheUsers(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]float64{"NaN": math.NaN(), "infinite": math.Inf(-1)} {
		c, err := pretrained.Open(saveTiny(t, func(weights map[string]*torch.Tensor) {
			torch.NoGrad(func() { weights["embedding.weight"].Select(0, 7).Fill_(value) })
		}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load("cpu", false); exit.Code(err) != exit.BadInput || !strings.Contains(fmt.Sprint(err), "embedding.weight") {
			t.Errorf("%s weights: exit code %d, %v", name, exit.Code(err), err)
		}
		for _, device := range []string{"gpu", "cuda:99"} {
			if _, err := c.Load(device, false); exit.Code(err) != exit.BadInput || !strings.Contains(fmt.Sprint(err), "--device") {
				t.Errorf("device %s: exit code %d, %v", device, exit.Code(err), err)
			}
		}
	}
}
