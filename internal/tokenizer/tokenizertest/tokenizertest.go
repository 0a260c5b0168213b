// Package tokenizertest holds what tests train small tokenizers on: sentences
// of a few Turkish words with their morphemes, and texts that are hard to carry
// through unharmed.
package tokenizertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/morphopiece"
)

// stems are nouns with the suffixes that they take, in the order of kinds.
var stems = [][]string{
	{"ev", "ler", "de", "den", "imiz"},
	{"deniz", "ler", "de", "den", "imiz"},
	{"araba", "lar", "da", "dan", "mız"},
	{"okul", "lar", "da", "dan", "umuz"},
	{"göz", "ler", "de", "den", "ümüz"},
	{"yol", "lar", "da", "dan", "umuz"},
	{"masa", "lar", "da", "dan", "mız"},
	{"kedi", "ler", "de", "den", "miz"},
}

// Forms calls f with every word form of the stems and its segments and tags.
func Forms(f func(segments, tags []string)) {
	for _, s := range stems {
		stem, plural, locative, ablative, possessive := s[0], s[1], s[2], s[3], s[4]
		f([]string{stem}, []string{"ROOT"})
		f([]string{stem, plural}, []string{"ROOT", "PLU"})
		f([]string{stem, locative}, []string{"ROOT", "LOC"})
		f([]string{stem, ablative}, []string{"ROOT", "ABL"})
		f([]string{stem, possessive}, []string{"ROOT", "P1PL"})
		f([]string{stem, plural, locative}, []string{"ROOT", "PLU", "LOC"})
		f([]string{stem, plural, ablative}, []string{"ROOT", "PLU", "ABL"})
	}
}

// Gold returns the word forms as a table of gold words (morphology.ReadGold).
func Gold() string {
	var table strings.Builder
	table.WriteString("surface\tlemma\tsegmentation\ttags\talternatives\tcount\tsource\n")
	Forms(func(segments, tags []string) {
		fmt.Fprintf(&table, "%s\t%s\t%s\t%s\t-\t3\tours\n", strings.Join(segments, ""), segments[0], strings.Join(segments, "|"), strings.Join(tags, "|"))
	})
	return table.String()
}

// Corpus returns the lines of a text: sentences of the word forms and of other things.
func Corpus() []string {
	r := rand.New(rand.NewPCG(7, 8))
	var words []string
	Forms(func(segments, _ []string) { words = append(words, strings.Join(segments, "")) })
	others := []string{"Ankara'dan", "deniz'den", "2024'te", "(%50)", "“söz”", "çok", "iyi;", "TBMM'ye", "emoji 🙂", "a\tb"}
	var lines []string
	for range 600 {
		var line []string
		for range 3 + r.IntN(8) {
			if r.IntN(8) == 0 {
				line = append(line, others[r.IntN(len(others))])
			} else {
				line = append(line, words[r.IntN(len(words))])
			}
		}
		lines = append(lines, strings.ToUpper(line[0][:1])+line[0][1:]+" "+strings.Join(line[1:], " ")+".\n")
	}
	return lines
}

// Unigram trains a tokenizer of as many ids on Corpus, without morphemes.
func Unigram(t testing.TB, ids int) *morphopiece.Model {
	t.Helper()
	c := morphopiece.NewCounter()
	for _, line := range Corpus() {
		c.Add([]byte(line))
	}
	m, err := morphopiece.Train(context.Background(), c, nil, morphopiece.TrainOptions{VocabSize: ids, Mode: morphopiece.Plain})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Nasty are texts that tokenizers are known to lose something of.
var Nasty = []string{
	"", " ", "  iki  boşluk ", "sekme\there", "satır\nsonu\r\n", "İIıi ŞĞÜÖÇ", "I\u0307stanbul e\u0302", "kâğıt hâlâ millî",
	"👩‍👩‍👧‍👦 🇹🇷", "漢字 كتاب ქართული", "▁alt çizgi▁", "a##b", "<unk> <s> <0x41> <pad> <eod>", "soft\u00adhyphen\u200bzwsp\ufeff",
	"\x00\x03\x07", "2024'te TBMM'ye %50'si", "E=mc² x₁", "𝕿ürkçe", "ﬁ ligatürü", "Ankara\u2019da \u201ctırnak\u201d", "\u00a0nbsp\u2003em",
	"\xff\xfe \xc3", "ev\x00ler\x03de", "evlerde\xc5", "|a|b|", "'te 2024'te5'te", strings.Repeat("ev", 300), strings.Repeat(" ", 500),
}
