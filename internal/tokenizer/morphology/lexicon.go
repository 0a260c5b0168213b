package morphology

import "sort"

// POS is the part of speech of a root, as far as suffixes tell: adjectives and
// adverbs are nouns.
type POS uint8

// The parts of speech. A pronominal takes n before case endings: bu, kendi and
// compounds that end in a possessive.
const (
	Noun POS = iota
	Verb
	Pronominal
	posCount
)

// stateOf is where a root of each part of speech starts.
var stateOf = [posCount]state{Noun: stateNoun, Verb: stateVerb, Pronominal: statePronominal}

// kind is how the stem in a word differs from the root in the lexicon.
type kind uint8

const (
	kindPlain    kind = iota
	kindVoiced        // kitap, kitab|ı
	kindDropped       // ağız, ağz|ı
	kindDoubled       // hak, hakk|ı
	kindNarrowed      // başla, başl|ıyor
	kindRaised        // de, di|yor
	kindCount
)

// lexeme is one root, or a derived stem that gold cuts further.
type lexeme struct {
	letters  string // a letter a byte
	pos      POS
	gold     float64 // gold word types that have it as their root
	cut      float64 // gold word types in which it is a stem cut further
	raw      float64 // expected number of raw word types with this root
	front    float64 // expected number of them with front suffixes against harmony
	kinds    [kindCount]float64
	listed   bool // in the user's word list
	spelling string
}

// known says whether there is any evidence of the lexeme as a root.
func (x *lexeme) known() bool { return x.gold > 0 || x.raw >= 0.5 || x.listed }

// before is the order of the lexicon.
func (x *lexeme) before(y *lexeme) bool {
	return x.letters < y.letters || x.letters == y.letters && x.pos < y.pos
}

// variant is a spelling of a lexeme in the trie.
type variant struct {
	lexeme int32
	kind   kind
	after  uint8 // context bits of the next letter
	state  state
	score  float64 // see model.freeze
}

// lexicon holds the lexemes, sorted by letters and part of speech, and the
// trie of their spellings.
type lexicon struct {
	lexemes  []lexeme
	index    map[lexemeKey]int32
	keys     []string  // the spellings, sorted
	variants []variant // grouped by spelling
	trie     trie
}

type lexemeKey struct {
	letters string
	pos     POS
}

const anyAfter = anyContext | contextEnd

// newLexicon builds the trie over lexemes, which it sorts.
func newLexicon(lexemes []lexeme) *lexicon {
	sort.Slice(lexemes, func(i, j int) bool {
		return lexemes[i].before(&lexemes[j])
	})
	x := &lexicon{lexemes: lexemes, index: make(map[lexemeKey]int32, len(lexemes))}
	var spellings []spelled
	for i := range lexemes {
		lexemes[i].spelling = spell([]letter(lexemes[i].letters))
		x.index[lexemeKey{lexemes[i].letters, lexemes[i].pos}] = int32(i)
		spellings = appendVariants(spellings, int32(i), &lexemes[i])
	}
	sort.SliceStable(spellings, func(i, j int) bool { return spellings[i].letters < spellings[j].letters })
	var first []int32
	for _, s := range spellings {
		if len(x.keys) == 0 || x.keys[len(x.keys)-1] != s.letters {
			x.keys = append(x.keys, s.letters)
			first = append(first, int32(len(x.variants)))
		}
		x.variants = append(x.variants, s.variant)
	}
	x.trie = newTrie(x.keys, append(first, int32(len(x.variants))))
	return x
}

// find returns the lexeme with the given letters, or nil.
func (x *lexicon) find(letters string, pos POS) *lexeme {
	if i, ok := x.index[lexemeKey{letters, pos}]; ok {
		return &x.lexemes[i]
	}
	return nil
}

type spelled struct {
	letters string
	variant variant
}

