package model_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// TestIntrospectionGradients compares gradients with differences where the
// detached parts stand still: once the gate of the correction, since the error
// head's weights are 0 (they are left out), once without a correction. The
// evidence's weights are 0, so that what is detached in it does not count.
func TestIntrospectionGradients(t *testing.T) {
	t.Parallel()
	for name, fix := range map[string]func(p model.Parameter){
		"still gate": func(p model.Parameter) {
			if p.Name == "introspection.heads.weight" {
				p.Tensor.Select(0, 0).Zero_()
			}
		},
		"no correction": func(p model.Parameter) {
			if p.Name == "introspection.correction_out.weight" {
				p.Tensor.Zero_()
			}
		},
	} {
		for _, cfg := range append(selection(), tiny("introspective")) {
			if cfg.UseIntrospection {
				job(t, func() { introspectionGradients(t, cfg, name, fix) })
			}
		}
	}
}

func introspectionGradients(t *testing.T, cfg config.Model, name string, fix func(model.Parameter)) {
	m := build(t, cfg, 11)
	defer m.Free()
	torch.NoGrad(func() {
		for _, p := range m.Parameters() {
			if p.Name == "introspection.evidence.weight" {
				p.Tensor.Zero_()
			}
			fix(p)
		}
	})
	loss, done := lossAt(t, m)
	defer done()
	loss().Backward()
	rng := rand.New(rand.NewPCG(12, 12))
	leftOut := func(p model.Parameter) bool {
		return p.Name == slots || name == "still gate" && strings.HasPrefix(p.Name, "introspection.heads")
	}
	for _, group := range grouped(m, leftOut) {
		compareDirection(t, cfg.Name+", "+name, group, loss, rng)
	}
}

// TestErrorHeadLearnsFromErrorsOnly: through the gate no gradient reaches it, so
// without the loss terms it has none, and the correction has.
func TestErrorHeadLearnsFromErrorsOnly(t *testing.T) {
	t.Parallel()
	job(t, func() {
		m := build(t, tiny("introspective"), 11)
		defer m.Free()
		in := input(rand.New(rand.NewPCG(1, 1)), 8, script(4)[0][0])
		model.CrossEntropySum(m.Forward(in, nil, model.Options{Train: true}).Logits, in.IDs).Backward()
		for _, p := range m.Parameters() {
			switch p.Name {
			case "introspection.heads.weight":
				rows := torch.Data[float64](p.Tensor.Grad().Abs().SumDim([]int64{1}, false))
				if rows[0] != 0 || rows[1] != 0 || rows[2] == 0 {
					t.Errorf("the prediction's loss moves error, confidence and halting by %v", rows)
				}
			case "introspection.correction_in.weight":
				if p.Tensor.Grad().Abs().Sum().Item() == 0 {
					t.Error("the prediction's loss does not reach the correction")
				}
			}
		}
	})
}

// TestIntrospectionInfo holds the pass's figures to the opinion's, over the valid
// tokens only, and checks that tokens did halt at different iterations.
func TestIntrospectionInfo(t *testing.T) {
	t.Parallel()
	job(t, func() {
		m := build(t, tiny("introspective"), 6)
		defer m.Free()
		in := input(rand.New(rand.NewPCG(1, 1)), 8, script(1)[0][0], script(2)[2][0]) // 8 and 5 tokens
		for _, embeddings := range []bool{false, true} {
			out := m.Forward(in, nil, model.Options{Info: true, ReturnEmbeddings: embeddings})
			if out.Info.Blocks[0].Introspection != nil {
				t.Error("the first block reports an introspection")
			}
			iterations, confidence := torch.Data[float64](out.Opinion.Iterations), torch.Data[float64](out.Opinion.Confidence)
			var sums [2]float64
			seen := map[float64]bool{}
			for i := range 13 {
				seen[iterations[i]] = true
				sums[0] += iterations[i]
				sums[1] += 1 / (1 + math.Exp(-confidence[i]))
			}
			got := out.Info.Blocks[1].Introspection
			if math.Abs(got.NumIterations-sums[0]/13) > 1e-12 || math.Abs(got.FinalConfidence-sums[1]/13) > 1e-12 {
				t.Errorf("info says %+v, the opinion %v", got, sums)
			}
			if len(seen) < 2 {
				t.Errorf("every token halted at iteration %v: the tests see no halting", iterations[0])
			}
		}
	})
}

// TestOpinionIsAskedFor: plain inference does not pay for it.
func TestOpinionIsAskedFor(t *testing.T) {
	t.Parallel()
	job(t, func() {
		m := build(t, tiny("introspective"), 6)
		defer m.Free()
		in := input(rand.New(rand.NewPCG(1, 1)), 8, script(1)[0][0])
		torch.NoGrad(func() {
			if out := m.Forward(in, nil, model.Options{}); out.Opinion != nil || out.Info != nil {
				t.Error("an opinion nobody asked for")
			}
		})
	})
}

// TestMemoryTakesIntrospectedStates: what a stream remembers is what the
// final norm sees.
func TestMemoryTakesIntrospectedStates(t *testing.T) {
	t.Parallel()
	job(t, func() {
		m := build(t, tiny("introspective"), 6)
		defer m.Free()
		state := m.NewState(1)
		defer state.Free()
		in := input(rand.New(rand.NewPCG(1, 1)), 8, script(1)[0][0])
		var last *torch.Tensor
		torch.NoGrad(func() { last = m.Forward(in, state, model.Options{ReturnEmbeddings: true}).Logits })
		states := state.Tensors()["states"] // [1, W, d]
		remembered := states.Narrow(1, states.Size(1)-8, 8)
		// The final norm has weight 1 and bias 0 here.
		near(t, "working memory", torch.LayerNorm(remembered, []int64{32}, nil, nil, 1e-5), last, 1e-9)
	})
}
