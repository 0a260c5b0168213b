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

// shapeModel is a letter model of roots, by part of speech: the log
// probability of a letter, or of the end, after two letters.
type shapeModel struct {
	logs [2][]float64 // [(a*symbols+b)*symbols+c]
}

// shapeSymbols are the letters and the edge of the root.
const (
	shapeSymbols = letterCount + 1
	shapeEdge    = letterCount
)

// newShapeModel returns the model that knows nothing: every letter alike.
func newShapeModel() *shapeModel {
	s := &shapeModel{}
	for p := range s.logs {
		s.logs[p] = make([]float64, shapeSymbols*shapeSymbols*shapeSymbols)
		for i := range s.logs[p] {
			s.logs[p][i] = quantise(-math.Log(shapeSymbols))
		}
	}
	return s
}

func (s *shapeModel) at(pos POS, a, b, c int) float64 {
	if pos == Pronominal {
		pos = Noun
	}
	return s.logs[pos][(a*shapeSymbols+b)*shapeSymbols+c]
}

// prefixes fills l.shape[pos] with the log probabilities of the word's
// beginnings.
func (s *shapeModel) prefixes(l *lattice, pos POS) {
	a, b := shapeEdge, shapeEdge
	l.shape[pos][0] = 0
	for i := 0; i < l.n; i++ {
		c := int(l.letters[i])
		l.shape[pos][i+1] = l.shape[pos][i] + s.at(pos, a, b, c)
		a, b = b, c
	}
}

// root returns the log probability of the root that is the word's first j
// letters.
func (s *shapeModel) root(l *lattice, pos POS, j int) float64 {
	if pos == Pronominal {
		pos = Noun
	}
	a := shapeEdge
	if j > 1 {
		a = int(l.letters[j-2])
	}
	return l.shape[pos][j] + s.at(pos, a, int(l.letters[j-1]), shapeEdge)
}

// fitShape fits the model to the lexemes, each as often as it is evident:
// counts of three letters, backed off to two, to one (Witten and Bell's
// weights).
func fitShape(lexemes []lexeme) *shapeModel {
	s := newShapeModel()
	for pos := Noun; pos <= Verb; pos++ {
		s.logs[pos] = fitLetters(lexemes, pos)
	}
	return s
}

func fitLetters(lexemes []lexeme, pos POS) []float64 {
	const n = shapeSymbols
	three, two, one := make([]float64, n*n*n), make([]float64, n*n), make([]float64, n)
	for i := range lexemes {
		x := &lexemes[i]
		weight := math.Log1p(x.gold + x.raw)
		if x.pos != pos || weight == 0 {
			continue
		}
		a, b := shapeEdge, shapeEdge
		for k := 0; k <= len(x.letters); k++ {
			c := shapeEdge
			if k < len(x.letters) {
				c = int(x.letters[k])
			}
			three[(a*n+b)*n+c] += weight
			two[b*n+c] += weight
			one[c] += weight
			a, b = b, c
		}
	}
	uniform := make([]float64, n)
	for i := range uniform {
		uniform[i] = 1.0 / n
	}
	one = backOff(one, uniform)
	two = backOff(two, one)
	three = backOff(three, two)
	logs := make([]float64, len(three))
	for i, p := range three {
		logs[i] = quantise(math.Log(p))
	}
	return logs
}

// backOff turns rows of counts into probabilities, mixed with those of the
// shorter context by the number of different letters seen.
func backOff(counts, shorter []float64) []float64 {
	const n = shapeSymbols
	for row := 0; row < len(counts); row += n {
		total, kinds := 0.0, 1.0
		for _, c := range counts[row : row+n] {
			total += c
			if c > 0 {
				kinds++
			}
		}
		for c := range counts[row : row+n] {
			counts[row+c] = (counts[row+c] + kinds*shorter[(row+c)%len(shorter)]) / (total + kinds)
		}
	}
	return counts
}
