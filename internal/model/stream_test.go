package model_test

import (
	"math/rand/v2"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// script is three documents of unequal lengths over three segments of 8.
func script(seed uint64) [][]segment {
	rng := rand.New(rand.NewPCG(seed, 1))
	return [][]segment{cut(randomText(rng, 24), 8), cut(randomText(rng, 19), 8), cut(randomText(rng, 5), 8)}
}

// lanesAt returns the lanes' s-th segments, empty where a document has ended.
func lanesAt(documents [][]segment, s int) []segment {
	lanes := make([]segment, len(documents))
	for b, d := range documents {
		lanes[b] = fresh(nil)
		if s < len(d) {
			lanes[b] = d[s]
		}
	}
	return lanes
}

// TestBatchInvariance: a stream's logits are the same alone and in a batch
// whose other lanes end earlier, whatever stands in the padding.
func TestBatchInvariance(t *testing.T) {
	t.Parallel()
	for _, cfg := range shapes(selection()) {
		job(t, func() {
			m := build(t, cfg, 4)
			defer m.Free()
			alone := make([]*torch.Tensor, 3)
			for b, d := range script(1) {
				var ids []int32
				for _, part := range d {
					ids = append(ids, part.ids...)
				}
				alone[b] = parallel(m, ids)
			}
			documents, state := script(1), m.NewState(3)
			defer state.Free()
			for s := range 3 {
				in := input(rand.New(rand.NewPCG(9, uint64(s))), 8, lanesAt(documents, s)...)
				logits := infer(m, in, state, model.Options{})
				for b, n := range in.Lengths {
					near(t, cfg.Name, logits.Select(0, int64(b)).Narrow(0, 0, n), alone[b].Narrow(0, min(int64(8*s), alone[b].Size(0)), n), 1e-9)
				}
			}
		})
	}
}

// TestPadding: what stands at padding changes neither losses nor usage, and
// lanes without tokens keep their state.
func TestPadding(t *testing.T) {
	t.Parallel()
	run := func(m *model.Model, padding uint64) (*model.Info, map[string]*torch.Tensor) {
		documents, state := script(2), m.NewState(3)
		defer state.Free()
		var info *model.Info
		torch.NoGrad(func() {
			for s := range 3 {
				in := input(rand.New(rand.NewPCG(padding, 1)), 8, lanesAt(documents, s)...)
				info = m.Forward(in, state, model.Options{Info: true}).Info
			}
		})
		return info, copies(state.Tensors())
	}
	job(t, func() {
		m := build(t, tiny("four"), 5)
		defer m.Free()
		first, state := run(m, 1)
		second, other := run(m, 2)
		for i, b := range first.Blocks {
			sum := 0.0
			for e, usage := range b.MoE.RouterInfo.ExpertUsage {
				sum += usage
				if usage != second.Blocks[i].MoE.RouterInfo.ExpertUsage[e] {
					t.Errorf("block %d: padding changes the usage of expert %d", i, e)
				}
			}
			if d := sum - 1; d > 1e-12 || d < -1e-12 {
				t.Errorf("block %d: usage sums to %g", i, sum)
			}
			if d := b.MoE.RouterInfo.LoadBalancingLoss - second.Blocks[i].MoE.RouterInfo.LoadBalancingLoss; d != 0 {
				t.Errorf("block %d: padding changes the load-balancing loss by %g", i, d)
			}
		}
		w := state["states"].Size(1)
		for b, n := range torch.Data[int64](state["counts"]) {
			valid := func(x *torch.Tensor) *torch.Tensor { return x.Select(0, int64(b)).Narrow(0, w-n, n) }
			for _, name := range []string{"inputs", "states"} {
				near(t, name, valid(state[name]), valid(other[name]), 1e-12)
			}
		}
		near(t, "bank", state["bank"], other["bank"], 1e-12)
		if got := torch.Data[int64](state["segments"]); got[0] != 3 || got[1] != 3 || got[2] != 1 {
			t.Errorf("segments %v, want [3 3 1]", got)
		}
	})
}

// TestStreamsAreIsolated: another document in lane 0 leaves lane 1 as it was,
// through several segments and writes.
func TestStreamsAreIsolated(t *testing.T) {
	t.Parallel()
	lane1 := func(m *model.Model, seed uint64) *torch.Tensor {
		documents := [][]segment{script(seed)[0], script(3)[0]}
		state := m.NewState(2)
		defer state.Free()
		var parts []*torch.Tensor
		for s := range 3 {
			in := input(rand.New(rand.NewPCG(1, 1)), 8, lanesAt(documents, s)...)
			parts = append(parts, infer(m, in, state, model.Options{}).Select(0, 1))
		}
		return torch.Cat(parts, 0)
	}
	for _, cfg := range shapes(selection()) {
		job(t, func() {
			m := build(t, cfg, 6)
			defer m.Free()
			near(t, cfg.Name, lane1(m, 1), lane1(m, 2), 1e-9)
		})
	}
}

// TestResetAndRestore: a reset lane is as fresh while the others go on, and a
// restored state continues exactly.
func TestResetAndRestore(t *testing.T) {
	t.Parallel()
	for _, cfg := range append(selection(), tiny("base"), tiny("text_only"), tiny("four")) {
		job(t, func() { resetAndRestore(t, cfg) })
	}
}

func resetAndRestore(t *testing.T, cfg config.Model) {
	m := build(t, cfg, 7)
	defer m.Free()
	documents := [][]segment{script(1)[0], script(2)[0]}
	at := func(s int) model.Input { return input(rand.New(rand.NewPCG(1, 1)), 8, lanesAt(documents, s)...) }
	inputs := []model.Input{at(0), at(1), at(2)}
	state := m.NewState(2)
	defer state.Free()
	infer(m, inputs[0], state, model.Options{})
	infer(m, inputs[1], state, model.Options{})
	saved := copies(state.Tensors())
	straight := infer(m, inputs[2], state, model.Options{})

	second := m.NewState(2)
	defer second.Free()
	if err := second.Restore(saved); err != nil {
		t.Fatal(err)
	}
	near(t, cfg.Name+" restored", infer(m, inputs[2], second, model.Options{}), straight, 0)

	if err := second.Restore(saved); err != nil {
		t.Fatal(err)
	}
	second.Reset(0)
	mixed := infer(m, inputs[2], second, model.Options{})
	freshly := infer(m, inputs[2], nil, model.Options{})
	near(t, cfg.Name+" reset lane", mixed.Select(0, 0), freshly.Select(0, 0), 1e-9)
	near(t, cfg.Name+" other lane", mixed.Select(0, 1), straight.Select(0, 1), 1e-9)

	m.ResetMemory(second)
	near(t, cfg.Name+" reset_memory", infer(m, inputs[2], second, model.Options{}), freshly, 1e-9)

	wrong := m.NewState(3)
	defer wrong.Free()
	if err := wrong.Restore(saved); err == nil {
		t.Errorf("%s: the state of two lanes was restored into three", cfg.Name)
	}
}
