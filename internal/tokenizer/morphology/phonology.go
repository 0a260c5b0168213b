package morphology

import "unicode/utf8"

// letter is a folded letter: the small Turkish alphabet without case and
// circumflex. letterOther is every other character and every invalid byte.
type letter uint8

const alphabet = "?abcçdefgğhıijklmnoöpqrsştuüvwxyz"

const letterOther letter = 0

// letterCount is the number of letters, letterOther included.
const letterCount = 33

// maxLetters bounds the letters of a word that is analysed; a longer run is
// one root, which keeps the work linear in the text.
const maxLetters = 60

var (
	letterOf = func() map[rune]letter {
		m := make(map[rune]letter)
		var code letter
		for _, r := range alphabet {
			m[r] = code
			code++
		}
		delete(m, '?')
		return m
	}()
	letterRunes = []rune(alphabet)
	// foldedLatin gives for a rune below 0x180 its letter, one by one.
	foldedLatin = makeFoldedLatin()
)

// foreignLetters maps letters of other Latin alphabets to the Turkish letter
// that suffixes treat them as.
var foreignLetters = map[rune]rune{
	'â': 'a', 'á': 'a', 'à': 'a', 'ã': 'a', 'å': 'a', 'ä': 'e', 'é': 'e', 'è': 'e', 'ê': 'e', 'ë': 'e',
	'î': 'i', 'í': 'i', 'ì': 'i', 'ï': 'i', 'ó': 'o', 'ò': 'o', 'ô': 'o', 'õ': 'o', 'ø': 'ö', 'ú': 'u',
	'ù': 'u', 'û': 'u', 'ñ': 'n', 'ý': 'y', 'š': 'ş', 'č': 'ç', 'ć': 'ç', 'ž': 'j', 'ł': 'l', 'ń': 'n',
}

// makeFoldedLatin returns the letters of runes below 0x180, capitals included:
// I folds to ı and İ to i.
func makeFoldedLatin() (table [0x180]letter) {
	for r, code := range letterOf {
		table[r] = code
	}
	for r, base := range foreignLetters {
		table[r] = letterOf[base]
	}
	upper := map[rune]rune{'I': 'ı', 'İ': 'i', 'Ğ': 'ğ', 'Ş': 'ş', 'Š': 'š', 'Č': 'č', 'Ć': 'ć', 'Ž': 'ž', 'Ł': 'ł', 'Ń': 'ń'}
	for r := 'A'; r <= 'Z'; r++ {
		if r != 'I' {
			upper[r] = r + 'a' - 'A'
		}
	}
	for r := 'À'; r <= 'Þ'; r++ {
		if r != '×' {
			upper[r] = r + 0x20
		}
	}
	for big, small := range upper {
		table[big] = table[small]
	}
	return table
}

// isUpper says whether r is a capital of the Latin alphabets that are folded.
func isUpper(r rune) bool {
	switch {
	case r >= 'A' && r <= 'Z', r >= 'À' && r <= 'Þ' && r != '×':
		return true
	case r >= 0x100 && r < 0x138, r >= 0x14A && r < 0x178:
		return r&1 == 0
	}
	return (r >= 0x139 && r < 0x149 || r >= 0x179 && r < 0x17F) && r&1 == 1
}

// isCombining says whether r belongs to the letter before it.
func isCombining(r rune) bool { return r >= 0x300 && r < 0x370 }

// word is a word read as letters: letters[i] are the bytes
// [offsets[i], offsets[i+1]).
type word struct {
	letters [maxLetters]letter
	offsets [maxLetters + 1]int
	n       int
	capital bool // begins with a capital, and does not go on in capitals
	tooLong bool
}

// read folds text into w.
func (w *word) read(text []byte) {
	w.n, w.capital, w.tooLong = 0, false, false
	second := false
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if isCombining(r) && w.n > 0 {
			i += size
			continue
		}
		if w.n == maxLetters {
			w.tooLong = true
			break
		}
		if w.n == 0 {
			w.capital = isUpper(r)
		} else if w.n == 1 {
			second = isUpper(r)
		}
		w.letters[w.n], w.offsets[w.n] = foldRune(r), i
		w.n++
		i += size
	}
	w.offsets[w.n] = len(text)
	w.capital = w.capital && !second
}

func foldRune(r rune) letter {
	if r >= 0 && int(r) < len(foldedLatin) {
		return foldedLatin[r]
	}
	return letterOther
}

// fold returns the letters of s, however long.
func fold(s string) []letter {
	letters := make([]letter, 0, len(s))
	for _, r := range s {
		if isCombining(r) && len(letters) > 0 {
			continue
		}
		letters = append(letters, foldRune(r))
	}
	return letters
}

// spell writes letters in the alphabet.
func spell(letters []letter) string {
	runes := make([]rune, len(letters))
	for i, l := range letters {
		runes[i] = letterRunes[l]
	}
	return string(runes)
}

// Vowel classes: what harmony looks at. classNoVowel also stands for a word
// that has no vowel yet, whose suffixes may be of any class.
const (
	classNoVowel = iota
	classA       // a, ı: back unrounded
	classE       // e, i: front unrounded
	classO       // o, u: back rounded
	classÖ       // ö, ü: front rounded
	vowelClasses
)

// Kinds of letters as suffixes see them, bits of a context mask.
const (
	contextVowel     = 1 << iota // a vowel
	contextVoiced                // a voiced consonant, or an unknown character
	contextVoiceless             // f s t k ç ş h p
)

var vowelClass, letterContext = letterTables()

// letterTables returns each letter's vowel class and its context bit.
func letterTables() (class, context [letterCount]uint8) {
	for i := range context {
		context[i] = contextVoiced
	}
	for c, vowels := range []string{classA: "aı", classE: "ei", classO: "ou", classÖ: "öü"} {
		for _, r := range vowels {
			class[letterOf[r]] = uint8(c)
			context[letterOf[r]] = contextVowel
		}
	}
	for _, r := range "fstkçşhp" {
		context[letterOf[r]] = contextVoiceless
	}
	return class, context
}

func isVowel(l letter) bool { return vowelClass[l] != classNoVowel }

// frontOf returns the class of the front vowel with the same rounding: what a
// word like saat or rol takes instead of its own class.
func frontOf(class uint8) uint8 {
	switch class {
	case classA:
		return classE
	case classO:
		return classÖ
	}
	return class
}
