package memory

import (
	"fmt"

	"agiformer/internal/torch"
)

// State is what B streams carry from segment to segment. Its tensors are kept
// until Free and have no gradient.
type State struct {
	lanes, workingLen, slots, width int64
	vectors                         int64 // kept of a token: its state, with a working memory its input before it
	dtype                           torch.DType
	device                          torch.Device

	working  *torch.Tensor // [vectors, B, W, d], right-aligned; nil before the first segment
	counts   []int64       // [B] tokens kept
	bank     *torch.Tensor // [B, N, d]; nil before the first write
	written  flags         // [B] whether the lane's bank was ever written
	segments []int64       // [B] segments since the stream began
}

// NewState returns the state of lanes fresh streams.
func (b *Backbone) NewState(lanes int64, dt torch.DType, dev torch.Device) *State {
	return &State{
		lanes: lanes, workingLen: b.shape.WorkingLen, slots: b.shape.Slots, width: b.shape.DModel, vectors: b.shape.vectors(),
		dtype: dt, device: dev,
		counts: make([]int64, lanes), written: make(flags, lanes), segments: make([]int64, lanes),
	}
}

// NewCounter returns the state of streams without memory: it only counts segments.
func NewCounter(lanes int64) *State {
	return &State{lanes: lanes, counts: make([]int64, lanes), written: make(flags, lanes),
		segments: make([]int64, lanes)}
}

// Lanes returns the number of streams B.
func (s *State) Lanes() int { return int(s.lanes) }

// Segments returns the number of segments each stream has read.
func (s *State) Segments() []int64 { return append([]int64(nil), s.segments...) }

// Count adds a segment to the lanes that read something.
func (s *State) Count(lengths []int64) {
	for lane, n := range lengths {
		if n > 0 {
			s.segments[lane]++
		}
	}
}

// Reset begins a new stream in the lane.
func (s *State) Reset(lane int) {
	s.counts[lane], s.written[lane], s.segments[lane] = 0, false, 0
}

// ResetAll begins a new stream in every lane (the specification's reset_memory).
func (s *State) ResetAll() {
	for lane := range s.counts {
		s.Reset(lane)
	}
}

// Free frees the tensors.
func (s *State) Free() {
	replace(&s.working, nil)
	replace(&s.bank, nil)
	s.ResetAll()
}

// Bytes returns the size of the state when all of it is in use.
func (s *State) Bytes() int64 {
	return s.lanes * ((s.slots*s.width+s.workingLen*s.vectors*s.width)*s.dtype.Size() + counterBytes)
}

// counterBytes are a lane's count, segments and written.
const counterBytes = 17

// StateBytes returns the size of one stream's state in values of so many bytes:
// what is kept of W tokens, N slots, and its counters.
func StateBytes(s Shape, valueSize int64) int64 {
	return (s.Slots*s.DModel+s.WorkingLen*s.vectors()*s.DModel)*valueSize + counterBytes
}

// replace frees what *t held and makes it hold next, kept.
func replace(t **torch.Tensor, next *torch.Tensor) {
	if *t != nil {
		(*t).Free()
	}
	*t = nil
	if next != nil {
		*t = next.Keep()
	}
}

// due returns the lanes whose bank is written at the start of their next
// segment: number n > 0 with n mod every = 0, and with tokens kept.
func (s *State) due(lengths []int64, every int64) []int64 {
	var lanes []int64
	for lane, n := range s.segments {
		if lengths[lane] > 0 && n > 0 && n%every == 0 && s.counts[lane] > 0 {
			lanes = append(lanes, int64(lane))
		}
	}
	return lanes
}

func (s *State) setBank(bank *torch.Tensor, due []int64) {
	replace(&s.bank, bank)
	for _, lane := range due {
		s.written[lane] = true
	}
}

// finite returns x with 0 for what is not finite.
func finite(x *torch.Tensor) *torch.Tensor {
	zero := 0.0
	return x.NanToNum(&zero, &zero)
}

// push appends the last counts[b] of the first ends[b] tokens to each lane's working
// memory, which keeps the last W: of each token the vectors of kept, [B, T, d] each.
func (s *State) push(kept []*torch.Tensor, ends, counts []int64) {
	scope := torch.Enter()
	defer scope.Exit()
	old, w := s.working, s.workingLen
	if old == nil {
		old = torch.Zeros(s.dtype, s.device, s.vectors, s.lanes, w, s.width)
	}
	var parts []*torch.Tensor
	for i, x := range kept {
		// One value that is not finite would break every later segment, also from a
		// place that is masked: 0·NaN is NaN. It is remembered as 0.
		before, clean := old.Select(0, int64(i)), finite(x.Detach())
		for lane, end := range ends {
			fresh, b := min(end, w), int64(lane)
			parts = append(parts, before.Select(0, b).Narrow(0, fresh, w-fresh), clean.Select(0, b).Narrow(0, end-fresh, fresh))
		}
	}
	for lane, n := range counts {
		s.counts[lane] = min(w, s.counts[lane]+n)
	}
	replace(&s.working, torch.Cat(parts, 0).View(s.vectors, s.lanes, w, s.width))
}

// inputs and states are what the working memory holds of its tokens, [B, W, d].
func (s *State) inputs() *torch.Tensor { return s.working.Select(0, 0) }
func (s *State) states() *torch.Tensor { return s.working.Select(0, s.vectors-1) }

// flags is one truth value a lane.
type flags []bool

func (f flags) any(value bool) bool {
	for _, v := range f {
		if v == value {
			return true
		}
	}
	return false
}

// mask returns the flags as [B, 1, 1] bool.
func (f flags) mask(dev torch.Device) *torch.Tensor {
	return torch.FromSlice([]bool(f), int64(len(f)), 1, 1).ToDevice(dev)
}

func shapeError(name string, got, want []int64) error {
	return fmt.Errorf("stream state %s has shape %v instead of %v: it belongs to another model or number of lanes", name, got, want)
}
