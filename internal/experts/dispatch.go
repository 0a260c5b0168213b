package experts

import (
	"math"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// plan says where each token goes. The experts' subsequences lie one after
// the other in one row space, in the order of the tokens.
type plan struct {
	experts []span
	tokens  nn.Gather // the rows of u [B·T, d] in their places [rows, d]
	choices nn.Gather // the results in their places [rows, d] for the choices [B·T·k, d]
	// weights [B·T, k] of the choices, 0 for those that got no place.
	weights *torch.Tensor
	// counts [B, E] int64 on the device: the tokens in each subsequence.
	counts *torch.Tensor
}

// span is the part of the row space that one expert computes, as [lanes,
// places, d]: a lane for each of the segment's where places are limited, else
// one in which the lanes' tokens lie end to end.
type span struct {
	lanes, places int64
	// confined keeps apart the sequences that share a lane; nil where none do.
	confined *nn.Cache
}

func (s span) rows() int64 { return s.lanes * s.places }

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
	var experts []span
	var base []int64
	if limited && s.Documents == nil {
		places := max(1, min(r.capacity(s.Len), s.Len))
		chosen = chosen.LogicalAnd(rank.LeScalar(float64(places)))
		experts, base = evenSpans(places, r.Experts, s)
	} else {
		if limited {
			chosen = chosen.LogicalAnd(s.Documents.within(rank).LeScalar(float64(r.capacity(s.Len))))
			rank = chosen.Cumsum(1)
		}
		experts, base = compactSpans(rank, s)
	}
	p := r.place(c, s, rank, chosen, base, totalRows(experts), limited || s.Mask != nil)
	p.experts = experts
	p.counts = chosen.SumDim([]int64{1}, false)
	return p
}

// place fills in the plan's indices for choices of rank [B, T, E], of which
// those that are not chosen, some only where partial, get no place. base [B, E]
// is the row before the first place of each lane in each expert.
func (r *router) place(c choice, s *Segment, rank, chosen *torch.Tensor, base []int64, rows int64, partial bool) plan {
	dev := rank.Device()
	first := torch.FromSlice(base, s.Lanes, 1, r.Experts).ToDevice(dev)
	slots := rank.Add(first).Gather(2, c.experts) // [B, T, k]
	target, weights := slots, c.weights
	if partial { // what got no place is sent to a row past the end, and weighs 0
		kept := chosen.Gather(2, c.experts)
		elsewhere := func(row int64) *torch.Tensor {
			return torch.Where(kept, slots, torch.Full(float64(row), torch.Int64, dev))
		}
		target, slots, weights = elsewhere(rows), elsewhere(-1), weights.Mul(kept)
	}
	n := s.Lanes * s.Len * r.TopK
	owner := torch.Full(-1, torch.Int64, dev, rows+1).
		Scatter_(0, target.Reshape(n), torch.Arange(n, torch.Int64, dev)).Narrow(0, 0, rows)
	p := plan{weights: weights.Reshape(-1, r.TopK)}
	p.tokens, p.choices = nn.Gathers(slots.Reshape(n), owner, r.TopK, partial, partial || rows != n)
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

// evenSpans gives each expert so many places in each lane, full or not.
func evenSpans(places, experts int64, s *Segment) (spans []span, base []int64) {
	base = make([]int64, s.Lanes*experts)
	for e := range experts {
		spans = append(spans, span{lanes: s.Lanes, places: places})
		for b := range s.Lanes {
			base[b*experts+e] = (e*s.Lanes+b)*places - 1
		}
	}
	return spans, base
}

// compactSpans lays each expert's tokens end to end, by choices of rank [B, T, E].
// Only the attention proper knows lanes and documents (nn.Packing).
func compactSpans(rank *torch.Tensor, s *Segment) (spans []span, base []int64) {
	lanes, counts := s.parts(rank)
	experts := rank.Size(2)
	base = make([]int64, s.Lanes*experts)
	start := int64(0)
	for e := range experts {
		var runs []torch.Run
		filled := int64(0)
		for i, b := range lanes {
			if i == 0 || lanes[i-1] != b {
				base[b*experts+e] = start + filled - 1
			}
			if n := counts[int64(i)*experts+e]; n > 0 {
				runs = append(runs, torch.Run{Start: filled, Length: n})
				filled += n
			}
		}
		next := span{lanes: 1, places: s.padded(filled)}
		if len(runs) > 1 {
			next.confined = nn.Confine(nn.NewPacking(runs, next.places, rank.Device()))
		}
		spans = append(spans, next)
		start += next.places
	}
	return spans, base
}

// padded returns the rows for so many tokens of an expert. Where gradients are
// wanted an expert without tokens still runs on one row, so that its gradients
// are zeros and not absent, and numbers are rounded up to five leading binary
// digits: oneDNN prepares and keeps a kernel for every shape it meets.
func (s *Segment) padded(tokens int64) int64 {
	if !s.Recorded {
		return tokens
	}
	return max(1, nn.FewShapes(tokens, 5))
}

// parts returns the sequences of the lanes, in order: the lane of each, and how
// many of its tokens each expert got, [parts, E], from ranks [B, T, E]. The host
// waits for them.
func (s *Segment) parts(rank *torch.Tensor) (lanes, counts []int64) {
	if s.Documents != nil {
		return s.Documents.lane, s.Documents.counts(rank)
	}
	for b := range s.Lanes {
		lanes = append(lanes, b)
	}
	return lanes, torch.Data[int64](rank.Select(1, s.Len-1))
}

func totalRows(spans []span) (rows int64) {
	for _, s := range spans {
		rows += s.rows()
	}
	return rows
}
