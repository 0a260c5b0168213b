package morphology

import (
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

// fit runs over the examples and returns the mean log likelihood of the last
// epoch. The weights returned in the model are the mean over the second half.
func (f *learner) fit(examples []*example, epochs int, seed uint64) float64 {
	random := rand.New(rand.NewPCG(seed, 1))
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	mean := make([]float64, len(f.m.weights))
	total, averaged := 0.0, 0
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		total = 0
		for _, i := range order {
			x := examples[i]
			if x.capital && random.IntN(capitalShare) != 0 {
				continue
			}
			total += f.learn(x)
		}
		if epoch >= epochs/2 {
			averaged++
			for i, w := range f.m.weights {
				mean[i] += (w - mean[i]) / float64(averaged)
			}
		}
	}
	copy(f.m.weights, mean)
	return total / float64(len(examples))
}

// capitalShare is the part of lower-case words that are seen once an epoch
// with a capital, as at the start of a sentence.
const capitalShare = 4

// learn takes a step on one example.
func (f *learner) learn(x *example) float64 {
	f.m.lexicon.take(x.credits, -1)
	defer f.m.lexicon.take(x.credits, 1)
	f.lattice.build(f.m, x.text)
	f.all.compute(f.m, &f.lattice, nil)
	if !f.constrain(x) {
		return 0
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
	return f.right.logZ - f.all.logZ
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
