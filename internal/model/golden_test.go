package model_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/model/introspection"
	"agiformer/internal/torch"

	"github.com/go-viper/mapstructure/v2"
)

// goldenCase is one run of the PyTorch twin (bench/make_golden.py).
type goldenCase struct {
	Vocab    int            `json:"vocab_size"`
	Segments int            `json:"segments"`
	Train    bool           `json:"train_capacity"`
	Config   map[string]any `json:"config"`
	file     *checkpoint.File
	model    config.Model
}

func openGolden(t *testing.T, path string) *goldenCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &goldenCase{}
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	if err := mapstructure.Decode(c.Config, &c.model); err != nil {
		t.Fatal(err)
	}
	if c.file, err = checkpoint.OpenFile(strings.TrimSuffix(path, "json") + "safetensors"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.file.Close() })
	return c
}

// tensor reads a tensor of the file: floats as float64, integers as int64.
func (c *goldenCase) tensor(t *testing.T, name string) *torch.Tensor {
	t.Helper()
	info, ok := c.file.Info(name)
	if !ok {
		t.Fatalf("the golden file lacks %s", name)
	}
	data, err := c.file.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]torch.DType{"F32": torch.Float32, "F64": torch.Float64, "I64": torch.Int64, "U8": torch.Uint8}
	to := torch.Float64
	if strings.HasPrefix(info.DType, "I") || info.DType == "U8" {
		to = torch.Int64
	}
	return torch.FromBytes(data, kinds[info.DType], info.Shape...).ToDType(to)
}

// input reads segment s.
func (c *goldenCase) input(t *testing.T, s int) model.Input {
	get := func(name string) *torch.Tensor { return c.tensor(t, fmt.Sprintf("seg%d/%s", s, name)) }
	return model.Input{IDs: get("ids"), Types: get("types"), Places: get("places"), Vowels: get("vowels"),
		Words: get("words"), Lengths: torch.Data[int64](get("lengths"))}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"memory", "freq2", "minimal", "four", "capacity", "sequence",
		"dense", "spatial", "causal", "kinds", "kinds_twice", "zloss", "linear", "long", "working", "bank", "introspection", "full",
		"pruned", "pruned_top2", "plain", "described"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := openGolden(t, filepath.Join("testdata", "golden", name+".json"))
			job(t, func() { c.run(t) })
		})
	}
}

