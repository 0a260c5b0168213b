package train

import "agiformer/internal/model"

// infoSum gathers what forward passes say of themselves: means over the valid
// input tokens of all, and the most segments that a stream has read.
type infoSum struct {
	sum    *model.Info // each mean times its pass's tokens; nil before the first
	tokens float64
}

// add takes in the info of a pass over n valid tokens; info becomes the sum's.
func (s *infoSum) add(info *model.Info, n float64) {
	weigh(info, n)
	s.tokens += n
	if s.sum == nil {
		s.sum = info
		return
	}
	if info.Memory != nil {
		s.sum.Memory.StepCount = max(s.sum.Memory.StepCount, info.Memory.StepCount)
	}
	for i, block := range info.Blocks {
		into := s.sum.Blocks[i]
		if r := block.MoE.RouterInfo; r != nil {
			for j, share := range r.ExpertUsage {
				into.MoE.RouterInfo.ExpertUsage[j] += share
			}
			into.MoE.RouterInfo.LoadBalancingLoss += r.LoadBalancingLoss
		}
		if in := block.Introspection; in != nil {
			into.Introspection.NumIterations += in.NumIterations
			into.Introspection.FinalConfidence += in.FinalConfidence
		}
	}
}

// mean ends the sum.
func (s *infoSum) mean() *model.Info {
	weigh(s.sum, 1/s.tokens)
	return s.sum
}

// weigh multiplies the means of info by n.
func weigh(info *model.Info, n float64) {
	for _, block := range info.Blocks {
		if r := block.MoE.RouterInfo; r != nil {
			for j := range r.ExpertUsage {
				r.ExpertUsage[j] *= n
			}
			r.LoadBalancingLoss *= n
		}
		if in := block.Introspection; in != nil {
			in.NumIterations *= n
			in.FinalConfidence *= n
		}
	}
}

// usageOf returns the shares of the experts, [block][expert]; nil with one expert.
func usageOf(info *model.Info) (usage [][]float64) {
	for _, block := range info.Blocks {
		if r := block.MoE.RouterInfo; r != nil {
			usage = append(usage, r.ExpertUsage)
		}
	}
	return usage
}
