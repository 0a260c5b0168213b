package morphology

// addGuesses adds unknown roots of every length after which suffixes follow,
// and the whole word. The plain model, which only asks what grammar allows,
// also has roots of one letter and pronominals that end in any vowel.
func (l *lattice) addGuesses(m *model) {
	for j := 1; j <= l.n; j++ {
		if l.reach[j] == 0 || j < l.n && (j < 2 && !m.plain || l.lastVowel[j] == classNoVowel) {
			continue
		}
		l.guess(m, j, kindPlain, stateNoun)
		if l.lastVowel[j] == classNoVowel {
			continue
		}
		l.guess(m, j, kindPlain, stateVerb)
		if j == l.n {
			continue
		}
		if last := l.letters[j-1]; highVowels[last] || m.plain && isVowel(last) {
			l.guess(m, j, kindPlain, statePronominal)
		} else if !isVowel(last) && isVowel(l.letters[j]) {
			l.guess(m, j, kindNarrowed, stateNarrowed)
		}
	}
}

// guess adds an unknown root that ends at place j, unless nothing follows it.
func (l *lattice) guess(m *model, j int, k kind, s state) {
	if l.reach[j]>>s&1 != 0 {
		l.addRoot(m, j, variant{lexeme: -1, kind: k, after: anyAfter, state: s})
	}
}

// posOfState is the part of speech that a root's first state stands for.
func posOfState(s state) POS {
	switch s {
	case stateVerb, stateNarrowed:
		return Verb
	case statePronominal:
		return Pronominal
	}
	return Noun
}
