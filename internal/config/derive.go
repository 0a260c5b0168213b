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

// WorkingMemoryLen returns how many states [W] the working memory of a stream
// holds: max_segment_len, or where it is null max_seq_len.
func (m Model) WorkingMemoryLen() int64 {
	if m.MaxSegmentLen != nil {
		return *m.MaxSegmentLen
	}
	return m.MaxSeqLen
}

// SegmentLen returns the number of tokens T of a segment.
func (m Model) SegmentLen() int64 { return m.MaxSeqLen }

// HeadDim returns the width of one attention head.
func (m Model) HeadDim() int64 { return m.DModel / m.NHeads }

// Lanes returns the number of lanes of one rank: every micro-batch of a step
// has its own.
func (t Training) Lanes() int64 { return t.BatchSize * t.GradientAccumulationSteps }
