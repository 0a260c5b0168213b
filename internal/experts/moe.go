package experts

import (
	"cmp"
	"fmt"
	"slices"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// MoE is a block's mixture of experts.
type MoE struct {
	router  *router // nil with one expert that weighs 1
	experts []*Expert
}

// Member is one expert of a block: its place in model.expert_types, after which
// its parameters are named whatever experts the block has beside it, and the
// kind that stands there.
type Member struct {
	Place int64
	Kind  string
}

// Result is what MoE.Forward returns.
type Result struct {
	// States [B, T, d] of the branch; a tensor that nothing else uses.
	States *torch.Tensor
	// Balance is the weighted load-balancing loss of the layer, with the router
	// z-loss where it has a weight, a scalar; nil with one expert or where the segment does not ask for it.
	Balance *torch.Tensor
	// Counts [E] int64 are the tokens that each of the block's experts got; nil
	// likewise.
	Counts *torch.Tensor
}

// Specs lists the parameters of a mixture of the given experts.
func Specs(members []Member, s Shape, routing Routing) []nn.Spec {
	var specs []nn.Spec
	if routing.routed() {
		specs = append(specs, RouterSpec(int64(len(members)), s.DModel))
	}
	for _, m := range members {
		specs = append(specs, nn.Prefix(m.name(), ExpertSpecs(m.Kind, s))...)
	}
	return specs
}

// RouterSpec is the router's only parameter, [E, d]: a row for each of the
// block's experts, in their order.
func RouterSpec(experts, d int64) nn.Spec {
	return nn.Weight("router", experts, d, nn.LinearInit(d))
}

// New builds the mixture over its parameters.
func New(members []Member, s Shape, routing Routing, p nn.Params) *MoE {
	m := &MoE{}
	if routing.routed() {
		m.router = &router{Routing: routing, weight: p.Get("router.weight")}
	}
	for _, member := range members {
		m.experts = append(m.experts, NewExpert(member.Kind, s, p.Sub(member.name())))
	}
	return m
}

// Forward returns Σ_{e chosen by t} weight_{t,e} · expert_e(...)_t for the
// normalised tokens u [B, T, d]. Each expert computes its own tokens only.
// caches, one an expert, are filled where given; they must be empty and B = 1.
func (m *MoE) Forward(u *torch.Tensor, s *Segment, caches []*nn.Cache) Result {
	if len(m.experts) == 1 {
		cache := s.Confined
		if caches != nil {
			cache = caches[0]
		}
		return Result{States: m.only(u, s, cache)}
	}
	c := m.router.route(u)
	p := m.router.dispatch(c, s)
	r := Result{States: m.combine(m.run(u, s, p, caches), u, p)}
	if s.Balance {
		r.Balance = m.router.loss(c, s)
	}
	if s.Usage {
		r.Counts = p.counts.SumDim([]int64{0}, false)
	}
	return r
}

// only is Forward with a single expert: every token is its, times the weight
// that a router left from before pruning gives.
func (m *MoE) only(u *torch.Tensor, s *Segment, cache *nn.Cache) *torch.Tensor {
	y := m.experts[0].Forward(u, s.rowsOf(m.experts[0].kind, nil, s.Lanes, s.Len), cache)
	if m.router != nil {
		y = y.Mul(m.router.route(u).weights)
	}
	return y
}

// run gathers each expert's tokens, runs it, and returns all results in the
// plan's row space [rows, d], or nil where no token was routed.
func (m *MoE) run(u *torch.Tensor, s *Segment, p plan, caches []*nn.Cache) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	d := u.Size(2)
	sizes := make([]int64, len(p.experts))
	for e, span := range p.experts {
		sizes[e] = span.rows()
	}
	gathered := p.tokens.Rows(u.Reshape(s.Lanes*s.Len, d)).SplitSizes(sizes, 0)
	var results []*torch.Tensor
	start := int64(0)
	for e, span := range p.experts {
		if sizes[e] == 0 {
			continue
		}
		cache := span.confined
		if caches != nil {
			cache = caches[e]
		}
		rows := s.rowsOf(m.experts[e].kind, p.tokens.Index.Narrow(0, start, sizes[e]), span.lanes, span.places)
		y := m.experts[e].Forward(gathered[e].View(span.lanes, span.places, d), rows, cache)
		results = append(results, y.View(sizes[e], d))
		start += sizes[e]
	}
	if results == nil {
		return nil
	}
	all := torch.Cat(results, 0)
	scope.Exit(all)
	return all
}

// combine brings the weighted results back to the tokens' order, by gathering
// them: no two tokens write to one place.
func (m *MoE) combine(results, u *torch.Tensor, p plan) *torch.Tensor {
	if results == nil {
		return torch.ZerosLike(u)
	}
	scope := torch.Enter()
	defer scope.Exit()
	d, k := u.Size(2), m.router.TopK
	y := p.choices.Rows(results)
	if k == 1 {
		y = y.Mul(p.weights)
	} else {
		y = y.View(-1, k, d).Mul(p.weights.Unsqueeze(2)).SumDim([]int64{1}, false)
	}
	y = y.View(u.Shape()...)
	scope.Exit(y)
	return y
}

// Step is Forward for one token u [1, 1, d] of a stream that is decoded: the
// host reads the router's probabilities and runs the k chosen experts, whose
// caches hold the keys and values of their earlier tokens.
func (m *MoE) Step(u *torch.Tensor, s *Segment, caches []*nn.Cache) *torch.Tensor {
	if len(m.experts) == 1 {
		return m.only(u, s, caches[0])
	}
	var sum *torch.Tensor
	for _, c := range m.router.choose(u) {
		expert := m.experts[c.expert]
		y := expert.Forward(u, s.rowsOf(expert.kind, nil, 1, 1), caches[c.expert]).MulScalar(c.weight)
		if sum != nil {
			y = sum.Add_(y)
		}
		sum = y
	}
	return sum
}

// weighted is one chosen expert with its weight.
type weighted struct {
	expert int
	weight float64
}

// choose returns the k most probable experts of the single token u [1, 1, d].
func (r *router) choose(u *torch.Tensor) []weighted {
	var probabilities []float64
	torch.NoAutocast(u.Device().Type, func() {
		logits := torch.Project(nn.Float(u), r.weight)
		p := r.raw(logits, logits.Softmax(-1))
		probabilities = torch.Data[float64](p.ToDType(torch.Float64))
	})
	all := make([]weighted, len(probabilities))
	for e, p := range probabilities {
		all[e] = weighted{e, p}
	}
	slices.SortStableFunc(all, func(a, b weighted) int { return cmp.Compare(b.weight, a.weight) })
	all = all[:r.TopK]
	if r.TopK == 1 {
		return all
	}
	sum := 0.0
	for _, c := range all {
		sum += c.weight
	}
	for i := range all {
		all[i].weight /= sum
	}
	return all
}

func (m Member) name() string { return fmt.Sprintf("experts.%d", m.Place) }
