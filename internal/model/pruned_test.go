package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// TestPrunedIsTheRestOfTheModel: without experts that no token chooses a model
// computes what it computed with them, in parallel and while decoding. p is the
// routers' (see steered), rest what is left in each block, and rows are the
// logits of the routers that are left.
func TestPrunedIsTheRestOfTheModel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		topK int64
		p    []float64
		rest [][]int64
		rows [][]float64
	}{
		// With k = 1 the weight is p itself, also where one expert is left.
		"one a token": {1, []float64{0.1, 0.8, 0.1}, [][]int64{{1, 2}, {1}}, [][]float64{{0.8 / 0.1, 1}, {0.8 / 0.1}}},
		"two a token": {2, []float64{0.1, 0.3, 0.6}, [][]int64{{1, 2}, {1, 2}}, [][]float64{{0.3, 0.6}, {0.3, 0.6}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job(t, func() {
				cfg := tiny("text_only")
				cfg.NExperts, cfg.ExpertTypes, cfg.MoE.TopK = 3, []string{"language", "logic", "language"}, &c.topK
				whole := steered(t, cfg, c.p...)
				defer whole.Free()
				cfg.BlockExperts = c.rest
				rest := restOf(t, whole, cfg, c.rows)
				defer rest.Free()
				ids := randomText(rand.New(rand.NewPCG(3, 3)), 20)
				want := parallel(whole, ids)
				near(t, name, parallel(rest, ids), want, 1e-9)
				decoder := rest.NewDecoder(fresh(nil).labeler)
				defer decoder.Free()
				for i, id := range ids {
					near(t, name+" decoding", tail(decoder.Feed([]int32{id})), want.Narrow(0, int64(i), 1), 1e-9)
				}
			})
		})
	}
}

// restOf builds the model of cfg with the weights that whole has by the same
// names; every router's row has the given probability's logarithm as its logit.
func restOf(t *testing.T, whole *model.Model, cfg config.Model, rows [][]float64) *model.Model {
	rest := build(t, cfg, 2)
	byName := map[string]*torch.Tensor{}
	for _, p := range whole.Parameters() {
		byName[p.Name] = p.Tensor
	}
	torch.NoGrad(func() {
		for _, p := range rest.Parameters() {
			if p.Component != "router" {
				p.Tensor.Copy_(byName[p.Name])
				continue
			}
			p.Tensor.Zero_()
			for e, ratio := range rows[p.Name[len("blocks.")]-'0'] {
				p.Tensor.Select(0, int64(e)).Narrow(0, 0, 1).Fill_(math.Log(ratio))
			}
		}
	})
	return rest
}

// TestPrunedBlocksHaveTheirOwn: parameters are named after the experts' places
// in expert_types, routers have a row for each expert that is left, and usage is
// told by place.
func TestPrunedBlocksHaveTheirOwn(t *testing.T) {
	t.Parallel()
	job(t, func() {
		cfg := tiny("pruned four")
		m := build(t, cfg, 1)
		defer m.Free()
		experts, routers := map[string]bool{}, map[string]int64{}
		for _, p := range m.Parameters() {
			if before, _, found := strings.Cut(p.Name, ".norm."); found && strings.Contains(p.Name, ".experts.") {
				experts[before] = true
			}
			if p.Component == "router" {
				routers[p.Name] = p.Tensor.Size(0)
			}
		}
		if len(experts) != 6 || !experts["blocks.0.moe.experts.3"] || !experts["blocks.1.moe.experts.2"] || !experts["blocks.2.moe.experts.0"] {
			t.Errorf("the experts are %v", experts)
		}
		if len(routers) != 2 || routers["blocks.0.moe.router.weight"] != 3 || routers["blocks.2.moe.router.weight"] != 2 {
			t.Errorf("the routers' rows are %v", routers)
		}
		in := input(rand.New(rand.NewPCG(1, 1)), 8, script(1)[0][0])
		info := m.Forward(in, nil, model.Options{Info: true}).Info
		if got := info.Blocks[1].MoE.RouterInfo.ExpertUsage; !slices.Equal(got, []float64{0, 0, 1, 0}) {
			t.Errorf("usage of the block with one expert is %v", got)
		}
		if got := info.Blocks[2].MoE.RouterInfo.ExpertUsage; !slices.Equal(got, []float64{0.5, 0, 0, 0.5}) {
			t.Errorf("usage of the block with two experts, both of which every token visits, is %v", got)
		}
	})
}
