package morphology

import (
	"strings"
	"unicode"
)

// countRoots adds each word's root to the evidence. Where the word leaves the
// part of speech open, the other words with the root decide.
func countRoots(examples []*example, readings []rootReading, found evidence) {
	for i, r := range readings {
		if pos, sure := r.only(); sure {
			countRoot(examples[i], r, pos, found)
		}
	}
	for i, r := range readings {
		if _, sure := r.only(); sure {
			continue
		}
		pos := Noun
		noun, verb := found[lexemeKey{r.letters, Noun}], found[lexemeKey{r.letters, Verb}]
		if (r.bare || r.pos[Verb]) && verb != nil && (noun == nil || verb.gold > noun.gold) {
			pos = Verb
		}
		countRoot(examples[i], r, pos, found)
	}
}

// only returns the root's part of speech if its suffixes leave one.
func (r *rootReading) only() (POS, bool) {
	switch {
	case r.bare || r.pos[Noun] && r.pos[Verb]:
		return Noun, false
	case r.pos[Verb]:
		return Verb, true
	case r.pos[Noun]:
		return Noun, true
	case r.pos[Pronominal]:
		return Pronominal, true
	}
	return Noun, false
}

func countRoot(x *example, r rootReading, pos POS, found evidence) {
	root := found.at(r.letters, pos)
	root.gold++
	root.kinds[r.kind]++
	x.credits = append(x.credits, credit{key: lexemeKey{r.letters, pos}, gold: 1})
}

// stemCredits counts the stems that a gold word cuts.
func stemCredits(g *GoldWord, found evidence) []credit {
	var credits []credit
	var stem strings.Builder
	for i, segment := range g.Segments {
		stem.WriteString(segment)
		if i == 0 || !g.Tags[i].derivational() {
			continue
		}
		key, ok := stemKey(stem.String(), g.Tags[i])
		if ok {
			found.at(key.letters, key.pos).cut++
			credits = append(credits, credit{key: key, cut: 1})
		}
	}
	return credits
}

// stemKey returns the stem that ends in a derivational suffix as the lexicon
// lists it: yazarlığ as yazarlık. A narrowed stem has lost its vowel and is
// not listed.
func stemKey(stem string, tag Tag) (lexemeKey, bool) {
	letters := string(bytesOf(fold(stem)))
	if letters == "" {
		return lexemeKey{}, false
	}
	pos, last := Noun, letter(letters[len(letters)-1])
	if c := tag.Class(); c == ClassVoice || c == ClassVerbalDerivation {
		pos = Verb
	}
	if tag == TagMake && !isVowel(last) {
		return lexemeKey{}, false
	}
	if pos == Noun && last == letterĞ {
		letters = replaceLast(letters, letterK)
	}
	return lexemeKey{letters, pos}, true
}

// capitalised returns copies of the small-letter examples with a capital.
func capitalised(examples []*example) []*example {
	var list []*example
	for _, x := range examples {
		runes := []rune(string(x.text))
		if isUpper(runes[0]) {
			continue
		}
		big := unicode.TurkishCase.ToUpper(runes[0])
		if foldRune(big) != foldRune(runes[0]) || !isUpper(big) {
			continue
		}
		text := string(big) + string(runes[1:])
		c := *x
		c.text, c.capital = []byte(text), true
		c.credits = append([]credit{}, x.credits...)
		list = append(list, &c)
	}
	return list
}
