package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// steered builds a model whose routers see the same token everywhere and give
// the experts the logits [log p...] for it, so that p is known by hand.
func steered(t *testing.T, cfg config.Model, probabilities ...float64) *model.Model {
	m := build(t, cfg, 1)
	torch.NoGrad(func() {
		for _, p := range m.Parameters() {
			switch {
			case strings.HasSuffix(p.Name, "moe_norm.weight"):
				p.Tensor.Zero_()
			case strings.HasSuffix(p.Name, "moe_norm.bias"):
				p.Tensor.Zero_()
				p.Tensor.Narrow(0, 0, 1).Fill_(1) // u = [1, 0, 0, ...]
			case p.Component == "router":
				p.Tensor.Zero_()
				for e, probability := range probabilities {
					p.Tensor.Select(0, int64(e)).Narrow(0, 0, 1).Fill_(math.Log(probability))
				}
			}
		}
	})
	return m
}

func routerInfo(m *model.Model, o model.Options) model.RouterInfo {
	in := input(rand.New(rand.NewPCG(1, 1)), 8, script(1)[0][0], script(2)[2][0])
	o.Info = true
	return *m.Forward(in, nil, o).Info.Blocks[1].MoE.RouterInfo
}

// TestLoadBalancingByHand: p = (0.7, 0.2, 0.1) for every token, so the loss is
// w·3·(0.49 + 0.04 + 0.01) in both scopes.
func TestLoadBalancingByHand(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"batch", "sequence"} {
		job(t, func() {
			cfg := tiny("base")
			cfg.NExperts, cfg.ExpertTypes = 3, []string{"language", "logic", "logic"}
			cfg.MoE.LoadBalancingScope = scope
			m := steered(t, cfg, 0.7, 0.2, 0.1)
			defer m.Free()
			info := routerInfo(m, model.Options{})
			if want := 0.01 * 3 * 0.54; math.Abs(info.LoadBalancingLoss-want) > 1e-12 {
				t.Errorf("%s: load-balancing loss %g, want %g", scope, info.LoadBalancingLoss, want)
			}
			if !slices.Equal(info.ExpertUsage, []float64{0.5, 0.5, 0}) {
				t.Errorf("%s: usage %v, want the two most probable experts to share", scope, info.ExpertUsage)
			}
		})
	}
}

// TestRouterZLossByHand: with logits log p + 2 the normaliser is 2 everywhere,
// and z·2² is added to the load-balancing loss in both scopes.
func TestRouterZLossByHand(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"batch", "sequence"} {
		job(t, func() {
			cfg := tiny("base")
			cfg.NExperts, cfg.ExpertTypes = 3, []string{"dense", "causal", "dense"}
			cfg.MoE.LoadBalancingScope, cfg.MoE.RouterZLossWeight = scope, 0.001
			m := steered(t, cfg, 0.7*math.Exp(2), 0.2*math.Exp(2), 0.1*math.Exp(2))
			defer m.Free()
			info := routerInfo(m, model.Options{})
			if want := 0.01*3*0.54 + 0.001*4; math.Abs(info.LoadBalancingLoss-want) > 1e-12 {
				t.Errorf("%s: loss %g, want %g", scope, info.LoadBalancingLoss, want)
			}
		})
	}
}

// TestCapacity: all 8 and 5 tokens of two lanes choose expert 0, which has
// ceil(0.5·1·8/2) = 2 places a lane while training: 4 of 13 tokens are served.
// Evaluation drops nothing.
func TestCapacity(t *testing.T) {
	t.Parallel()
	job(t, func() {
		cfg := tiny("base")
		cfg.MoE.CapacityFactor = ptr(0.5)
		m := steered(t, cfg, 0.9, 0.1)
		defer m.Free()
		if got := routerInfo(m, model.Options{Train: true}).ExpertUsage; math.Abs(got[0]-4.0/13) > 1e-12 || got[1] != 0 {
			t.Errorf("training: usage %v, want [4/13 0]", got)
		}
		if got := routerInfo(m, model.Options{}).ExpertUsage; got[0] != 1 {
			t.Errorf("evaluation: usage %v, want [1 0]", got)
		}
	})
}

// TestIdleExpert: an expert without tokens has gradients of zero, not none.
func TestIdleExpert(t *testing.T) {
	t.Parallel()
	for _, kind := range experts.Names() {
		job(t, func() { idleExpert(t, kind) })
	}
}

func idleExpert(t *testing.T, kind string) {
	cfg := tiny("base")
	cfg.ExpertTypes = []string{"language", kind}
	m := steered(t, cfg, 0.9, 0.1)
	defer m.Free()
	in := input(rand.New(rand.NewPCG(1, 1)), 8, script(1)[0][0])
	out := m.Forward(in, nil, model.Options{Train: true})
	m.Loss(out, in.IDs, 1).Backward()
	for _, p := range m.Parameters() {
		if !strings.Contains(p.Name, ".experts.1.") {
			continue
		}
		if g := p.Tensor.Grad(); g == nil || g.Abs().Sum().Item() != 0 {
			t.Errorf("%s (%s): want a gradient of zeros", p.Name, kind)
		}
	}
}

// TestAnyListOfExperts: lists of every length to 16, with repeats side by side
// and apart, decode as they compute in parallel, and every expert has gradients
// of its own.
func TestAnyListOfExperts(t *testing.T) {
	t.Parallel()
	names := experts.Names()
	for _, n := range []int{1, 2, 3, 7, 16} {
		job(t, func() {
			cfg := tiny("base")
			cfg.NExperts, cfg.ExpertTypes = int64(n), nil
			for e := range n {
				cfg.ExpertTypes = append(cfg.ExpertTypes, names[e*e%len(names)])
			}
			m := build(t, cfg, 14)
			defer m.Free()
			ids := randomText(rand.New(rand.NewPCG(3, 3)), 14)
			d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
			defer d.Free()
			var parts []*torch.Tensor
			for _, id := range ids {
				parts = append(parts, d.Feed([]int32{id}))
			}
			near(t, fmt.Sprint(cfg.ExpertTypes), tail(torch.Cat(parts, 0)), parallel(m, ids), 1e-9)
			in := input(rand.New(rand.NewPCG(1, 1)), 8, fresh(ids[:8]))
			m.Loss(m.Forward(in, nil, model.Options{Train: true}), in.IDs, 1).Backward()
			for _, p := range m.Parameters() {
				if p.Component != "router" && p.Tensor.Grad() == nil {
					t.Errorf("%v: %s has no gradient", cfg.ExpertTypes, p.Name)
				}
			}
		})
	}
}
