package model

import "agiformer/internal/memory"

// State is what B streams carry from segment to segment: working memory, bank
// and segment counts. It is part of a checkpoint.
type State = memory.State

// NewState returns the state of fresh streams, one a lane. The caller frees it.
func (m *Model) NewState(lanes int) *State {
	if m.memory == nil {
		return memory.NewCounter(int64(lanes))
	}
	return m.memory.NewState(int64(lanes), m.dtype, m.device)
}

// ResetMemory begins a new stream in every lane: the specification's
// reset_memory.
func (m *Model) ResetMemory(s *State) { s.ResetAll() }
