package tokenizer_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"agiformer/internal/tokenizer"
)

// labels runs a fresh labeler over ids.
func labels(ids []int32) []tokenizer.Label {
	l := tokenizer.NewByte().NewLabeler()
	list := make([]tokenizer.Label, len(ids))
	for i, id := range ids {
		list[i] = l.Next(id)
	}
	return list
}

func TestByteLabels(t *testing.T) {
	t.Parallel()
	type want struct {
		kind, place, vowel uint8
		start              bool
	}
	cases := map[string][]want{
		"kuş": {{2, 0, 0, true}, {3, 1, 2, false}, {3, 2, 2, false}, {3, 3, 2, false}},
		"gün": {{2, 0, 0, true}, {3, 1, 0, false}, {3, 2, 4, false}, {3, 3, 4, false}},
		"ış":  {{2, 0, 0, true}, {3, 1, 1, false}, {3, 2, 1, false}, {3, 3, 1, false}},
		"Iİ":  {{2, 0, 1, true}, {3, 1, 1, false}, {3, 2, 3, false}},
		"îâû": {{2, 0, 0, true}, {3, 1, 3, false}, {3, 2, 3, false}, {3, 3, 1, false}, {3, 4, 1, false}, {3, 5, 2, false}},
		"a b": {{2, 0, 1, true}, {5, 0, 0, false}, {2, 0, 0, true}},
		"12,3\n": {
			{4, 0, 0, true}, {4, 0, 0, false}, {7, 0, 0, false}, {4, 0, 0, true}, {6, 0, 0, false},
		},
		"a1e": {{2, 0, 1, true}, {4, 0, 0, true}, {2, 0, 3, true}},
		"“e":  {{7, 0, 0, false}, {7, 0, 0, false}, {7, 0, 0, false}, {2, 0, 3, true}},
		// An end of document, padding, then a continuation byte without a first.
		"a\x03\x00e\x80": {{2, 0, 1, true}, {1, 0, 0, false}, {0, 0, 0, false}, {2, 0, 3, true}, {7, 0, 0, false}},
	}
	for text, wants := range cases {
		ids := make([]int32, len(text))
		for i := range len(text) {
			ids[i] = int32(text[i])
		}
		for i, got := range labels(ids) {
			w := tokenizer.Label{Type: wants[i].kind, Place: wants[i].place, Vowel: wants[i].vowel, WordStart: wants[i].start}
			if got != w {
				t.Errorf("%q, byte %d (%#x): label %+v, want %+v", text, i, text[i], got, w)
			}
		}
	}
}

func TestPlaceIsBounded(t *testing.T) {
	t.Parallel()
	ids := make([]int32, 40)
	for i := range ids {
		ids[i] = 'b'
	}
	if got := labels(ids)[39].Place; got != tokenizer.PlaceCount-1 {
		t.Errorf("place of byte 40 of a word is %d, want %d", got, tokenizer.PlaceCount-1)
	}
}

// randomIDs draws ids that meet every branch of the labeler often.
func randomIDs(r *rand.Rand, n int) []int32 {
	common := []int32{'a', 'e', 'k', '7', ' ', '\n', '.', 0xC3, 0xBC, 0xC4, 0xB1, 0xE2, 0x80, 0xF0, 3}
	ids := make([]int32, n)
	for i := range ids {
		if ids[i] = common[r.IntN(len(common))]; r.IntN(4) == 0 {
			ids[i] = int32(r.IntN(256))
		}
	}
	return ids
}

// A label depends on the ids up to it only, whatever comes later.
func TestLabelsAreCausal(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		ids := randomIDs(r, 64)
		all := labels(ids)
		cut := r.IntN(len(ids))
		other := append(slices.Clone(ids[:cut]), randomIDs(r, 64-cut)...)
		if got := labels(other)[:cut]; !slices.Equal(got, all[:cut]) {
			t.Fatalf("labels of the first %d ids of %v depend on later ones", cut, ids)
		}
	}
}

// A state carries the stream on, and an end of document forgets everything.
func TestLabelerState(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		ids := randomIDs(r, 64)
		all := labels(ids)
		cut := r.IntN(len(ids))
		first, second := tokenizer.NewByte().NewLabeler(), tokenizer.NewByte().NewLabeler()
		for _, id := range ids[:cut] {
			first.Next(id)
		}
		state := first.State()
		if len(state) > tokenizer.MaxLabelerState {
			t.Fatalf("the state takes %d bytes, at most %d are allowed", len(state), tokenizer.MaxLabelerState)
		}
		if err := second.SetState(state); err != nil {
			t.Fatal(err)
		}
		for i, id := range ids[cut:] {
			if got := second.Next(id); got != all[cut+i] {
				t.Fatalf("after a restored state the label of id %d is %+v, want %+v", cut+i, got, all[cut+i])
			}
		}
		second.Next(tokenizer.NewByte().EndOfDocument())
		if got, fresh := second.State(), tokenizer.NewByte().NewLabeler().State(); !slices.Equal(got, fresh) {
			t.Fatalf("after an end of document the state is %v, want %v", got, fresh)
		}
	}
}

func TestLabelRanges(t *testing.T) {
	t.Parallel()
	for _, l := range labels(randomIDs(rand.New(rand.NewPCG(5, 6)), 10000)) {
		if l.Type >= tokenizer.TypeCount || l.Place >= tokenizer.PlaceCount || l.Vowel >= tokenizer.VowelCount {
			t.Fatalf("label %+v is outside the feature tables", l)
		}
	}
}

func TestSetStateRefusesOthers(t *testing.T) {
	t.Parallel()
	l := tokenizer.NewByte().NewLabeler()
	for _, state := range [][]byte{nil, {1}, {2, 0, 0, 0, 0, 0}, {0, 0, 16, 0, 0, 0}, {0, 0, 0, 8, 0, 0}, {0, 0, 0, 0, 0, 9}} {
		if err := l.SetState(state); err == nil {
			t.Errorf("state %v was taken", state)
		}
	}
}
