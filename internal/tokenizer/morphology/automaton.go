package morphology

import (
	"sort"
	"strings"
)

// allomorph is one surface form of one rule.
type allomorph struct {
	rule    uint8
	tag     Tag
	to      state
	hosts   uint32 // states it may follow, a bit each
	harmony uint8  // vowel classes before it, a bit each
	before  uint8  // context bits of the letter before it
	after   uint8  // context bits of the letter after it, contextEnd at the end
	last    lastLetter
	vowel   bool // has a vowel
	form    []letter
}

// contextEnd is the context after the last letter of a word.
const contextEnd = 1 << 3

const anyContext = contextVowel | contextVoiced | contextVoiceless

// lastLetter narrows the letter before a suffix further than its context.
type lastLetter uint8

const (
	lastAny     lastLetter = iota
	lastL                  // l
	lastLR                 // l or r
	lastNotL               // anything but l
	lastSuStem             // the words su and ne and those that end in su
	lastInvalid            // a mistake in the grammar: a test looks for it
)

// suffixIndex finds the allomorphs that begin at a place of a word.
type suffixIndex struct {
	trie  trie
	order []int16 // numbers of allomorphs, grouped by spelling
}

var (
	allomorphs = expandGrammar()
	suffixes   = indexSuffixes(allomorphs)
	canonical  = canonicalForms()
)

// canonicalForms returns, for each rule, how its morpheme is written: the form
// without conditions.
func canonicalForms() []string {
	forms := make([]string, len(grammar))
	for i, r := range grammar {
		forms[i] = strings.TrimLeft(r.form[strings.IndexByte(r.form, ':')+1:], ":")
	}
	return forms
}

// expandGrammar spells every rule in every context.
func expandGrammar() []allomorph {
	var all []allomorph
	for i, r := range grammar {
		var hosts uint32
		for _, s := range r.from {
			hosts |= 1 << s
		}
		for _, a := range expandRule(r) {
			a.rule, a.tag, a.to, a.hosts = uint8(i), r.tag, r.to, hosts
			all = append(all, a)
		}
	}
	return all
}

// expandRule spells one rule: for each vowel class and kind of letter before
// it, and for both ends of a K; equal spellings are joined.
func expandRule(r rule) []allomorph {
	condition, form := splitCondition(r.form)
	var list []allomorph
	for class := uint8(classNoVowel); class < vowelClasses; class++ {
		for _, before := range []uint8{contextVowel, contextVoiced, contextVoiceless} {
			if condition.before&before == 0 || class == classNoVowel && before == contextVowel {
				continue
			}
			for _, soft := range []bool{false, true} {
				for _, vowel := range startClasses(class) {
					a := spellForm(form, vowel, before, soft)
					a.harmony, a.before, a.last = 1<<class, before, condition.last
					list = joinAllomorph(list, a)
				}
			}
		}
	}
	return list
}

// startClasses returns the classes that a suffix may follow as after class: a
// word without a vowel says nothing, so every class.
func startClasses(class uint8) []uint8 {
	if class == classNoVowel {
		return []uint8{classA, classE, classO, classÖ}
	}
	return []uint8{class}
}

type formCondition struct {
	before uint8
	last   lastLetter
}

// splitCondition takes the condition off a form.
func splitCondition(form string) (formCondition, string) {
	head, rest, found := strings.Cut(form, ":")
	if !found {
		return formCondition{before: anyContext}, form
	}
	consonant := uint8(contextVoiced | contextVoiceless)
	switch head {
	case "c":
		return formCondition{before: consonant}, rest
	case "v":
		return formCondition{before: contextVowel}, rest
	case "l":
		return formCondition{consonant, lastL}, rest
	case "r":
		return formCondition{consonant, lastLR}, rest
	case "x":
		return formCondition{consonant, lastNotL}, rest
	case "s":
		return formCondition{contextVowel, lastSuStem}, rest
	}
	return formCondition{last: lastInvalid}, rest
}

// joinAllomorph adds a to list, or its contexts to the entry with the same
// spelling when only the harmony or only the letter before differs.
func joinAllomorph(list []allomorph, a allomorph) []allomorph {
	for i := range list {
		b := &list[i]
		if string(spell(b.form)) != string(spell(a.form)) || b.after != a.after {
			continue
		}
		if b.before == a.before {
			b.harmony |= a.harmony
			return list
		}
		if b.harmony == a.harmony {
			b.before |= a.before
			return list
		}
	}
	return append(list, a)
}

// spellForm spells form after a vowel of the given class and a letter of the
// given kind; soft says that a vowel follows.
func spellForm(form string, class, before uint8, soft bool) allomorph {
	a := allomorph{after: anyContext | contextEnd}
	runes := []rune(form)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		if r == '(' {
			inner := runes[i+1]
			i += 2
			if (inner == 'H') == (before == contextVowel) {
				continue
			}
			r = inner
		}
		r = spellLetter(r, class, before)
		if r == 'K' {
			r, a.after = 'k', contextVoiced|contextVoiceless|contextEnd
			if soft {
				r, a.after = 'ğ', contextVowel
			}
		}
		l := letterOf[r]
		if c := vowelClass[l]; c != classNoVowel {
			class, a.vowel = c, true
		}
		before = letterContext[l]
		a.form = append(a.form, l)
	}
	return a
}

// spellLetter resolves one archiphoneme; other letters stand for themselves.
func spellLetter(r rune, class, before uint8) rune {
	switch r {
	case 'A':
		if class == classA || class == classO {
			return 'a'
		}
		return 'e'
	case 'H':
		return []rune{classA: 'ı', classE: 'i', classO: 'u', classÖ: 'ü'}[class]
	case 'D':
		if before == contextVoiceless {
			return 't'
		}
		return 'd'
	case 'C':
		if before == contextVoiceless {
			return 'ç'
		}
		return 'c'
	}
	return r
}

// indexSuffixes puts the allomorphs' forms into a trie.
func indexSuffixes(all []allomorph) *suffixIndex {
	x := &suffixIndex{order: make([]int16, len(all))}
	form := func(i int) string { return string(bytesOf(all[x.order[i]].form)) }
	for i := range x.order {
		x.order[i] = int16(i)
	}
	sort.SliceStable(x.order, func(i, j int) bool { return form(i) < form(j) })
	var keys []string
	var first []int32
	for i := range x.order {
		if len(keys) == 0 || keys[len(keys)-1] != form(i) {
			keys, first = append(keys, form(i)), append(first, int32(i))
		}
	}
	x.trie = newTrie(keys, append(first, int32(len(all))))
	return x
}

// Suffixes returns every spelling that the automaton gives a suffix, sorted.
func Suffixes() []string {
	seen := map[string]bool{}
	var list []string
	for _, a := range allomorphs {
		if s := spell(a.form); !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	sort.Strings(list)
	return list
}
