package morphology

import (
	"context"
	"sort"
)

// rawWord is a word type of the training text.
type rawWord struct {
	letters string
	text    []byte // in small letters where the text has it so
	count   int64
}

// rawWords returns the limit most frequent types of letters of the Turkish
// alphabet, q, w and x only, sorted by letters; spellings that differ in case
// are one type.
func rawWords(ctx context.Context, words map[string]int64, limit int) ([]rawWord, error) {
	byLetters := map[string]*rawWord{}
	var w word
	for text, count := range words {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.read([]byte(text))
		if w.n == 0 || w.tooLong {
			continue
		}
		letters := string(bytesOf(w.letters[:w.n]))
		if hasOther(letters) {
			continue
		}
		old := byLetters[letters]
		if old == nil {
			old = &rawWord{letters: letters, text: []byte(text)}
			byLetters[letters] = old
		} else if smallFirst(text, string(old.text)) {
			old.text = []byte(text)
		}
		old.count += count
	}
	list := make([]rawWord, 0, len(byLetters))
	for _, x := range byLetters {
		list = append(list, *x)
	}
	sort.Slice(list, func(i, j int) bool {
		return list[i].count > list[j].count || list[i].count == list[j].count && list[i].letters < list[j].letters
	})
	list = list[:min(len(list), limit)]
	sort.Slice(list, func(i, j int) bool { return list[i].letters < list[j].letters })
	return list, nil
}

func hasOther(letters string) bool {
	for i := range len(letters) {
		if letter(letters[i]) == letterOther {
			return true
		}
	}
	return false
}

// smallFirst says whether a is preferred to b: fewer capitals, then the order
// of bytes, so that the choice does not depend on the map's order.
func smallFirst(a, b string) bool {
	if x, y := capitals(a), capitals(b); x != y {
		return x < y
	}
	return a < b
}

func capitals(s string) int {
	n := 0
	for _, r := range s {
		if isUpper(r) {
			n++
		}
	}
	return n
}

// minPosterior is the least probability of a root that counts as evidence.
const minPosterior = 0.02

// collect adds to found what the word says of its roots under m, and to counts
// (if there are any) what it says of its morphemes. It returns the former as
// credits.
func (s *sums) collect(m *model, l *lattice, text []byte, found evidence, counts transitions) []credit {
	l.build(m, text)
	s.compute(m, l, nil)
	if s.logZ == minusInf {
		return nil
	}
	if counts != nil {
		counts.count(m, l, s)
	}
	var credits []credit
	for i := range l.edges {
		e := &l.edges[i]
		if e.form >= 0 {
			if e.front {
				s.creditFront(l, e, found)
			}
			continue
		}
		p := s.edge(e)
		if p < minPosterior {
			continue
		}
		key, k := s.rootOf(m, l, e)
		x := found.at(key.letters, key.pos)
		x.raw += p
		x.kinds[k] += p
		credits = append(credits, credit{key: key, raw: p})
	}
	return credits
}

// creditFront counts a suffix against harmony for the root before it.
func (s *sums) creditFront(l *lattice, e *edge, found evidence) {
	p := s.edge(e)
	if p < minPosterior {
		return
	}
	from := &l.nodes[e.from]
	if int(from.last) >= int(posCount) {
		return
	}
	letters := string(bytesOf(l.letters[:e.start]))
	found.at(letters, POS(from.last)).front += p
}

// rootOf names the root of an edge. A guess before a vowel is named as the
// lexicon would: kitab|ı speaks of kitap, başl|ıyor of başla.
func (s *sums) rootOf(m *model, l *lattice, e *edge) (lexemeKey, kind) {
	if e.lexeme >= 0 {
		x := &m.lexicon.lexemes[e.lexeme]
		return lexemeKey{x.letters, x.pos}, e.kind
	}
	letters, last := string(bytesOf(l.letters[:e.end])), l.letters[e.end-1]
	switch {
	case e.kind == kindNarrowed:
		vowel := letterE
		if c := l.lastVowel[e.end]; c == classA || c == classO {
			vowel = letterA
		}
		return lexemeKey{letters + string([]byte{byte(vowel)}), Verb}, kindNarrowed
	case e.pos == Noun && int(e.end) < l.n && isVowel(l.letters[e.end]) && (last == letterB || last == letterC || last == letterĞ):
		return lexemeKey{replaceLast(letters, voicelessOf[last]), Noun}, kindVoiced
	}
	return lexemeKey{letters, e.pos}, kindPlain
}