// run computes all segments and compares everything that the file holds.
func (c *goldenCase) run(t *testing.T) {
	m, err := model.New(c.model, c.Vocab, torch.CPU, torch.Float64, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	parameters := map[string]*torch.Tensor{}
	for _, name := range c.file.Names() {
		if short, ok := strings.CutPrefix(name, "param/"); ok {
			parameters[short] = c.tensor(t, name)
		}
	}
	if err := m.Load(parameters); err != nil {
		t.Fatal(err)
	}
	state := m.NewState(int(c.tensor(t, "seg0/ids").Size(0)))
	defer state.Free()
	for s := range c.Segments {
		c.runSegment(t, m, state, s)
	}
}

func (c *goldenCase) runSegment(t *testing.T, m *model.Model, state *model.State, s int) {
	scope := torch.Enter()
	defer scope.Exit()
	key := func(name string) string { return fmt.Sprintf("seg%d/%s", s, name) }
	for lane, reset := range torch.Data[int64](c.tensor(t, key("reset"))) {
		if reset == 1 {
			state.Reset(lane)
		}
	}
	in := c.input(t, s)
	saved := copies(state.Tensors())
	embeddings := m.Forward(in, state, model.Options{Train: c.Train, ReturnEmbeddings: true})
	if err := state.Restore(saved); err != nil {
		t.Fatal(err)
	}
	out := m.Forward(in, state, model.Options{Train: c.Train, Info: true})
	valid := c.tensor(t, key("mask")).Unsqueeze(2).ToDType(torch.Float64)
	near(t, key("embeddings"), embeddings.Logits.Mul(valid), c.tensor(t, key("embeddings")), 1e-9)
	tail := func(x *torch.Tensor) *torch.Tensor { return x.Narrow(2, 1, x.Size(2)-1) }
	near(t, key("logits"), tail(out.Logits).Mul(valid), tail(c.tensor(t, key("logits"))), 1e-9)
	if first := out.Logits.Select(2, 0).Max().Item(); !math.IsInf(first, -1) {
		t.Errorf("%s: the logit of padding is %g", key("logits"), first)
	}
	targets := c.tensor(t, key("targets"))
	count := float64(targets.Ne(torch.ZerosLike(targets)).Sum().ItemInt())
	loss := m.Loss(out, targets, 1/count)
	near(t, key("cross_entropy"), model.CrossEntropySum(out.Logits, targets).DivScalar(count), c.tensor(t, key("cross_entropy")).Squeeze(0), 1e-9)
	if terms := m.IntrospectionSum(out, targets); terms != nil {
		near(t, key("introspection_loss"), terms.DivScalar(count), c.tensor(t, key("introspection_loss")).Squeeze(0), 1e-9)
		c.compareOpinion(t, out.Opinion, valid.Squeeze(2), key)
	}
	if out.LoadBalancing != nil {
		near(t, key("load_balancing"), out.LoadBalancing, c.tensor(t, key("load_balancing")).Squeeze(0), 1e-9)
		loss = loss.Add(out.LoadBalancing)
		c.compareUsage(t, out.Info, key("usage"))
	}
	if c.model.UseMemory {
		c.compareState(t, state, key)
	}
	if s == c.Segments-1 {
		loss.Backward()
		c.compareGradients(t, m)
	}
}

// compareOpinion compares the introspection's findings of the valid tokens.
func (c *goldenCase) compareOpinion(t *testing.T, o *introspection.Opinion, valid *torch.Tensor, key func(string) string) {
	for name, found := range map[string]*torch.Tensor{
		"error": o.Error, "confidence": o.Confidence, "ponder": o.Ponder, "iterations": o.Iterations,
	} {
		near(t, key(name), found.Mul(valid), c.tensor(t, key(name)).ToDType(torch.Float64), 1e-9)
	}
}

// compareUsage compares the shares of the choices; the file has them before
// the capacity limit.
func (c *goldenCase) compareUsage(t *testing.T, info *model.Info, name string) {
	if c.model.MoE.CapacityFactor != nil {
		return
	}
	var usage []float64
	for _, b := range info.Blocks {
		usage = append(usage, b.MoE.RouterInfo.ExpertUsage...)
	}
	want := torch.Data[float64](c.tensor(t, name))
	if !slices.EqualFunc(usage, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
		t.Errorf("%s: expert usage %v, want %v", name, usage, want)
	}
}

// compareState compares the stream state where it is valid.
func (c *goldenCase) compareState(t *testing.T, state *model.State, key func(string) string) {
	got := state.Tensors()
	ints := func(x *torch.Tensor) []int64 { return torch.Data[int64](x.ToDType(torch.Int64)) }
	for ours, theirs := range map[string]string{"counts": "count", "written": "written", "segments": "segments"} {
		if a, b := ints(got[ours]), ints(c.tensor(t, key(theirs))); !slices.Equal(a, b) {
			t.Errorf("%s: %v, want %v", key(theirs), a, b)
		}
	}
	written := got["written"].ToDType(torch.Float64).View(-1, 1, 1)
	near(t, key("bank"), got["bank"].Mul(written), c.tensor(t, key("bank")), 1e-9)
	working := got["states"]
	if inputs, ok := got["inputs"]; ok { // theirs has both side by side: [B, W, 2d]
		working = torch.Cat([]*torch.Tensor{inputs, working}, 2)
	}
	w := working.Size(1)
	places := torch.Arange(w, torch.Int64, torch.CPU).View(1, w, 1)
	first := got["counts"].Neg().AddScalar(float64(w)).View(-1, 1, 1)
	valid := places.Ge(first).ToDType(torch.Float64)
	near(t, key("working"), working.Mul(valid), c.tensor(t, key("working")), 1e-9)
}

// compareGradients compares by ||diff|| <= 1e-6 (||g|| + 1e-6); the file's
// are in float32, which rounds each value by 6e-8 of it at most.
func (c *goldenCase) compareGradients(t *testing.T, m *model.Model) {
	for _, p := range m.Parameters() {
		want := c.tensor(t, "grad/"+p.Name)
		got := p.Tensor.Grad()
		if got == nil {
			got = torch.ZerosLike(want)
		}
		norm := want.Norm().Item()
		if diff := got.Sub(want).Norm().Item(); !(diff <= 1e-6*(norm+1e-6)) {
			t.Errorf("gradient of %s: off by %g at norm %g", p.Name, diff, norm)
		}
	}
}

// near compares every value within an absolute tolerance.
func near(t *testing.T, what string, got, want *torch.Tensor, tolerance float64) {
	t.Helper()
	if !slices.Equal(got.Shape(), want.Shape()) {
		t.Errorf("%s: shape %v, want %v", what, got.Shape(), want.Shape())
		return
	}
	if got.Numel() == 0 {
		return
	}
	if diff := got.Sub(want).Abs().Max().Item(); !(diff <= tolerance) {
		t.Errorf("%s: off by %g, allowed %g", what, diff, tolerance)
	}
}

// copies clones tensors that their owner may change.
func copies(all map[string]*torch.Tensor) map[string]*torch.Tensor {
	out := map[string]*torch.Tensor{}
	for name := range maps.Keys(all) {
		out[name] = all[name].Clone()
	}
	return out
}
