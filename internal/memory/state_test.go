package memory_test

import (
	"math"
	"testing"

	"agiformer/internal/memory"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// TestABrokenSegmentIsNotRemembered: states that are not finite, of which some
// stand in places that a shorter lane masks, leave later reads finite.
func TestABrokenSegmentIsNotRemembered(t *testing.T) {
	t.Parallel()
	shape := memory.Shape{DModel: 32, Heads: 2, Slots: 4, WorkingLen: 6, SegmentLen: 6, UpdateFreq: 1, Working: true, Bank: true}
	err := torch.Do(func() {
		torch.NoGrad(func() {
			all := map[string]*torch.Tensor{}
			for _, s := range memory.Specs(shape) {
				all[s.Name] = s.Make(torch.Float64, torch.CPU, 1)
				defer all[s.Name].Free()
			}
			m := memory.New(shape, nn.NewParams(all), torch.CPU)
			s := m.NewState(2, torch.Float64, torch.CPU)
			defer s.Free()
			segment := func(states *torch.Tensor, lengths []int64) *torch.Tensor {
				read := m.Read(torch.Ones(torch.Float64, torch.CPU, 2, 6, 32), m.Begin(s, lengths))
				m.End(s, states, states, lengths, nil) // the inputs are as broken as the states
				return read
			}
			segment(torch.Full(math.NaN(), torch.Float64, torch.CPU, 2, 6, 32), []int64{6, 6})
			segment(torch.Full(math.Inf(1), torch.Float64, torch.CPU, 2, 6, 32), []int64{6, 2})
			s.Reset(1)
			segment(torch.Ones(torch.Float64, torch.CPU, 2, 6, 32), []int64{6, 2})
			read := segment(torch.Ones(torch.Float64, torch.CPU, 2, 6, 32), []int64{6, 6})
			if sum := read.Abs().Sum().Item(); math.IsNaN(sum) || math.IsInf(sum, 0) {
				t.Errorf("what is read after a broken segment sums to %v", sum)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
