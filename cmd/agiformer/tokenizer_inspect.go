package main

import (
	"fmt"
	"math"
	"strings"

	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphology"
)

// typeNames are the types of tokens that are no morphemes.
var typeNames = []string{"padding", "end", "word start", "word", "digit", "space", "line end", "other", "byte"}

// vowelNames are the classes of vowels.
var vowelNames = []string{"-", "a ı", "o u", "e i", "ö ü"}

// harmonyNames are the values of a label's harmony.
var harmonyNames = []string{"-", "yes", "no"}

func typeName(kind uint8) string {
	if int(kind) < len(typeNames) {
		return typeNames[kind]
	}
	return morphology.Class(kind - tokenizer.TypeMorphemeRoot + 1).String()
}

// inspectLine is a table of a line's tokens, and for MorphoPiece the readings
// of its words.
func inspectLine(t tokenizer.Tokenizer, line string) (string, error) {
	var out strings.Builder
	m, ok := t.(*tokenizer.MorphoPiece)
	fmt.Fprintf(&out, "%8s %6s  %-14s %-18s %5s  %-5s %4s", "position", "id", "piece", "type", "place", "vowel", "word")
	if ok {
		fmt.Fprintf(&out, "  %-7s %s", "harmony", "suffix")
	}
	out.WriteByte('\n')
	labeler := t.NewLabeler()
	word := 0
	for i, id := range t.Encode([]byte(line)) {
		label := labeler.Next(id)
		if label.WordStart {
			word++
		}
		fmt.Fprintf(&out, "%8d %6d  %-14s %-18s %5d  %-5s %4d", i, id, visible(t.Piece(id)), typeName(label.Type), label.Place, vowelNames[label.Vowel], word)
		if ok {
			fmt.Fprintf(&out, "  %-7s %s", harmonyNames[label.Harmony], m.Canonical(label))
		}
		out.WriteByte('\n')
	}
	if ok {
		inspectWords(&out, m, line)
	}
	return out.String(), nil
}

// visible shows a space that belongs to a piece.
func visible(piece string) string { return strings.ReplaceAll(piece, " ", "␣") }

// maxReadings is the number of readings of a word that inspect shows.
const maxReadings = 5

// tagText names a morpheme's tag; a root that the lexicon does not have is a guess.
func tagText(m morphology.Morpheme) string {
	if m.Tag == morphology.TagRoot && m.Canonical == "" {
		return m.Tag.String() + ", guessed"
	}
	return m.Tag.String()
}

// inspectWords lists the readings of each word with their probabilities.
func inspectWords(out *strings.Builder, m *tokenizer.MorphoPiece, line string) {
	segmenter, ok := m.Model().Segmenter().(*morphology.Segmenter)
	if !ok {
		return
	}
	for _, word := range m.Model().Words([]byte(line)) {
		fmt.Fprintf(out, "\n%s\n", word)
		for _, reading := range segmenter.Analyses([]byte(word), maxReadings) {
			var morphemes []string
			for _, x := range reading.Morphemes {
				morphemes = append(morphemes, fmt.Sprintf("%s[%s]", word[x.Start:x.End], tagText(x)))
			}
			fmt.Fprintf(out, "  %7.4f  %s\n", math.Exp(reading.LogProb), strings.Join(morphemes, " + "))
		}
	}
}
