package memory

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// bank is the long-term memory: slots read by content (softmax over all of
// them) and written through a gate.
type bank struct {
	slots                           *torch.Tensor // [N, d]
	query                           nn.Linear
	norm                            nn.LayerNorm
	writeQuery, writeKey, writeVals nn.Linear
	gateWeight, gateBias            *torch.Tensor // [1, 2d], [1]
	every, writeLen                 int64         // segments between writes, and the tokens that one reads at most
}

func bankSpecs(s Shape) []nn.Spec {
	linear := func(name string) nn.Spec { return nn.Weight(name, s.DModel, s.DModel, nn.LinearInit(s.DModel)) }
	specs := []nn.Spec{nn.Table("slots", s.Slots, s.DModel, nn.Normal(1)), linear("query")}
	specs = append(specs, nn.Norm("state_norm", s.DModel)...)
	return append(specs, linear("write_query"), linear("write_key"), linear("write_value"),
		nn.Weight("gate", 1, 2*s.DModel, nn.LinearInit(2*s.DModel)),
		nn.Spec{Name: "gate.bias", Shape: []int64{1}, Init: nn.Constant(-2)})
}

func newBank(s Shape, p nn.Params) *bank {
	return &bank{
		every: s.UpdateFreq, writeLen: s.WriteLen(),
		slots: p.Get("slots"), query: nn.NewLinear(p.Sub("query")),
		norm:       nn.NewLayerNorm(p.Sub("state_norm")),
		writeQuery: nn.NewLinear(p.Sub("write_query")), writeKey: nn.NewLinear(p.Sub("write_key")),
		writeVals:  nn.NewLinear(p.Sub("write_value")),
		gateWeight: p.Get("gate.weight"), gateBias: p.Get("gate.bias"),
	}
}

// read returns softmax(query(n)·Mᵀ/sqrt(d))·M for n [B, T, d] and the banks
// M [B, 1, N, d].
func (b *bank) read(n, slots *torch.Tensor) *torch.Tensor {
	query := b.query.Forward(n).Unsqueeze(1)
	return nn.Attend(query, slots, slots, nil, false).View(n.Shape()...)
}

// begin returns the banks [B, N, d] that the next segment reads, after the
// writes that are due, and leaves them detached in the state.
func (b *bank) begin(s *State, lengths []int64) *torch.Tensor {
	lanes, n, d := int64(len(lengths)), b.slots.Size(0), b.slots.Size(1)
	fresh := func() *torch.Tensor { return b.slots.Expand(lanes, n, d) }
	if s == nil {
		return fresh()
	}
	due := s.due(lengths, b.every)
	if s.bank == nil && len(due) == 0 {
		return fresh()
	}
	current := fresh()
	if s.bank != nil {
		current = s.bank
		if s.written.any(false) {
			current = torch.Where(s.written.mask(s.bank.Device()), s.bank, fresh())
		}
	}
	if len(due) == 0 {
		return current
	}
	after := b.write(current.Detach(), s, due)
	if int64(len(due)) < lanes {
		index := torch.FromSlice(due, int64(len(due))).ToDevice(current.Device())
		after = current.IndexCopy(0, index, after)
	}
	s.setBank(finite(after.Detach()), due)
	return after
}

// write returns the banks after the write, [n, N, d], of the n lanes due:
// U = softmax(write_query(M)·write_key(s)ᵀ/sqrt(d))·write_value(s) over the
// lane's valid states s since the last write, g = sigmoid(gate([M; U])), M' = (1-g)·M + g·U.
// The banks come in detached [B, N, d].
func (b *bank) write(banks *torch.Tensor, s *State, due []int64) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	counts := make([]int64, len(due))
	most := int64(0)
	for i, lane := range due {
		counts[i] = min(s.counts[lane], b.writeLen)
		most = max(most, counts[i])
	}
	states := s.states().Narrow(1, s.workingLen-most, most)
	if int64(len(due)) < s.lanes {
		index := torch.FromSlice(due, int64(len(due))).ToDevice(states.Device())
		states, banks = states.IndexSelect(0, index), banks.IndexSelect(0, index)
	}
	// The slots of fresh streams are one matrix seen B times. Products would take
	// another kernel for them than for banks that lie side by side, and which of
	// the two is there may differ after a resume.
	banks = banks.Contiguous()
	normed := b.norm.Forward(states)
	update := nn.Attend(
		b.writeQuery.Forward(banks).Unsqueeze(1), b.writeKey.Forward(normed).Unsqueeze(1),
		b.writeVals.Forward(normed).Unsqueeze(1), visible(counts, most, false, states.Device()), false)
	after := b.blend(banks, nn.Float(update.View(banks.Shape()...)))
	scope.Exit(after)
	return after
}

// blend returns (1-g)·M + g·U, in float32 whatever the AMP dtype. The gate's
// weight is used in two halves, so that [M; U] is never built.
func (b *bank) blend(banks, update *torch.Tensor) *torch.Tensor {
	var after *torch.Tensor
	torch.NoAutocast(banks.Device().Type, func() {
		d := banks.Size(2)
		ofBank := torch.Linear(banks, b.gateWeight.Narrow(1, 0, d), b.gateBias)
		ofUpdate := torch.Linear(update, b.gateWeight.Narrow(1, d, d), nil)
		gate := ofBank.Add(ofUpdate).Sigmoid() // [n, N, 1]
		after = banks.Lerp(update, gate)
	})
	return after
}
