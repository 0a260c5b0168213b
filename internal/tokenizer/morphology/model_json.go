package morphology

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The format of a stored segmenter.
const (
	formatName    = "agiformer-morphology"
	formatVersion = 1
	// evidenceSteps is the grid of expected counts: they are stored as whole
	// sixteenths.
	evidenceSteps = 16
	maxStored     = 1 << 40
)

type storedModel struct {
	Format  string   `json:"format"`
	Version int      `json:"version"`
	Grammar string   `json:"grammar"`
	Lexemes []string `json:"lexemes"`
	Weights string   `json:"weights"`
	Shape   []string `json:"shape"`
}

// grammarHash names what the weights are indexed by: the suffixes, tags and
// groups of features.
var grammarHash = func() string {
	h := sha256.New()
	fmt.Fprint(h, alphabet, featureLen, gradeCount, rawGrades, goldGrades)
	for i, a := range allomorphs {
		fmt.Fprint(h, i, a.tag, a.to, a.hosts, a.harmony, a.before, a.after, a.last, spell(a.form))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}()

// MarshalJSON returns the whole segmenter. Numbers are stored as whole
// multiples of the grids that they lie on, so they are restored exactly.
func (s *Segmenter) MarshalJSON() ([]byte, error) {
	m := s.model
	stored := storedModel{Format: formatName, Version: formatVersion, Grammar: grammarHash, Weights: packNumbers(m.weights)}
	for i := range m.lexicon.lexemes {
		stored.Lexemes = append(stored.Lexemes, formatLexeme(&m.lexicon.lexemes[i]))
	}
	for _, logs := range m.shape.logs {
		stored.Shape = append(stored.Shape, packNumbers(logs))
	}
	return json.Marshal(stored)
}

// UnmarshalJSON restores what MarshalJSON returned. It checks everything; an
// error is one sentence.
func (s *Segmenter) UnmarshalJSON(data []byte) error {
	var stored storedModel
	if err := json.Unmarshal(data, &stored); err != nil {
		return fmt.Errorf("morphology: the segmenter is no valid JSON: %w", err)
	}
	switch {
	case stored.Format != formatName:
		return fmt.Errorf("morphology: format is %q: expected %q", stored.Format, formatName)
	case stored.Version != formatVersion:
		return fmt.Errorf("morphology: version is %d, but this program reads version %d: train the segmenter again", stored.Version, formatVersion)
	case stored.Grammar != grammarHash:
		return fmt.Errorf("morphology: the segmenter was trained with another grammar (%q, this program has %q): train it again", stored.Grammar, grammarHash)
	case len(stored.Shape) != len(shapeModel{}.logs):
		return fmt.Errorf("morphology: shape has %d letter models: expected %d", len(stored.Shape), len(shapeModel{}.logs))
	}
	lexemes, err := parseLexemes(stored.Lexemes)
	if err != nil {
		return fmt.Errorf("morphology: %w", err)
	}
	m := &model{lexicon: newLexicon(lexemes), shape: &shapeModel{}}
	if m.weights, err = unpackNumbers(stored.Weights, featureLen); err != nil {
		return fmt.Errorf("morphology: weights: %w", err)
	}
	for i := range stored.Shape {
		if m.shape.logs[i], err = unpackNumbers(stored.Shape[i], shapeSymbols*shapeSymbols*shapeSymbols); err != nil {
			return fmt.Errorf("morphology: shape %d: %w", i, err)
		}
	}
	*s = *newSegmenter(m)
	return nil
}

// packNumbers writes multiples of 1/resolution as variable-length integers.
func packNumbers(numbers []float64) string {
	var packed []byte
	for _, x := range numbers {
		packed = binary.AppendVarint(packed, int64(math.Round(x*resolution)))
	}
	return base64.StdEncoding.EncodeToString(packed)
}

func unpackNumbers(text string, count int) ([]float64, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("no valid base64: %w", err)
	}
	numbers := make([]float64, count)
	for i := range numbers {
		x, size := binary.Varint(packed)
		if size <= 0 || x > math.MaxInt32 || x < math.MinInt32 {
			return nil, fmt.Errorf("number %d of %d is missing or out of range", i+1, count)
		}
		numbers[i], packed = float64(x)/resolution, packed[size:]
	}
	if len(packed) > 0 {
		return nil, fmt.Errorf("%d bytes too many after %d numbers", len(packed), count)
	}
	return numbers, nil
}

const posLetters = "nvp"

// formatLexeme writes a lexeme as fields separated by spaces: stem, part of
// speech, whether it is listed, gold, cut, raw, front and the counts by kind.
func formatLexeme(x *lexeme) string {
	b := []byte(spell([]letter(x.letters)))
	b = append(b, ' ', posLetters[x.pos], ' ')
	b = strconv.AppendInt(b, int64(boolToInt(x.listed)), 10)
	for _, n := range x.counts() {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(math.Round(*n*evidenceSteps)), 10)
	}
	return string(b)
}

// counts returns the lexeme's counts in the order they are stored.
func (x *lexeme) counts() []*float64 {
	list := []*float64{&x.gold, &x.cut, &x.raw, &x.front}
	for k := range x.kinds {
		list = append(list, &x.kinds[k])
	}
	return list
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// parseLexemes reads lexemes and checks that they are sorted and distinct.
func parseLexemes(lines []string) ([]lexeme, error) {
	lexemes := make([]lexeme, len(lines))
	for i, line := range lines {
		if err := parseLexeme(line, &lexemes[i]); err != nil {
			return nil, fmt.Errorf("lexeme %d, %q: %w", i+1, line, err)
		}
		if i > 0 && !lexemes[i-1].before(&lexemes[i]) {
			return nil, fmt.Errorf("lexeme %d, %q, is not in order after %q", i+1, line, lines[i-1])
		}
	}
	return lexemes, nil
}

func parseLexeme(line string, x *lexeme) error {
	fields := strings.Split(line, " ")
	counts := x.counts()
	if len(fields) != 3+len(counts) {
		return fmt.Errorf("%d fields: expected %d", len(fields), 3+len(counts))
	}
	x.letters = string(bytesOf(fold(fields[0])))
	if x.letters == "" || len(x.letters) > maxLetters || hasOther(x.letters) || spell([]letter(x.letters)) != fields[0] {
		return errors.New("the stem is not 1 to 60 small Turkish letters")
	}
	pos := strings.Index(posLetters, fields[1])
	if len(fields[1]) != 1 || pos < 0 {
		return fmt.Errorf("the part of speech is %q: expected n, v or p", fields[1])
	}
	if fields[2] != "0" && fields[2] != "1" {
		return fmt.Errorf("the third field is %q: expected 0 or 1", fields[2])
	}
	x.pos, x.listed = POS(pos), fields[2] == "1"
	for i, n := range counts {
		count, err := strconv.ParseInt(fields[3+i], 10, 64)
		if err != nil || count < 0 || count > maxStored {
			return fmt.Errorf("the count %q is no whole number from 0 to %d", fields[3+i], int64(maxStored))
		}
		*n = float64(count) / evidenceSteps
	}
	return nil
}
