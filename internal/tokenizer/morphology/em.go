package morphology

import (
	"context"
	"math"
)

// Settings of learning without gold.
const (
	emPasses = 5
	// emSuffixCost and emRareCost are the first guess of what a suffix costs,
	// emRareCost for suffixes that grammar calls rare or unproductive.
	emSuffixCost = -4.0
	emRareCost   = -7.0
	emEndCost    = -0.5
	// emGuess is the number of word types that an unknown root counts as,
	// shared among all spellings by the letter model.
	emGuess = 200.0
	// emListed is the weight of a root that is in the user's word list.
	emListed = 0.5
	// emSmoothing is added to each expected count of a transition.
	emSmoothing = 0.1
)

// transitions holds expected counts of pairs of morphemes, laid out like the
// bigram features.
type transitions []float64

// count adds the pairs in the lattice's analyses, each by its probability.
func (t transitions) count(m *model, l *lattice, s *sums) {
	for i := range l.edges {
		if e := &l.edges[i]; e.form >= 0 {
			t[int(l.nodes[e.from].last)*contextCount+int(contextOf(allomorphs[e.form].tag))] += s.edge(e)
		}
	}
	for _, at := range l.ends {
		t[int(l.nodes[at].last)*contextCount+int(contextOf(TagNone))] += s.end(m, l, at)
	}
}

// setGenerative sets m's weights to those of a generative model: a root by its
// number of word types, or by its letters if it is new; each morpheme given
// the one before. With no counts yet, suffixes cost alike.
func (m *model) setGenerative(t transitions) {
	clear(m.weights)
	for pos := range int(posCount) {
		for g := range rawGrades {
			m.weights[atRaw+pos*rawGrades+g] = quantise(math.Log(0.7 * math.Exp2(float64(g-1))))
		}
		// Only guesses have the lengths of unknown roots.
		for n := range lengthCount {
			m.weights[atLength+pos*2*lengthCount+n] = quantise(math.Log(emGuess / 0.35))
		}
		m.weights[atShape+pos*2] = 1
		m.weights[atListed+pos] = emListed
		for k := kindDropped; k <= kindDoubled; k++ {
			m.weights[atKind+(pos*int(kindCount)+int(k))*2] = -3
		}
	}
	m.weights[atRaw+int(Pronominal)*rawGrades] -= 3
	for g := range 4 {
		m.weights[atFront+g] = quantise(-4 + float64(g))
	}
	for a := range contextCount {
		m.setTransitions(t, a)
	}
}

// setTransitions sets the weights of the morphemes after context a.
func (m *model) setTransitions(t transitions, a int) {
	row := m.weights[atBigram+a*contextCount : atBigram+(a+1)*contextCount]
	if t == nil {
		for tag := range tagCount {
			row[contextOf(tag)] = emSuffixCost
			if rareTag[tag] {
				row[contextOf(tag)] = emRareCost
			}
		}
		row[contextOf(TagNone)] = emEndCost
		return
	}
	counts := t[a*contextCount : (a+1)*contextCount]
	total := 0.0
	for tag := range tagCount {
		total += counts[contextOf(tag)] + emSmoothing
	}
	for tag := range tagCount {
		row[contextOf(tag)] = quantise(math.Log((counts[contextOf(tag)] + emSmoothing) / total))
	}
}

// rareTag marks suffixes that are bound to few stems.
var rareTag = [tagCount]bool{
	TagRelated: true, TagLike: true, TagDiminutive: true, TagDistributive: true, TagOrdinal: true, TagAuxiliary: true,
	TagReciprocal: true, TagReflexive: true, TagEquative: true, TagAoristParticiple: true, TagPerfectParticiple: true,
	TagManner: true, TagOptative: true, TagImperative3SG: true, TagV2SG: true, TagV1PL: true, TagV1SG: true,
}

// learnRaw learns from the raw words alone, by expectation maximisation.
func (t *trainer) learnRaw(ctx context.Context, lexicon []LexiconEntry) error {
	t.m.setGenerative(nil)
	for pass := 1; pass <= emPasses; pass++ {
		counts := make(transitions, contextCount*contextCount)
		if err := t.readRaw(ctx, counts); err != nil {
			return err
		}
		t.m.setGenerative(counts)
		if pass > 1 {
			continue
		}
		if err := t.list(ctx, lexicon); err != nil {
			return err
		}
	}
	return nil
}
