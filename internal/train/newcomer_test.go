package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/evaluate"
	"agiformer/internal/exit"
	"agiformer/internal/experts"
	"agiformer/internal/model"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// A fifth type of expert is what stands from here to the next line of dashes,
// and nothing else: in internal/experts it would be the file math.go.

func init() { experts.Register("math", mathKind{}) }

// mathKind is rotary attention that knows digits: a learned vector is added to
// the state of each token that is one.
type mathKind struct{}

func (mathKind) Specs(s experts.Shape) []nn.Spec {
	width, _, _ := s.Inner()
	return []nn.Spec{
		nn.Weight("qkv", 3*width, s.DModel, nn.LinearInit(s.DModel)),
		nn.Weight("out", s.DModel, width, nn.ResidualInit(width, s.Layers)),
		{Name: "digit", Shape: []int64{s.DModel}, Init: nn.Normal(0.5)},
	}
}

func (mathKind) ScoreWidth(s experts.Shape) int64 {
	width, _, _ := s.Inner()
	return width
}

// mathFeatures is what the kind knows of tokens: angles, and whether it is a digit.
type mathFeatures struct {
	rotary *nn.Rotary
	dtype  torch.DType
}

func (mathKind) Features(s experts.Shape, dt torch.DType, dev torch.Device) experts.Features {
	_, _, head := s.Inner()
	return &mathFeatures{nn.NewRotary(head, s.SegmentLen, dt, dev), dt}
}

func (f *mathFeatures) Free() { f.rotary.Free() }

func (f *mathFeatures) Rows(s *experts.Segment) []*torch.Tensor {
	return torch.ScopedList(func() []*torch.Tensor {
		cos, sin := f.rotary.At(s.First, s.Len)
		const digits = 4 // the type of digits, docs/model.md
		return []*torch.Tensor{s.PerToken(cos), s.PerToken(sin),
			s.Types.EqScalar(digits).ToDType(f.dtype).Reshape(s.Lanes*s.Len, 1)}
	})
}

type mathAttention struct {
	heads    int64
	qkv, out nn.Linear
	digit    *torch.Tensor // [d]
}

func (mathKind) New(s experts.Shape, p nn.Params) experts.Attention {
	_, heads, _ := s.Inner()
	return &mathAttention{heads, nn.NewLinear(p.Sub("qkv")), nn.NewLinear(p.Sub("out")), p.Get("digit")}
}

func (a *mathAttention) Forward(u *torch.Tensor, rows []*torch.Tensor, cache *nn.Cache) *torch.Tensor {
	packed := a.qkv.Forward(u.Add(rows[2].Mul(a.digit)))
	return a.out.Forward(nn.RotaryAttention(packed, a.heads, rows[0], rows[1], nil, nil, cache))
}

// ------------------------------------------------------------------------

// slipKind is mathKind but for a name that is not the declared one.
type slipKind struct{ mathKind }

func init() { experts.Register("slip", slipKind{}) }

func (slipKind) New(_ experts.Shape, p nn.Params) experts.Attention {
	return &mathAttention{digit: p.Get("digits")}
}

// TestASlipInAnExpertIsASentence: the run fails, the program does not, and what
// was built of the model is given back.
func TestASlipInAnExpertIsASentence(t *testing.T) {
	tree, cfg, err := mathConfig(t, "[slip,plain]", writeText(t, 10))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = train.Run(context.Background(), cfg, tree.YAML(), nil, train.RunOptions{CacheDir: shared, Out: &out})
	const want = "the expert slip takes the parameter digits, which its Specs do not declare: they declare digit, out.weight, qkv.weight"
	if exit.Code(err) != exit.Failed || err.Error() != want {
		t.Errorf("exit code %d, error %v", exit.Code(err), err)
	}
	if n := torch.Live(); n != 0 {
		t.Errorf("%d tensors left", n)
	}
}

// TestTwoExpertsOfOneNameAreRefused: the second would silently replace the first.
func TestTwoExpertsOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, `there is an expert "language" already`) {
			t.Errorf("it panics with %v", said)
		}
	}()
	experts.Register("language", mathKind{})
}

// mathConfig composes a run with the new expert as the command line would.
func mathConfig(t *testing.T, types string, text string) (*config.Tree, *config.Config, error) {
	t.Helper()
	tree, err := config.Compose(config.Options{Builtin: conf.Files, Overrides: []string{
		"model.expert_types=" + types, "model.d_model=32", "model.n_layers=2", "model.n_heads=2", "model.d_ff=48",
		"model.memory_size=4", "model.max_seq_len=16", "training.batch_size=2", "training.max_steps=30", "training.use_amp=false",
		"training.learning_rate=0.01", "training.warmup_steps=4", "hardware.device=cpu", "hardware.threads=1",
		"data.train=" + config.Quote(text), "data.split=blank_line", "run.dir=" + config.Quote(t.TempDir()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(tree, model.Known())
	return tree, cfg, err
}

// TestANewExpertIsOneFile trains a model with an expert that only this file
// knows, and evaluates its checkpoint.
func TestANewExpertIsOneFile(t *testing.T) {
	t.Parallel()
	text := writeText(t, 40)
	if _, _, err := mathConfig(t, "[math,maths]", text); err == nil || !strings.Contains(err.Error(), "did you mean 'math'") {
		t.Errorf("a slip in its name gives %v", err)
	}
	tree, cfg, err := mathConfig(t, "[math,causal]", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := config.CheckSupported(cfg); err != nil {
		t.Fatal(err)
	}
	if n := model.Count(cfg.Model, 256).ByComponent["experts.math"]; n == 0 {
		t.Error("its parameters are not counted")
	}
	var out bytes.Buffer
	if err := train.Run(context.Background(), cfg, tree.YAML(), nil, train.RunOptions{CacheDir: shared, Out: &out}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var report, notes bytes.Buffer
	err = evaluate.Run(context.Background(), evaluate.Options{
		Checkpoint: cfg.Run.Dir, Data: []string{text}, Device: "cpu", JSON: true, CacheDir: shared}, &report, &notes)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Bits  float64     `json:"bits_per_byte"`
		Usage [][]float64 `json:"expert_usage"`
	}
	if err := json.Unmarshal(report.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Bits > 6 || len(got.Usage) != 2 || got.Usage[0][0] == 0 {
		t.Errorf("after 30 steps %g bits per byte, usage %v", got.Bits, got.Usage)
	}
}
