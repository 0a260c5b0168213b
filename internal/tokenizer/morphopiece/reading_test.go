package morphopiece_test

import (
	"slices"
	"strings"
	"testing"

	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphology"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

// words are word forms, capitals, apostrophes of both kinds, characters that
// are no pieces, foreign words.
func words() []string {
	list := strings.Fields("TBMM'ye TBMM’ye Ankara'dan Ankara’dan denizß ßdeniz evßler EVLERDE xqx’lar дом’lar e\u0302vden kâğıt’ımız çok")
	tokenizertest.Forms(func(segments, _ []string) {
		list = append(list, strings.Join(segments, ""), segments[0]+"'"+strings.Join(segments[1:], ""), segments[0]+"’"+strings.Join(segments[1:], ""))
	})
	return slices.DeleteFunc(list, func(word string) bool { return strings.HasSuffix(word, "'") || strings.HasSuffix(word, "’") })
}

// What training counts a piece after is what the labeler remembers there.
func TestReadingsAreLearntInTheLabelersStates(t *testing.T) {
	t.Parallel()
	m := plain(t)
	labeler := tokenizer.NewMorphoPiece(m).NewLabeler()
	for _, word := range words() {
		for _, text := range []string{word, " " + word} {
			observed := m.Observe(text)
			ids := make([]int32, len(observed))
			labeler.Reset()
			for i, o := range observed {
				ids[i] = o.ID
				before := labeler.State()[4]
				label := labeler.Next(o.ID)
				if label.WordStart {
					before = 0
				}
				if o.Kind != 0 && o.Before != before {
					t.Errorf("%q, id %d: training counts it after type %d, the labeler is in %d", text, i, o.Before, before)
				}
			}
			if want := m.AppendEncode(nil, []byte(text)); !slices.Equal(ids, want) {
				t.Errorf("training spells %q %v, encoding %v", text, ids, want)
			}
		}
	}
}

func TestSuffixAfterApostropheIsCounted(t *testing.T) {
	t.Parallel()
	m := plain(t)
	const root, ablative = 8 + uint8(morphology.ClassRoot), 8 + uint8(morphology.ClassAblative)
	observed := m.Observe(" okul’dan") // the corpus has no ’: it is three bytes
	last := observed[len(observed)-1]
	if len(observed) != 5 || m.Text(last.ID) != "dan" || last.Before != root || last.Kind != ablative {
		t.Errorf("okul’dan is counted as %+v, want its last piece an ablative after a root", observed)
	}
	observed = m.Observe("evßler") // ß is two bytes of a letter
	if last := observed[len(observed)-1]; last.Kind != 0 && last.Before != morphopiece.TypeByte {
		t.Errorf("evßler is counted as %+v, want its last piece after a byte", observed)
	}
}

// Readings that are learnt in the states that they lead to are the same.
func TestReadingsLearnThemselves(t *testing.T) {
	t.Parallel()
	m := newModel(t, morphopiece.Plain)
	if m.LearnReadings(counted()) {
		t.Error("learning the readings once more changes them")
	}
}
