package morphology

import "math"

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
