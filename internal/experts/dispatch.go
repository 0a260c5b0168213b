package experts

import (
	"math"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// plan says where each token goes. The experts' subsequences lie one after
// the other in one row space: expert e has B blocks of places[e] rows, lane
// by lane, its tokens in order and padding at the end of each block.
type plan struct {
	places []int64       // C_e
	source *torch.Tensor // [Σ B·C_e] int64: the row of u [B·T, d] in each place
	slots  *torch.Tensor // [B·T·k] int64: the place of each choice
	// weights [B·T, k] of the choices, 0 for those that got no place.
	weights *torch.Tensor
	// counts [B, E] int64 on the device: the tokens in each subsequence.
	counts *torch.Tensor
	// confined keeps the documents in each expert's subsequences apart, where
	// lanes hold several; else nil.
	confined []*nn.Cache
}

// capacity returns the places of an expert in a lane while training.
func (r *router) capacity(tokens int64) int64 {
	return int64(math.Ceil(r.CapacityFactor * float64(r.TopK) * float64(tokens) / float64(r.Experts)))
}

// dispatch gives each choice of c a place, in order of the tokens, so that a
// token's place depends on earlier tokens only. Without a capacity limit the
// host reads the counts, once a layer; with one no token waits for the host.
// Where lanes hold several documents the host reads their counts in any case,
// and the capacity is each document's.
func (r *router) dispatch(c choice, s *Segment) plan {
	limited := s.Train && r.CapacityFactor > 0
	chosen := r.chosen(c, s)
	rank := chosen.Cumsum(1) // [B, T, E]: 1 for an expert's first token
	var p plan
	switch {
	case s.Documents != nil:
		if limited {
			chosen = chosen.LogicalAnd(s.Documents.within(rank).LeScalar(float64(r.capacity(s.Len))))
			rank = chosen.Cumsum(1)
		}
		p = r.confine(rank, s)
	case limited:
		p.places = make([]int64, r.Experts)
		for e := range p.places {
			p.places[e] = max(1, min(r.capacity(s.Len), s.Len))
		}
		chosen = chosen.LogicalAnd(rank.LeScalar(float64(p.places[0])))
		p.counts = chosen.SumDim([]int64{1}, false)
	default:
		p.counts = rank.Select(1, s.Len-1)
		p.places = largest(torch.Data[int64](p.counts), r.Experts, s)
	}
	base, pads := layout(p.places, s)
	dev := rank.Device()
	first := torch.FromSlice(base, s.Lanes, 1, r.Experts).ToDevice(dev)
	slots := rank.Add(first).Gather(2, c.experts) // [B, T, k]
	p.weights = c.weights
	target := slots
	if limited || s.Mask != nil {
		kept := chosen.Gather(2, c.experts)
		// What got no place is sent to a row past the end, and later reads
		// place 0 with weight 0.
		past := torch.Full(float64(len(pads)-1), torch.Int64, dev)
		target = torch.Where(kept, slots, past)
		slots = slots.Mul(kept)
		p.weights = c.weights.Mul(kept)
	}
	p.slots = slots.Reshape(s.Lanes * s.Len * r.TopK)
	p.weights = p.weights.Reshape(s.Lanes*s.Len, r.TopK)
	tokens := torch.Arange(s.Lanes*s.Len, torch.Int64, dev)
	if r.TopK > 1 {
		tokens = tokens.RepeatInterleave(r.TopK, 0)
	}
	source := torch.FromSlice(pads, int64(len(pads))).ToDevice(dev)
	source = source.Scatter_(0, target.Reshape(s.Lanes*s.Len*r.TopK), tokens)
	p.source = source.Narrow(0, 0, int64(len(pads)-1))
	return p
}

// confine plans the places of choices of rank [B, T, E] in lanes that hold
// several documents.
func (r *router) confine(rank *torch.Tensor, s *Segment) plan {
	counts := s.Documents.counts(rank)
	p := plan{counts: rank.Select(1, s.Len-1), confined: make([]*nn.Cache, r.Experts)}
	p.places = largest(s.Documents.ofLanes(counts, s.Lanes, r.Experts), r.Experts, s)
	for e, places := range p.places {
		p.confined[e] = nn.Confine(s.Documents.packing(counts, int64(e), r.Experts, places, s.Lanes, rank.Device()))
	}
	return p
}

// chosen returns [B, T, E] bool: the valid tokens' choices.
func (r *router) chosen(c choice, s *Segment) *torch.Tensor {
	dev := c.experts.Device()
	var chosen *torch.Tensor
	if r.TopK == 1 {
		chosen = c.experts.Eq(torch.Arange(r.Experts, torch.Int64, dev))
	} else {
		chosen = torch.Zeros(torch.Bool, dev, s.Lanes, s.Len, r.Experts).ScatterValue_(2, c.experts, 1)
	}
	if s.Mask != nil {
		chosen = chosen.LogicalAnd(s.Mask.Unsqueeze(2))
	}
	return chosen
}

// largest returns each expert's largest count over the lanes, from counts
// [B, E]. Where gradients are wanted an expert without tokens still runs on one place of padding, so that its gradients are
// zeros and not absent, and counts are rounded up to a multiple of 32: oneDNN
// prepares and keeps a kernel for every shape it meets.
func largest(counts []int64, experts int64, s *Segment) []int64 {
	places := make([]int64, experts)
	unit := int64(1)
	if s.Recorded {
		unit = max(1, min(32, s.Len/4))
		for e := range places {
			places[e] = 1
		}
	}
	for i, n := range counts {
		e := int64(i) % experts
		places[e] = max(places[e], min(s.Len, (n+unit-1)/unit*unit))
	}
	return places
}

// layout returns base [B, E], the row before the first place of lane b in
// expert e, and pads, for each place (and one past the end) a row of u of the
// place's own lane, which stands there where no token does.
func layout(places []int64, s *Segment) (base, pads []int64) {
	experts := int64(len(places))
	base = make([]int64, s.Lanes*experts)
	for e, n := range places {
		for b := range s.Lanes {
			base[b*experts+int64(e)] = int64(len(pads)) - 1
			for range n {
				pads = append(pads, b*s.Len)
			}
		}
	}
	return base, append(pads, 0)
}
