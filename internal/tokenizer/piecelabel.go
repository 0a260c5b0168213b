package tokenizer

import (
	"fmt"

	"agiformer/internal/tokenizer/morphopiece"
)

// Types that MorphoPiece gives, beside the byte tokenizer's.
const (
	TypeByte         = morphopiece.TypeByte         // byte of a character that is no piece
	TypeMorphemeRoot = morphopiece.TypeMorpheme + 1 // a root; the other 22 types of morphemes follow
)

// pieceLabeler labels the ids of a MorphoPiece: the model's automaton says what
// a piece is in its word, and the place and the vowels are counted along.
type pieceLabeler struct {
	table     []feature
	automaton morphopiece.Automaton
	place     uint8 // of the word's next piece, at most PlaceCount-1
	vowel     uint8 // class of the word's last vowel
}

// pieceLabelerState is the size of the state in bytes.
const pieceLabelerState = 5

func (l *pieceLabeler) Reset() { *l = pieceLabeler{table: l.table} }

func (l *pieceLabeler) State() []byte {
	a := l.automaton.State()
	return []byte{a[0], a[1], l.place, l.vowel, a[2]}
}

func (l *pieceLabeler) SetState(state []byte) error {
	restored := pieceLabeler{table: l.table}
	if len(state) != pieceLabelerState || state[2] >= PlaceCount || state[3] >= VowelCount ||
		!restored.automaton.SetState([3]byte{state[0], state[1], state[4]}) {
		return fmt.Errorf("the token-feature state %v is not one of MorphoPiece: the file is altered or from another version", state)
	}
	restored.place, restored.vowel = state[2], state[3]
	*l = restored
	return nil
}

func (l *pieceLabeler) Next(id int32) Label {
	if id < 0 || int(id) >= len(l.table) {
		return Label{}
	}
	f := &l.table[id]
	step := l.automaton.Next(&f.Unit)
	if step.Start || !l.automaton.InWord() {
		l.place, l.vowel = 0, vowelNone
	}
	label := Label{Type: step.Type, WordStart: step.Start}
	if !step.Word {
		return label
	}
	if label.Type > TypeMorphemeRoot {
		label.Suffix = uint16(f.Reading.Suffix)
		label.Harmony = harmony(l.vowel, f)
	}
	if f.last != vowelNone {
		l.vowel = f.last
	}
	label.Place, label.Vowel = l.place, l.vowel
	l.place = min(l.place+1, PlaceCount-1)
	return label
}

// harmony compares a suffix's first vowel with the last one before it: front
// or back must be the same, and a high vowel is rounded after a rounded one.
func harmony(before uint8, f *feature) uint8 {
	if before == vowelNone || f.first == vowelNone {
		return HarmonyNone
	}
	front := func(class uint8) bool { return class >= vowelFrontUnrounded }
	rounded := func(class uint8) bool { return class == vowelBackRounded || class == vowelFrontRounded }
	if front(before) == front(f.first) && (!f.high || rounded(before) == rounded(f.first)) {
		return HarmonyAgrees
	}
	return HarmonyBroken
}
