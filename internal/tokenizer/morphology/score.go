package morphology

import (
	"math"
	"sync"
)

// resolution is the grid that weights lie on: sums of them are exact, so a
// score does not depend on the order of additions or on the machine.
const resolution = 1024

func quantise(x float64) float64 { return math.Round(x*resolution) / resolution }

// model weighs analyses: the sum of the weights of their features.
type model struct {
	lexicon *lexicon
	shape   *shapeModel
	weights []float64
	plain   bool // see plainModel
	frozen  bool // the variants' scores are made
}

func newModel(x *lexicon) *model {
	return &model{lexicon: x, shape: newShapeModel(), weights: make([]float64, featureLen)}
}

// plainModel is a model that knows no roots and prefers nothing: its lattices
// hold what grammar allows.
var plainModel = sync.OnceValue(func() *model {
	m := newModel(newLexicon(nil))
	m.plain = true
	return m
})

func (m *model) sum(features []feature) float64 {
	score := 0.0
	for _, f := range features {
		score += m.weights[f.id] * f.value
	}
	return score
}

// rootScore scores a root's edge. What does not depend on the word, for a
// lexeme's spelling, is kept in the variant once the weights are final.
func (m *model) rootScore(l *lattice, e *edge, v *variant) float64 {
	if m.frozen && v.lexeme >= 0 {
		if !l.capital {
			return v.score
		}
		return v.score + m.weights[m.capitalFeature(l, e)]
	}
	l.features = m.rootFeatures(l, e, l.features[:0])
	return m.sum(l.features)
}

// suffixScore sums the weights of suffixFeatures.
func (m *model) suffixScore(l *lattice, e *edge, n *node) float64 {
	a := &allomorphs[e.form]
	context := contextOf(a.tag)
	score := m.weights[atBigram+int(n.last)*contextCount+int(context)] + m.weights[trigram(n, context)] +
		m.weights[atForm+int(formIDs[e.form])]
	if e.front {
		score += m.weights[atFront+int(n.front)-1]
	}
	if group := stemGroup[a.tag]; group >= 0 {
		gold, cut := m.stemGrades(l, int(e.end), a.to)
		score += m.weights[atStem+(int(group)*goldGrades+gold)*goldGrades+cut]
	}
	return score
}

// freeze makes the scores of the lexicon's spellings; the weights do not
// change afterwards.
func (m *model) freeze() {
	l := &lattice{}
	x := m.lexicon
	for key := range len(x.keys) {
		l.n = copy(l.letters[:], []letter(x.keys[key]))
		m.shapes(l)
		for i := x.trie.first[key]; i < x.trie.first[key+1]; i++ {
			v := &x.variants[i]
			e := edge{end: uint8(l.n), form: -1, lexeme: v.lexeme, kind: v.kind, pos: posOfState(v.state)}
			l.features = m.rootFeatures(l, &e, l.features[:0])
			v.score = m.sum(l.features)
		}
	}
	m.frozen = true
}

func (m *model) endScore(n *node) float64 {
	end := contextOf(TagNone)
	return m.weights[atBigram+int(n.last)*contextCount+int(end)] + m.weights[trigram(n, end)]
}

func (m *model) shapes(l *lattice) {
	m.shape.prefixes(l, Noun)
	m.shape.prefixes(l, Verb)
}
