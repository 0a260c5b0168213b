package memory

import (
	"fmt"
	"slices"

	"agiformer/internal/torch"
)

// Names of the tensors of a saved state.
const (
	inputsName   = "inputs"   // [B, W, d]; only with a working memory
	statesName   = "states"   // [B, W, d]
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
	for i, name := range s.keptNames() {
		if s.working == nil {
			all[name] = torch.Zeros(s.dtype, s.device, s.lanes, s.workingLen, s.width)
		} else {
			all[name] = s.working.Select(0, int64(i))
		}
	}
	all[bankName] = s.bank
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
		for _, name := range s.keptNames() {
			want[name] = []int64{s.lanes, s.workingLen, s.width}
		}
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
		s.restoreTensors(all)
	}
	return nil
}

// keptNames names what is kept of each token, as it lies in the working memory.
func (s *State) keptNames() []string {
	return []string{inputsName, statesName}[2-s.vectors:]
}

func (s *State) restoreTensors(all map[string]*torch.Tensor) {
	scope := torch.Enter()
	defer scope.Exit()
	own := func(t *torch.Tensor) *torch.Tensor { return t.ToDType(s.dtype).ToDevice(s.device).Clone() }
	replace(&s.working, nil)
	replace(&s.bank, nil)
	if slices.Max(s.counts) > 0 {
		var kept []*torch.Tensor
		for _, name := range s.keptNames() {
			kept = append(kept, all[name])
		}
		replace(&s.working, own(torch.Stack(kept, 0)))
	}
	if s.written.any(true) {
		replace(&s.bank, own(all[bankName]))
	}
}
