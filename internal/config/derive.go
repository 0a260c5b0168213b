package config

// TopK returns the number of experts a token visits: moe.top_k, or where it is
// null 1 for at most two experts and 2 for more.
func (m Model) TopK() int64 {
	switch {
	case m.MoE.TopK != nil:
		return *m.MoE.TopK
	case m.NExperts <= 2:
		return 1
	default:
		return 2
	}
}

// ExpertsOf returns the experts of a block as ascending places in ExpertTypes:
// all of them but those that were pruned.
func (m Model) ExpertsOf(block int64) []int64 {
	if len(m.BlockExperts) > 0 {
		return m.BlockExperts[block]
	}
	all := make([]int64, m.NExperts)
	for e := range all {
		all[e] = int64(e)
	}
	return all
}

// TopKOf returns the number of experts a token visits in a block: TopK, or all
// where the block has fewer.
func (m Model) TopKOf(block int64) int64 { return min(m.TopK(), int64(len(m.ExpertsOf(block)))) }

// RemovedOf returns how many experts were pruned from a block, where that
// matters to its router: with one expert a token, whose weight is its raw
// probability among all experts there were (docs/model.md, Pruned experts).
func (m Model) RemovedOf(block int64) int64 {
	if m.TopK() > 1 {
		return 0
	}
	return m.NExperts - int64(len(m.ExpertsOf(block)))
}

// RoutedIn says whether a block has a router.
func (m Model) RoutedIn(block int64) bool {
	return len(m.ExpertsOf(block)) > 1 || m.RemovedOf(block) > 0
}

// segmentsKept is the number of segments whose tokens a working memory holds
// unless max_segment_len says otherwise (docs/ablation.md: twice as many were better
// by 2 to 4 %, at twice the cost).
const segmentsKept = 4

// WorkingMemoryLen returns of how many tokens W the working memory of a stream
// holds inputs and states: max_segment_len, or where it is null 4 segments.
func (m Model) WorkingMemoryLen() int64 {
	if m.MaxSegmentLen != nil {
		return *m.MaxSegmentLen
	}
	return segmentsKept * m.MaxSeqLen
}

// SegmentLen returns the number of tokens T of a segment.
func (m Model) SegmentLen() int64 { return m.MaxSeqLen }

// HeadDim returns the width of one attention head.
func (m Model) HeadDim() int64 { return m.DModel / m.NHeads }

// Lanes returns the number of lanes of one rank: every micro-batch of a step
// has its own.
func (t Training) Lanes() int64 { return t.BatchSize * t.GradientAccumulationSteps }
