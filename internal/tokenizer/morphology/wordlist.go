package morphology

import "context"

// list takes the user's words into the lexicon. Word lists also hold inflected
// words; those that the present model inflects are left out.
func (t *trainer) list(ctx context.Context, entries []LexiconEntry) error {
	t.listed = evidence{}
	s := &Segmenter{model: t.m}
	s.scratch.New = func() any { return new(lattice) }
	var morphemes []Morpheme
	for i, e := range entries {
		if i%1000 == 0 {
			t.o.Progress("reading the word list", i, len(entries))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		letters := string(bytesOf(fold(e.Stem)))
		if letters == "" || len(letters) > maxLetters || hasOther(letters) {
			continue
		}
		morphemes = s.Segment([]byte(e.Stem), morphemes[:0])
		if (e.Noun || !e.Verb) && !inflected(morphemes) {
			t.listed.at(letters, Noun).listed = true
		}
		if e.Verb && !negated(morphemes) {
			t.listed.at(letters, Verb).listed = true
		}
	}
	return nil
}

// inflected says whether a suffix is other than derivation.
func inflected(morphemes []Morpheme) bool {
	for _, m := range morphemes[1:] {
		if !m.Tag.derivational() {
			return true
		}
	}
	return false
}

// negated says whether what takes verbal suffixes is itself negated or
// extended: gelme, gelebil.
func negated(morphemes []Morpheme) bool {
	switch morphemes[len(morphemes)-1].Tag.Class() {
	case ClassNegation, ClassAbility, ClassVerbalNoun:
		return len(morphemes) > 1
	}
	return false
}
