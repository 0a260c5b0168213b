package morphology

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// GoldWord is a word whose morphemes people have marked.
type GoldWord struct {
	Surface      string
	Lemma        string
	Segments     []string // the cut: joined they are Surface
	Tags         []Tag    // one a segment, the first TagRoot
	Alternatives [][]string
	Count        int64
}

const maxGoldLine = 1 << 16

// ReadGold reads gold cuts: a header line, then lines of at least six fields
// separated by tabs: surface, lemma, segments and tags separated by |, other
// cuts separated by / (- for none), count.
func ReadGold(r io.Reader) ([]GoldWord, error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 4096), maxGoldLine)
	var words []GoldWord
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimRight(scanner.Text(), "\r")
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" || line == 1 && strings.HasPrefix(text, "surface\t") {
			continue
		}
		word, err := parseGoldLine(text)
		if err != nil {
			return nil, fmt.Errorf("gold, line %d: %w", line, err)
		}
		words = append(words, word)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("gold: a line is longer than %d bytes or cannot be read: %w", maxGoldLine, err)
	}
	return words, nil
}

func parseGoldLine(text string) (GoldWord, error) {
	fields := strings.Split(text, "\t")
	if len(fields) < 6 {
		return GoldWord{}, fmt.Errorf("%d fields instead of at least 6: surface, lemma, segments, tags, alternatives and count, separated by tabs", len(fields))
	}
	count, err := strconv.ParseInt(fields[5], 10, 64)
	if err != nil || count < 0 {
		return GoldWord{}, fmt.Errorf("count %q is no whole number of 0 or more", fields[5])
	}
	word := GoldWord{Surface: fields[0], Lemma: fields[1], Count: count}
	if word.Segments, err = splitCut(fields[2], word.Surface); err != nil {
		return GoldWord{}, err
	}
	if word.Tags, err = parseTags(fields[3], len(word.Segments)); err != nil {
		return GoldWord{}, err
	}
	if fields[4] == "-" {
		return word, nil
	}
	for _, cut := range strings.Split(fields[4], "/") {
		segments, err := splitCut(cut, word.Surface)
		if err != nil {
			return GoldWord{}, err
		}
		word.Alternatives = append(word.Alternatives, segments)
	}
	return word, nil
}

// splitCut splits a cut at | and checks that it spells surface.
func splitCut(cut, surface string) ([]string, error) {
	segments := strings.Split(cut, "|")
	for _, s := range segments {
		if s == "" {
			return nil, fmt.Errorf("the cut %q has an empty segment", cut)
		}
	}
	if strings.Join(segments, "") != surface {
		return nil, fmt.Errorf("the cut %q does not spell %q", cut, surface)
	}
	return segments, nil
}

func parseTags(field string, segments int) ([]Tag, error) {
	names := strings.Split(field, "|")
	if len(names) != segments {
		return nil, fmt.Errorf("%d tags for %d segments: expected one tag a segment, ? for an unknown one", len(names), segments)
	}
	tags := make([]Tag, len(names))
	for i, name := range names {
		tag, err := ParseTag(name)
		if err != nil {
			if !strings.HasPrefix(name, "D:") {
				return nil, err
			}
			tag = TagNone // a derivation that the grammar does not list
		}
		tags[i] = tag
	}
	if tags[0] != TagRoot {
		return nil, fmt.Errorf("the first tag is %q: expected ROOT", names[0])
	}
	return tags, nil
}
