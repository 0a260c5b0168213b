package morphology

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxHunspellLine  = 1 << 20
	maxHunspellWords = 5_000_000
)

// flagStyle is how a dictionary writes its flags.
type flagStyle int

const (
	flagsRunes   flagStyle = iota // a character each (UTF-8)
	flagsLong                     // two characters each
	flagsNumbers                  // numbers with commas
)

// affixes is what an .aff file says, as far as it tells nouns from verbs.
type affixes struct {
	style  flagStyle
	groups [][]string      // AF: flags by number
	noun   map[string]bool // flags with a suffix that only nouns take
	verb   map[string]bool // and only verbs
}

// ReadHunspell reads a word list in hunspell's format: dic holds the stems
// with their flags, aff, which may be nil, the suffixes that flags stand for.
// From the suffixes it tells nouns from verbs; prefixes, compounds and
// replacement tables are passed over.
func ReadHunspell(dic io.Reader, aff io.Reader) ([]LexiconEntry, error) {
	a := &affixes{noun: map[string]bool{}, verb: map[string]bool{}}
	if aff != nil {
		if err := a.read(aff); err != nil {
			return nil, err
		}
	}
	return a.readWords(dic)
}

// lines calls use with each line of r, numbered from 1.
func lines(r io.Reader, name string, use func(number int, line string) error) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 4096), maxHunspellLine)
	number := 0
	for scanner.Scan() {
		number++
		text := strings.TrimSuffix(scanner.Text(), "\r")
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("%s, line %d: not UTF-8: convert the word list first", name, number)
		}
		if err := use(number, text); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, number, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("%s, after line %d: a line is longer than %d bytes or cannot be read: %w", name, number, maxHunspellLine, err)
	}
	return nil
}

// read reads an .aff file.
func (a *affixes) read(r io.Reader) error {
	return lines(r, "affix file", func(_ int, line string) error {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return nil
		}
		switch fields[0] {
		case "SET":
			if fields[1] != "UTF-8" {
				return fmt.Errorf("SET %s: only UTF-8 is read, convert both files first", fields[1])
			}
		case "FLAG":
			return a.setStyle(fields[1])
		case "AF":
			return a.addGroup(fields[1])
		case "SFX":
			if len(fields) >= 5 {
				a.addSuffix(fields[1], fields[3])
			} else if len(fields) != 4 {
				return fmt.Errorf("SFX has %d fields: expected 4 in a header and 5 or more in a rule", len(fields))
			}
		}
		return nil
	})
}

func (a *affixes) setStyle(name string) error {
	switch name {
	case "num":
		a.style = flagsNumbers
	case "long":
		a.style = flagsLong
	case "UTF-8":
		a.style = flagsRunes
	default:
		return fmt.Errorf("FLAG %s is unknown: expected num, long or UTF-8", name)
	}
	return nil
}

// addGroup reads an AF line: first the number of groups, then the groups.
func (a *affixes) addGroup(field string) error {
	if a.groups == nil {
		a.groups = [][]string{}
		return nil
	}
	flags, err := a.split(field)
	a.groups = append(a.groups, flags)
	return err
}

// addSuffix notes which part of speech takes the suffix.
func (a *affixes) addSuffix(flag, suffix string) {
	suffix, _, _ = strings.Cut(suffix, "/")
	noun, verb := suffixHosts(suffix)
	if noun && !verb {
		a.noun[flag] = true
	}
	if verb && !noun {
		a.verb[flag] = true
	}
}

// split splits a word's flags.
func (a *affixes) split(field string) ([]string, error) {
	switch a.style {
	case flagsNumbers:
		flags := strings.Split(field, ",")
		for _, f := range flags {
			if n, err := strconv.Atoi(f); err != nil || n < 0 {
				return nil, fmt.Errorf("flag %q in %q is no number, but the affix file says FLAG num", f, field)
			}
		}
		return flags, nil
	case flagsLong:
		if len(field)%2 != 0 {
			return nil, fmt.Errorf("flags %q are an odd number of characters, but the affix file says FLAG long", field)
		}
		var flags []string
		for i := 0; i < len(field); i += 2 {
			flags = append(flags, field[i:i+2])
		}
		return flags, nil
	}
	return strings.Split(field, ""), nil
}

// readWords reads a .dic file: the number of words, then a word a line.
func (a *affixes) readWords(r io.Reader) ([]LexiconEntry, error) {
	var entries []LexiconEntry
	err := lines(r, "word list", func(number int, line string) error {
		if number == 1 {
			if _, err := strconv.Atoi(strings.TrimSpace(line)); err != nil {
				return fmt.Errorf("%q is not the number of words that a hunspell .dic file begins with", line)
			}
			return nil
		}
		if line == "" || line[0] == '\t' || line[0] == '#' {
			return nil
		}
		entry, err := a.parseWord(line)
		if err != nil {
			return err
		}
		if len(entries) == maxHunspellWords {
			return fmt.Errorf("more than %d words", maxHunspellWords)
		}
		entries = append(entries, entry)
		return nil
	})
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("word list: no words")
	}
	return entries, err
}

// parseWord reads stem/flags; fields after a blank are passed over. A slash in
// the stem is written \/.
func (a *affixes) parseWord(line string) (LexiconEntry, error) {
	if i := strings.IndexAny(line, "\t "); i >= 0 {
		line = line[:i]
	}
	stem, field := line, ""
	for i := 1; i < len(line); i++ {
		if line[i] == '/' && line[i-1] != '\\' {
			stem, field = line[:i], line[i+1:]
			break
		}
	}
	entry := LexiconEntry{Stem: strings.ReplaceAll(stem, `\/`, "/")}
	if field == "" {
		return entry, nil
	}
	flags, err := a.flags(field)
	for _, f := range flags {
		entry.Noun = entry.Noun || a.noun[f]
		entry.Verb = entry.Verb || a.verb[f]
	}
	return entry, err
}

// flags returns the flags of a word, looked up where the file numbers groups
// of them.
func (a *affixes) flags(field string) ([]string, error) {
	if len(a.groups) == 0 {
		return a.split(field)
	}
	n, err := strconv.Atoi(field)
	if err != nil || n < 1 || n > len(a.groups) {
		return nil, fmt.Errorf("flags %q: expected a number from 1 to %d, as the affix file has AF groups", field, len(a.groups))
	}
	return a.groups[n-1], nil
}

// hostStems stand for the stems of each vowel class and kind of last letter.
var hostStems = []string{"kal", "gel", "kol", "göl", "kat", "ket", "kot", "köt", "kara", "gere", "koku", "görü"}

// suffixHosts says whether the automaton reads suffix after a noun and after a
// verb, each with some stem.
func suffixHosts(suffix string) (noun, verb bool) {
	m := plainModel()
	var l lattice
	for _, stem := range hostStems {
		l.build(m, []byte(stem+suffix))
		end := len(fold(stem))
		for i := range l.edges {
			e := &l.edges[i]
			if e.form >= 0 || int(e.end) != end || l.tooLong || !completes(&l, int32(i), nil) {
				continue
			}
			noun = noun || e.pos == Noun
			verb = verb || e.pos == Verb && e.kind == kindPlain
		}
	}
	return noun, verb
}
