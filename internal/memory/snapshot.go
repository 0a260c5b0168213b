package memory

import (
	"fmt"
	"slices"

	"agiformer/internal/torch"
)

// Names of the tensors of a saved state.
const (
	workingName  = "working"  // [2, B, W, d] of inputs and states, or [1, B, W, d] of states without a working memory
	countsName   = "counts"   // [B] int64
	bankName     = "bank"     // [B, N, d]
	writtenName  = "written"  // [B] bool
	segmentsName = "segments" // [B] int64
)

// Tensors returns the whole state by fixed names, for a checkpoint. The
// tensors live in the current scope or are the state's own: the caller
// neither changes nor frees them.
func (s *State) Tensors() map[string]*torch.Tensor {
	all := map[string]*torch.Tensor{
		countsName:   torch.FromSlice(s.counts, s.lanes),
		writtenName:  torch.FromSlice([]bool(s.written), s.lanes),
		segmentsName: torch.FromSlice(s.segments, s.lanes),
	}
	if s.width == 0 {
		return all
	}
	all[workingName], all[bankName] = s.working, s.bank
	if s.working == nil {
		all[workingName] = torch.Zeros(s.dtype, s.device, s.kept, s.lanes, s.workingLen, s.width)
	}
	if s.bank == nil {
		all[bankName] = torch.Zeros(s.dtype, s.device, s.lanes, s.slots, s.width)
	}
	return all
}

// Restore takes the state from tensors as Tensors gives them, copying them.
// On an error the state is as before.
func (s *State) Restore(all map[string]*torch.Tensor) error {
	want := map[string][]int64{
		countsName: {s.lanes}, writtenName: {s.lanes}, segmentsName: {s.lanes},
	}
	if s.width > 0 {
		want[workingName] = []int64{s.kept, s.lanes, s.workingLen, s.width}
		want[bankName] = []int64{s.lanes, s.slots, s.width}
	}
	for name, shape := range want {
		t, ok := all[name]
		if !ok {
			return fmt.Errorf("stream state lacks the tensor %s", name)
		}
		if !slices.Equal(t.Shape(), shape) {
			return shapeError(name, t.Shape(), shape)
		}
	}
	s.counts = torch.Data[int64](all[countsName])
	s.segments = torch.Data[int64](all[segmentsName])
	s.written = torch.Data[bool](all[writtenName])
	if s.width > 0 {
		s.restoreTensors(all[workingName], all[bankName])
	}
	return nil
}

func (s *State) restoreTensors(working, bank *torch.Tensor) {
	scope := torch.Enter()
	defer scope.Exit()
	own := func(t *torch.Tensor) *torch.Tensor { return t.ToDType(s.dtype).ToDevice(s.device).Clone() }
	replace(&s.working, nil)
	replace(&s.bank, nil)
	if slices.Max(s.counts) > 0 {
		replace(&s.working, own(working))
	}
	if s.written.any(true) {
		replace(&s.bank, own(bank))
	}
}
