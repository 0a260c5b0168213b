package model_test

import (
	"slices"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// TestCount holds the figures made without libtorch to a real model's.
func TestCount(t *testing.T) {
	t.Parallel()
	for _, variant := range variants {
		job(t, func() {
			cfg := tiny(variant)
			m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			var total int64
			experts := make([]int64, cfg.NLayers)
			parts := map[string]int64{}
			for _, p := range m.Parameters() {
				total += p.Tensor.Numel()
				parts[p.Component] += p.Tensor.Numel()
				if strings.HasPrefix(p.Component, "experts.") {
					experts[p.Name[len("blocks.")]-'0'] += p.Tensor.Numel()
				}
			}
			c := model.Count(cfg, 256)
			if c.Parameters != total {
				t.Errorf("%s: counted %d parameters, the model has %d", variant, c.Parameters, total)
			}
			for part, n := range parts {
				if c.ByComponent[part] != n {
					t.Errorf("%s: counted %d parameters of %s, the model has %d", variant, c.ByComponent[part], part, n)
				}
			}
			want := total
			for i, n := range experts {
				want -= n - n*cfg.TopKOf(int64(i))/int64(len(cfg.ExpertsOf(int64(i))))
			}
			if c.Active != want {
				t.Errorf("%s: %d active parameters, want %d", variant, c.Active, want)
			}
			state := m.NewState(3)
			defer state.Free()
			if got := state.Bytes(); cfg.UseMemory && got != 3*c.StreamBytes {
				t.Errorf("%s: a state of 3 lanes has %d bytes, counted %d a lane", variant, got, c.StreamBytes)
			}
			if bytes := stateBytes(state); bytes != state.Bytes() && cfg.UseMemory {
				t.Errorf("%s: Bytes says %d, the tensors have %d", variant, state.Bytes(), bytes)
			}
		})
	}
}

func stateBytes(s *model.State) int64 {
	scope := torch.Enter()
	defer scope.Exit()
	sum := int64(0)
	for _, t := range s.Tensors() {
		sum += t.Numel() * t.DType().Size()
	}
	return sum
}

// TestCountedOperations holds FLOPs to a count by hand for one shape and each
// kind: d = 32, 2 layers, 1 expert, embeddings of 3 tokens, no memory.
func TestCountedOperations(t *testing.T) {
	t.Parallel()
	cfg := tiny("base")
	const d, ff, v, inner, t8 = 32, 48, 256, 16, 8
	const scores, out = 4 * t8 / 2 * inner, 2 * inner * d
	for kind, attention := range map[string]int{
		"language": 2*d*(2*(inner-8)+inner) + out + scores,
		"logic":    2*d*3*inner + out + scores,
		"spatial":  2*d*(3*(inner-8)+3) + out + scores,
		"causal":   2*d*(2*(inner-4)+inner) + out + scores,
		"plain":    2*d*3*inner + out + scores,
		"dense":    0,
	} {
		cfg.NExperts, cfg.ExpertTypes = 1, []string{kind}
		block := 2*(4*d*d) + 4*t8/2*d + attention + 2*2*d*ff
		if got, want := model.Count(cfg, v).FLOPs, float64(2*2*d+2*block+2*d*v); got != want {
			t.Errorf("%s: %g operations a token, by hand %g", kind, got, want)
		}
	}
	// Memory: a token reads w kept tokens and n slots by a query of d x d each, of the first
	// through another one, and joins them; once a segment w keys come from d values and w
	// values from 2d, and the write reads the 8 newest states.
	without := model.Count(cfg, v).FLOPs
	cfg.UseMemory = true
	const w, n, newest = 32, 5, 8
	token := 3*2*d*d + 4*w*d + 4*n*d + 2*(3*d*d+d*d)
	write := 2*n*d*d + 4*newest*d*d + 4*n*newest*d + 4*n*d
	if got, want := model.Count(cfg, v).FLOPs-without, float64(token+(6*w*d*d+write)/t8); got != want {
		t.Errorf("memory: %g operations a token, by hand %g", got, want)
	}
}

// TestCountedLinearAttention does the same for linear attention, whose scores
// stop to grow with the segment; the expert's own do not.
func TestCountedLinearAttention(t *testing.T) {
	t.Parallel()
	cfg := tiny("base")
	cfg.NExperts, cfg.ExpertTypes = 1, []string{"language"}
	const d, v, inner, head = 32, 256, 16, 16
	softmax := model.Count(cfg, v).FLOPs
	cfg.UseLinearAttention = true
	// The segment is shorter than a chunk; the states come on top.
	if got, want := model.Count(cfg, v).FLOPs, softmax+2*4*d*head; got != want {
		t.Errorf("%g operations a token, by hand %g", got, want)
	}
	cfg.MaxSeqLen = 1 << 20
	longer := cfg
	longer.MaxSeqLen *= 2
	grown := model.Count(longer, v).FLOPs - model.Count(cfg, v).FLOPs
	if want := float64(2 * 4 * cfg.MaxSeqLen / 2 * inner); grown != want {
		t.Errorf("twice the segment takes %g more operations a token, by hand %g", grown, want)
	}
}

// TestDenseEqualsTextOnly: the plain GPT of model=dense takes as many operations
// a token as text_only, to 1 %, and has none of its parts.
func TestDenseEqualsTextOnly(t *testing.T) {
	t.Parallel()
	count := func(name string) model.Counts {
		tree, err := config.Compose(config.Options{Dir: "../../conf", Overrides: []string{"model=" + name}})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(tree, model.Known())
		if err != nil {
			t.Fatal(err)
		}
		return model.Count(cfg.Model, 256)
	}
	dense, text := count("dense"), count("text_only")
	if ratio := dense.FLOPs / text.FLOPs; ratio < 0.99 || ratio > 1.01 {
		t.Errorf("dense takes %g operations a token, text_only %g", dense.FLOPs, text.FLOPs)
	}
	for _, part := range []string{"memory", "router"} {
		if dense.ByComponent[part] != 0 {
			t.Errorf("dense has %d parameters of %s", dense.ByComponent[part], part)
		}
	}
}

// TestCountedIntrospection: by hand for the same width, inner width 16, segments
// of 8 and three iterations.
func TestCountedIntrospection(t *testing.T) {
	t.Parallel()
	with := tiny("introspective")
	without := with
	without.UseIntrospection = false
	const d, inner, t8 = 32, 16, 8
	iteration := 2*d*inner + 4*t8/2*inner + 2*inner*d // query, attention, out
	iteration += 2*2*d*inner + 2*inner*d + 2*3*d      // meta-reasoning, heads
	iteration += 2*d*inner + 2*inner*d                // correction
	want := float64(2*2*d*inner + 3*iteration + 2*3)
	if got := model.Count(with, 256).FLOPs - model.Count(without, 256).FLOPs; got != want {
		t.Errorf("introspection takes %g operations a token, by hand %g", got, want)
	}
}

// TestDecay: weight decay acts on the weights of linear maps only.
func TestDecay(t *testing.T) {
	t.Parallel()
	job(t, func() {
		cfg := tiny("all")
		cfg.UseLinearAttention, cfg.UseIntrospection, cfg.MaxIterations = true, true, 2
		m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		free := []string{"norm", "bias", "embedding", "slots", "type_", "place_", "vowel_", ".forward", ".backward",
			".distance", ".direction", ".decay", ".null_"}
		for _, p := range m.Parameters() {
			exempt := slices.ContainsFunc(free, func(part string) bool { return strings.Contains(p.Name, part) })
			if p.Decay == exempt {
				t.Errorf("%s: decay %v", p.Name, p.Decay)
			}
		}
	})
}

// TestSeeds: equal seeds give equal parameters, and one more layer changes
// none of the others but for the depth in residual maps.
func TestSeeds(t *testing.T) {
	t.Parallel()
	job(t, func() {
		make := func(layers int64, seed uint64) *model.Model {
			cfg := tiny("text_only")
			cfg.NLayers = layers
			m, err := model.New(cfg, 256, torch.CPU, torch.Float32, seed)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		a, b, deeper, other := make(2, 5), make(2, 5), make(3, 5), make(2, 6)
		for _, m := range []*model.Model{a, b, deeper, other} {
			defer m.Free()
		}
		values := map[string]*torch.Tensor{}
		for _, p := range deeper.Parameters() {
			values[p.Name] = p.Tensor
		}
		for i, p := range a.Parameters() {
			if !torch.Equal(p.Tensor, b.Parameters()[i].Tensor) {
				t.Errorf("%s differs between two models of one seed", p.Name)
			}
			residual := strings.HasSuffix(p.Name, "out.weight") || strings.HasSuffix(p.Name, "down.weight")
			if !residual && !torch.Equal(p.Tensor, values[p.Name]) {
				t.Errorf("%s changes with the number of layers", p.Name)
			}
			if p.Name == "head.weight" && torch.Equal(p.Tensor, other.Parameters()[i].Tensor) {
				t.Errorf("%s is the same for another seed", p.Name)
			}
		}
	})
}

// TestSupported: what the model lacks is one sentence with the key.
func TestSupported(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*config.Model){
		"model.use_multimodal":      func(c *config.Model) { c.UseMultimodal = true },
		"\"spacial\"":               func(c *config.Model) { c.ExpertTypes = []string{"language", "spacial"} },
		"model.n_experts":           func(c *config.Model) { c.NExperts = 3 },
		"model.moe.top_k":           func(c *config.Model) { c.MoE.TopK = ptr(int64(3)) },
		"multiple of model.n_heads": func(c *config.Model) { c.NHeads = 3 },
		"multiple of 8":             func(c *config.Model) { c.NHeads = 4 },
		"heads would be 8 wide":     func(c *config.Model) { c.DModel, c.NHeads = 48, 3 },
	}
	for want, change := range cases {
		cfg := tiny("base")
		change(&cfg)
		if err := model.Supported(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that names %s, got %v", want, err)
		}
	}
	for _, cfg := range shapes(product()) {
		if err := model.Supported(cfg); err != nil {
			t.Errorf("%s: %v", cfg.Name, err)
		}
	}
}

// TestLoadRefuses what is not exactly the model's.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	job(t, func() {
		m, err := model.New(tiny("base"), 256, torch.CPU, torch.Float32, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		all := func() map[string]*torch.Tensor {
			tensors := map[string]*torch.Tensor{}
			for _, p := range m.Parameters() {
				tensors[p.Name] = p.Tensor
			}
			return tensors
		}
		lacking, shaped, extra := all(), all(), all()
		delete(lacking, "head.weight")
		shaped["head.weight"] = torch.Zeros(torch.Float32, torch.CPU, 3, 3)
		extra["blocks.9.attention.out.weight"] = extra["head.weight"]
		for want, tensors := range map[string]map[string]*torch.Tensor{
			"lacks the parameter head.weight": lacking, "head.weight has shape [3 3]": shaped,
			"blocks.9.attention.out.weight": extra,
		} {
			if err := m.Load(tensors); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want an error with %q, got %v", want, err)
			}
		}
	})
}
