package morphology

import "context"

// example is a gold word ready for training.
type example struct {
	text    []byte
	cuts    []cut // the main one first
	credits []credit
	capital bool // a copy with a capital, as at the start of a sentence
}

// credit is what an example has added to a lexeme: it is taken away while the
// example is learnt from, so that the model learns to cut words it has not seen.
type credit struct {
	key                   lexemeKey
	gold, cut, raw, front float64
}

// evidence collects lexemes by key.
type evidence map[lexemeKey]*lexeme

func (v evidence) at(letters string, pos POS) *lexeme {
	key := lexemeKey{letters, pos}
	x := v[key]
	if x == nil {
		x = &lexeme{letters: letters, pos: pos}
		v[key] = x
	}
	return x
}

// rootReading is what a gold word says of its root.
type rootReading struct {
	letters string
	kind    kind
	pos     [posCount]bool // parts of speech that its suffixes fit
	bare    bool
}

// goldEvidence turns gold words into examples, and what they say of roots and
// stems into evidence. Words whose segments do not end between letters are
// left out.
func goldEvidence(ctx context.Context, gold []GoldWord) ([]*example, evidence, error) {
	m := plainModel()
	var l lattice
	var examples []*example
	var readings []rootReading
	found := evidence{}
	for i := range gold {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		g := &gold[i]
		l.build(m, []byte(g.Surface))
		main, ok := newCut(&l.word, g.Segments, g.Tags)
		if !ok || l.tooLong {
			continue
		}
		x := &example{text: []byte(g.Surface), cuts: []cut{main}}
		for _, alternative := range g.Alternatives {
			if c, ok := newCut(&l.word, alternative, nil); ok {
				x.cuts = append(x.cuts, c)
			}
		}
		x.credits = stemCredits(g, found)
		examples = append(examples, x)
		readings = append(readings, readRoot(&l, g, &main))
	}
	countRoots(examples, readings, found)
	return examples, found, nil
}

// readRoot finds which parts of speech the root can have, given the suffixes,
// and how the stem differs from the lemma.
func readRoot(l *lattice, g *GoldWord, main *cut) rootReading {
	first := string(bytesOf(l.letters[:main.ends[0]]))
	lemma := string(bytesOf(fold(g.Lemma)))
	r := rootReading{letters: first, bare: len(main.ends) == 1}
	for _, classes := range []bool{true, false} {
		allowed := main.allow(l, classes, nil)
		for i := range l.edges {
			if e := &l.edges[i]; e.form < 0 && allowed[i] && completes(l, int32(i), allowed) {
				r.pos[e.pos] = true
			}
		}
		if r.pos[Noun] || r.pos[Verb] || r.pos[Pronominal] {
			break
		}
	}
	for pos := Noun; pos <= Verb; pos++ {
		if k, ok := kindOf(lemma, first, pos); ok && (k == kindPlain || r.pos[pos]) {
			r.letters, r.kind = lemma, k
			break
		}
	}
	return r
}

func bytesOf(letters []letter) []byte {
	b := make([]byte, len(letters))
	for i, l := range letters {
		b[i] = byte(l)
	}
	return b
}

// completes says whether allowed edges (nil for all) lead from edge i to the word's end.
func completes(l *lattice, i int32, allowed []bool) bool {
	reached := make([]bool, len(l.nodes))
	reached[l.edges[i].to] = true
	for k := range l.edges {
		if e := &l.edges[k]; (allowed == nil || allowed[k]) && e.from >= 0 && reached[e.from] {
			reached[e.to] = true
		}
	}
	for _, at := range l.ends {
		if reached[at] {
			return true
		}
	}
	return false
}

// kindOf returns how stem differs from lemma.
func kindOf(lemma, stem string, pos POS) (kind, bool) {
	if lemma == stem {
		return kindPlain, true
	}
	if lemma == "" || stem == "" {
		return kindPlain, false
	}
	changed := [kindCount]string{kindVoiced: voice(lemma, pos), kindDropped: dropVowel(lemma), kindDoubled: doubleLast(lemma)}
	if pos == Verb {
		changed[kindNarrowed], changed[kindRaised] = narrow(lemma), raise(lemma)
	}
	for k, s := range changed {
		if s != "" && s == stem {
			return kind(k), true
		}
	}
	return kindPlain, false
}