// appendVariants adds the spellings of a lexeme that stem alternations allow.
// Vowel drop and gemination are properties of single words, so they need
// evidence; voicing and narrowing follow from the sound.
func appendVariants(list []spelled, id int32, x *lexeme) []spelled {
	add := func(letters string, k kind, after uint8, s state) {
		list = append(list, spelled{letters, variant{lexeme: id, kind: k, after: after, state: s}})
	}
	s := stateOf[x.pos]
	add(x.letters, kindPlain, anyAfter, s)
	if voiced := voice(x.letters, x.pos); voiced != "" {
		add(voiced, kindVoiced, contextVowel, s)
	}
	if x.kinds[kindDropped] > 0 {
		if dropped := dropVowel(x.letters); dropped != "" {
			add(dropped, kindDropped, contextVowel, s)
		}
	}
	if x.kinds[kindDoubled] > 0 {
		if doubled := doubleLast(x.letters); doubled != "" {
			add(doubled, kindDoubled, contextVowel, s)
		}
	}
	if x.pos == Verb {
		if narrowed := narrow(x.letters); narrowed != "" {
			add(narrowed, kindNarrowed, contextVowel, stateNarrowed)
		}
		if raised := raise(x.letters); raised != "" {
			add(raised, kindRaised, contextVoiced, stateVerb)
		}
	}
	return list
}

var (
	letterA, letterE, letterI    = letterOf['a'], letterOf['e'], letterOf['i']
	letterB, letterP, letterÇ    = letterOf['b'], letterOf['p'], letterOf['ç']
	letterC, letterT, letterD    = letterOf['c'], letterOf['t'], letterOf['d']
	letterK, letterĞ, letterG    = letterOf['k'], letterOf['ğ'], letterOf['g']
	letterN, letterY, letterL    = letterOf['n'], letterOf['y'], letterOf['l']
	letterR, letterS, letterU    = letterOf['r'], letterOf['s'], letterOf['u']
	highVowels                   = letterSet("ıiuü")
	voicedOf, voicelessOf        = voicing()
	minimalDropped, longestTwice = 4, 5
)

// voicing returns the pairs p/b, ç/c, t/d, k/ğ and back.
func voicing() (voiced, voiceless [letterCount]letter) {
	for _, p := range [][2]letter{{letterP, letterB}, {letterÇ, letterC}, {letterT, letterD}, {letterK, letterĞ}} {
		voiced[p[0]], voiceless[p[1]] = p[1], p[0]
	}
	return voiced, voiceless
}

func letterSet(letters string) (set [letterCount]bool) {
	for _, r := range letters {
		set[letterOf[r]] = true
	}
	return set
}

// replaceLast returns letters with the last one replaced.
func replaceLast(letters string, l letter) string {
	return letters[:len(letters)-1] + string([]byte{byte(l)})
}

// voice returns the stem with its last consonant voiced, or "". Verbs do it
// with t only: gid|er.
func voice(letters string, pos POS) string {
	if len(letters) < 2 {
		return ""
	}
	last, before := letter(letters[len(letters)-1]), letter(letters[len(letters)-2])
	switch {
	case pos == Verb && last != letterT:
		return ""
	case last == letterK && before == letterN:
		return replaceLast(letters, letterG)
	case last == letterG && isVowel(before):
		return replaceLast(letters, letterĞ)
	case voicedOf[last] == 0:
		return ""
	}
	return replaceLast(letters, voicedOf[last])
}

// dropVowel returns the stem without the high vowel of its last syllable, or
// "": ağız gives ağz, kayıp gives kayb.
func dropVowel(letters string) string {
	n := len(letters)
	if n < minimalDropped || !highVowels[letters[n-2]] || isVowel(letter(letters[n-1])) || isVowel(letter(letters[n-3])) {
		return ""
	}
	last := letter(letters[n-1])
	if voicedOf[last] != 0 && last != letterK {
		last = voicedOf[last]
	}
	return letters[:n-2] + string([]byte{byte(last)})
}

// doubleLast returns a short stem with its last consonant doubled, or "": hak
// gives hakk, tıp gives tıbb.
func doubleLast(letters string) string {
	n := len(letters)
	if n < 2 || n > longestTwice || isVowel(letter(letters[n-1])) || !isVowel(letter(letters[n-2])) {
		return ""
	}
	last := letter(letters[n-1])
	if last == letterP || last == letterT || last == letterÇ {
		last = voicedOf[last]
	}
	return replaceLast(letters, last) + string([]byte{byte(last)})
}

// narrow returns a verb stem without its last a or e, or "".
func narrow(letters string) string {
	n := len(letters)
	if n < 3 || letter(letters[n-1]) != letterA && letter(letters[n-1]) != letterE {
		return ""
	}
	return letters[:n-1]
}

// raise returns di and yi for the verbs de and ye, otherwise "".
func raise(letters string) string {
	if len(letters) == 2 && (letter(letters[0]) == letterD || letter(letters[0]) == letterY) && letter(letters[1]) == letterE {
		return replaceLast(letters, letterI)
	}
	return ""
}
