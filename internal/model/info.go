package model

import (
	"slices"

	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/model/introspection"
	"agiformer/internal/torch"
)

// Info describes a forward pass with the specification's names.
type Info struct {
	Modalities []string    `json:"modalities"`
	Memory     *MemoryInfo `json:"memory,omitempty"`
	Blocks     []BlockInfo `json:"blocks"`
}

// MemoryInfo describes the memory.
type MemoryInfo struct {
	// StepCount is the number of segments that the longest stream has read.
	StepCount int64 `json:"step_count"`
}

// BlockInfo describes a block.
type BlockInfo struct {
	MoE MoEInfo `json:"moe"`
	// Introspection is the last block's; absent where it is off.
	Introspection *IntrospectionInfo `json:"introspection,omitempty"`
}

// IntrospectionInfo describes the introspection loop.
type IntrospectionInfo struct {
	// NumIterations is the mean over the valid tokens.
	NumIterations float64 `json:"num_iterations"`
	// FinalConfidence is the mean over the valid tokens of the probability that
	// the prediction is right.
	FinalConfidence float64 `json:"final_confidence"`
}

// MoEInfo describes a block's mixture of experts.
type MoEInfo struct {
	RouterInfo *RouterInfo `json:"router_info,omitempty"`
}

// RouterInfo describes what a router did; absent where model.n_experts is 1.
type RouterInfo struct {
	// ExpertUsage is the share of the choices (k a valid token) that each
	// expert of model.expert_types got, 0 for one that the block no longer has;
	// a sum below 1 is what the capacity limit dropped.
	ExpertUsage []float64 `json:"expert_usage"`
	// LoadBalancingLoss of the layer, weighted, with the router z-loss where
	// that has a weight.
	LoadBalancingLoss float64 `json:"load_balancing_loss"`
}

// newInfo reads the results' figures from the device.
func newInfo(results []experts.Result, opinion *introspection.Opinion, p *pass, cfg config.Model, s *State) *Info {
	info := &Info{Modalities: []string{"text"}, Blocks: make([]BlockInfo, len(results))}
	if cfg.UseMemory {
		info.Memory = &MemoryInfo{StepCount: 1}
		if s != nil {
			info.Memory.StepCount = slices.Max(s.Segments())
		}
	}
	for i, r := range results {
		info.Blocks[i].MoE.RouterInfo = newRouterInfo(r, p, cfg, int64(i))
	}
	if opinion != nil {
		info.Blocks[len(results)-1].Introspection = &IntrospectionInfo{
			NumIterations:   meanOfValid(opinion.Iterations, p),
			FinalConfidence: meanOfValid(opinion.Confidence.Sigmoid(), p),
		}
	}
	return info
}

// meanOfValid is the mean of x [B, T] over the valid tokens; 0 without any.
func meanOfValid(x *torch.Tensor, p *pass) float64 {
	if p.Mask != nil {
		x = x.Mul(p.Mask)
	}
	return x.Sum().Item() / float64(max(1, p.Valid))
}

// newRouterInfo describes what happened to the tokens in block i.
func newRouterInfo(r experts.Result, p *pass, cfg config.Model, i int64) *RouterInfo {
	if cfg.NExperts == 1 {
		return nil
	}
	router := &RouterInfo{ExpertUsage: make([]float64, cfg.NExperts)}
	kept := cfg.ExpertsOf(i)
	if r.Counts == nil { // the others were pruned
		router.ExpertUsage[kept[0]] = 1
		return router
	}
	router.LoadBalancingLoss = r.Balance.Item()
	choices := float64(max(1, p.Valid*cfg.TopKOf(i)))
	for row, n := range torch.Data[int64](r.Counts) {
		router.ExpertUsage[kept[row]] = float64(n) / choices
	}
	return router
}
