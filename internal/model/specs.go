package model

import (
	"fmt"
	"strings"

	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/memory"
	"agiformer/internal/model/introspection"
	"agiformer/internal/model/nn"
	"agiformer/internal/words"
)

// Known returns what a configuration may choose among: the registered experts.
func Known() config.Known { return config.Known{Experts: experts.Names()} }

// Supported says in one sentence which part of cfg the model does not have, or
// what contradicts itself; nil if New can build it. It needs no libtorch.
func Supported(cfg config.Model) error {
	for _, part := range []struct {
		on   bool
		key  string
		what string
	}{
		{cfg.UseMultimodal, "use_multimodal", "image, audio and video input"},
	} {
		if part.on {
			return fmt.Errorf("model.%s is true, but this version has no %s yet: set it to false or choose model=text_only", part.key, part.what)
		}
	}
	if int64(len(cfg.ExpertTypes)) != cfg.NExperts {
		return fmt.Errorf("model.expert_types names %s, but model.n_experts is %d: make them equal", words.Count(len(cfg.ExpertTypes), "expert"), cfg.NExperts)
	}
	for _, name := range cfg.ExpertTypes {
		if _, ok := experts.Lookup(name); !ok {
			return fmt.Errorf("model.expert_types names %q, which is no expert: choose among %s", name, strings.Join(experts.Names(), ", "))
		}
	}
	if k := cfg.TopK(); k < 1 || k > cfg.NExperts {
		return fmt.Errorf("model.moe.top_k is %d, expected 1 to model.n_experts (%d)", k, cfg.NExperts)
	}
	return supportedWidths(cfg)
}

// supportedWidths checks that heads are whole and fit the fused kernels: a
// multiple of 8, and at least 16.
func supportedWidths(cfg config.Model) error {
	if cfg.NHeads < 1 || cfg.DModel%cfg.NHeads != 0 {
		return fmt.Errorf("model.d_model is %d, expected a multiple of model.n_heads (%d)", cfg.DModel, cfg.NHeads)
	}
	if h := cfg.HeadDim(); h%8 != 0 || h < 16 {
		return fmt.Errorf("model.d_model / model.n_heads is %d, expected a multiple of 8 and at least 16: change one of them", h)
	}
	width, heads, head := expertShape(cfg).Inner()
	if cfg.DModel%2 != 0 || width%heads != 0 || head%8 != 0 || head < 16 {
		return fmt.Errorf("model.d_model is %d with %d heads: the experts' attention is half as wide and its heads would be %d wide, expected a multiple of 8 and at least 16", cfg.DModel, cfg.NHeads, head)
	}
	return nil
}

func expertShape(cfg config.Model) experts.Shape {
	return experts.Shape{DModel: cfg.DModel, DFF: cfg.DFF, Heads: cfg.NHeads,
		Layers: cfg.NLayers, SegmentLen: cfg.SegmentLen()}
}

func memoryShape(cfg config.Model) memory.Shape {
	s := memory.Shape{DModel: cfg.DModel, Heads: cfg.NHeads, Slots: cfg.MemorySize,
		WorkingLen: cfg.WorkingMemoryLen(), SegmentLen: cfg.SegmentLen(), UpdateFreq: cfg.MemoryUpdateFreq,
		Working: cfg.MemoryParts != "bank", Bank: cfg.MemoryParts != "working"}
	if !s.Working { // what is kept is for the bank's next write alone
		s.WorkingLen = s.WriteLen()
	}
	return s
}

func introspectionShape(cfg config.Model) introspection.Shape {
	width, heads, head := expertShape(cfg).Inner()
	return introspection.Shape{DModel: cfg.DModel, Width: width, Heads: heads, Head: head,
		Layers: cfg.NLayers, SegmentLen: cfg.SegmentLen(), Iterations: cfg.MaxIterations}
}

// members are the experts of block i.
func members(cfg config.Model, i int64) []experts.Member {
	var all []experts.Member
	for _, place := range cfg.ExpertsOf(i) {
		all = append(all, experts.Member{Place: place, Kind: cfg.ExpertTypes[place]})
	}
	return all
}

// routing is that of block i.
func routing(cfg config.Model, i int64) experts.Routing {
	r := experts.Routing{Experts: int64(len(cfg.ExpertsOf(i))), TopK: cfg.TopKOf(i), Removed: cfg.RemovedOf(i),
		BalanceWeight: cfg.MoE.LoadBalancingLossWeight, ZLossWeight: cfg.MoE.RouterZLossWeight,
		BalanceByLane: cfg.MoE.LoadBalancingScope == "sequence"}
	if cfg.MoE.CapacityFactor != nil {
		r.CapacityFactor = *cfg.MoE.CapacityFactor
	}
	return r
}

// specs lists all parameters of the model in their fixed order.
func specs(cfg config.Model, vocab int64) []nn.Spec {
	d := cfg.DModel
	all := nn.Prefix("embedding", embeddingSpecs(cfg, vocab))
	if cfg.UseMemory {
		all = append(all, nn.Prefix("memory", memory.Specs(memoryShape(cfg)))...)
	}
	for i := range cfg.NLayers {
		all = append(all, nn.Prefix(fmt.Sprintf("blocks.%d", i), blockSpecs(cfg, i))...)
	}
	if cfg.UseIntrospection {
		all = append(all, nn.Prefix("introspection", introspection.Specs(introspectionShape(cfg)))...)
	}
	all = append(all, nn.Norm("final_norm", d)...)
	return append(all, nn.Weight("head", vocab, d, nn.LinearInit(d)))
}

func blockSpecs(cfg config.Model, i int64) []nn.Spec {
	list := append(attentionSpecs(cfg), nn.Norm("moe_norm", cfg.DModel)...)
	return append(list, nn.Prefix("moe", experts.Specs(members(cfg, i), expertShape(cfg), routing(cfg, i)))...)
}

// attentionSpecs lists a block's attention and the norm before it.
func attentionSpecs(cfg config.Model) []nn.Spec {
	d := cfg.DModel
	list := nn.Norm("attention_norm", d)
	list = append(list,
		nn.Weight("attention.qkv", 3*d, d, nn.LinearInit(d)),
		nn.Weight("attention.out", d, d, nn.ResidualInit(d, cfg.NLayers)))
	if cfg.UseLinearAttention {
		list = append(list, nn.Prefix("attention", linearAttentionSpecs(cfg))...)
	}
	return list
}

// blockOf returns the block that a parameter of name blocks.{i}... belongs to.
func blockOf(name string) (i int64) {
	_, _ = fmt.Sscanf(name, "blocks.%d.", &i) // the name was made from a number
	return i
}

// component names the part of the model that a parameter belongs to:
// embedding, memory, attention, router, experts.KIND, introspection or head. A
// block's norms count with its attention, the final norm with the head.
func component(cfg config.Model, name string) string {
	switch parts := strings.Split(name, "."); {
	case parts[0] == "final_norm":
		return "head"
	case parts[0] != "blocks":
		return parts[0]
	case parts[2] != "moe":
		return "attention"
	case len(parts) > 4 && parts[3] == "experts":
		var e int
		_, _ = fmt.Sscanf(parts[4], "%d", &e) // the name was made from a number
		return "experts." + cfg.ExpertTypes[e]
	default:
		return "router"
	}
}
