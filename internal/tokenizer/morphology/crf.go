package morphology

import (
	"context"
	"math"
	"math/rand/v2"
)

// learner fits a model's weights to gold cuts: the gradient of
// log P(gold cut | word), where an analysis that agrees with the cut in its
// boundaries and classes counts as right, in steps of AdaGrad.
type learner struct {
	m           *model
	squares     []float64
	all, right  sums
	lattice     lattice
	allowed     []bool
	features    []feature
	gradient    []float64
	touched     []int32 // features whose gradient is not zero, perhaps twice
	rate, decay float64
}

func newLearner(m *model, rate, decay float64) *learner {
	return &learner{m: m, squares: make([]float64, len(m.weights)), gradient: make([]float64, len(m.weights)), rate: rate, decay: decay}
}

// fit runs over the examples. The weights left in the model are the mean over
// the second half of the epochs.
func (f *learner) fit(ctx context.Context, examples []*example, epochs int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 1))
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	mean := make([]float64, len(f.m.weights))
	averaged := 0
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			if err := ctx.Err(); err != nil {
				return err
			}
			x := examples[i]
			if x.capital && random.IntN(capitalShare) != 0 {
				continue
			}
			f.learn(x, random.Float64() < hideRoots)
		}
		if epoch >= epochs/2 {
			averaged++
			for i, w := range f.m.weights {
				mean[i] += (w - mean[i]) / float64(averaged)
			}
		}
	}
	copy(f.m.weights, mean)
	return nil
}

// capitalShare is the part of lower-case words that are seen once an epoch
// with a capital, as at the start of a sentence.
const capitalShare = 4

// hideRoots is the probability that an example is learnt from as if gold did
// not know its root and stems at all: text has roots that gold lacks.
const hideRoots = 0.2

// learn takes a step on one example, as if its word were new; with hide, as if
// its root were new to gold as well.
func (f *learner) learn(x *example, hide bool) {
	f.m.lexicon.take(x.credits, -1)
	defer f.m.lexicon.take(x.credits, 1)
	if hide {
		defer f.m.lexicon.hide(x.credits)()
	}
	f.lattice.build(f.m, x.text)
	f.all.compute(f.m, &f.lattice, nil)
	if !f.constrain(x) {
		return
	}
	f.touched = f.touched[:0]
	for i := range f.lattice.edges {
		e := &f.lattice.edges[i]
		p := -f.all.edge(e)
		if f.allowed[i] {
			p += f.right.edge(e)
		}
		f.addEdge(e, p)
	}
	for _, at := range f.lattice.ends {
		p := f.right.end(f.m, &f.lattice, at) - f.all.end(f.m, &f.lattice, at)
		f.features = f.m.endFeatures(&f.lattice.nodes[at], f.features[:0])
		f.add(f.features, p)
	}
	f.step()
}

// constrain finds the analyses that agree with the gold cut, in classes as
// well if there are such.
func (f *learner) constrain(x *example) bool {
	for _, classes := range []bool{true, false} {
		f.allowed = x.cuts[0].allow(&f.lattice, classes, f.allowed)
		f.right.compute(f.m, &f.lattice, f.allowed)
		if f.right.logZ != minusInf {
			return true
		}
	}
	return false
}

func (f *learner) addEdge(e *edge, p float64) {
	if math.Abs(p) < 1e-6 {
		return
	}
	if e.form < 0 {
		f.features = f.m.rootFeatures(&f.lattice, e, f.features[:0])
	} else {
		f.features = f.m.suffixFeatures(&f.lattice, e, &f.lattice.nodes[e.from], f.features[:0])
	}
	f.add(f.features, p)
}

func (f *learner) add(features []feature, p float64) {
	for _, x := range features {
		if f.gradient[x.id] == 0 {
			f.touched = append(f.touched, x.id)
		}
		f.gradient[x.id] += p * x.value
	}
}

// step moves the weights that the example touches.
func (f *learner) step() {
	for _, id := range f.touched {
		if f.gradient[id] == 0 {
			continue
		}
		g := f.gradient[id] - f.decay*f.m.weights[id]
		f.squares[id] += g * g
		f.m.weights[id] += f.rate * g / (math.Sqrt(f.squares[id]) + 1e-2)
		f.gradient[id] = 0
	}
}

// hide takes gold's counts from the lexemes of the credits; the function that
// it returns gives them back.
func (x *lexicon) hide(credits []credit) func() {
	type counts struct {
		lexeme    *lexeme
		gold, cut float64
	}
	var hidden []counts
	for _, c := range credits {
		if l := x.find(c.key.letters, c.key.pos); l != nil && (c.gold > 0 || c.cut > 0) {
			hidden = append(hidden, counts{l, l.gold, l.cut})
			l.gold, l.cut = 0, 0
		}
	}
	return func() {
		for i := len(hidden) - 1; i >= 0; i-- {
			hidden[i].lexeme.gold, hidden[i].lexeme.cut = hidden[i].gold, hidden[i].cut
		}
	}
}

// take adds sign times the credits to the lexemes.
func (x *lexicon) take(credits []credit, sign float64) {
	for _, c := range credits {
		if l := x.find(c.key.letters, c.key.pos); l != nil {
			l.gold += sign * c.gold
			l.cut += sign * c.cut
			l.raw += sign * c.raw
			l.front += sign * c.front
		}
	}
}
