package morphopiece

import "agiformer/internal/tokenizer/pretoken"

// Automaton follows the words in a stream of ids and says of each what type it
// has there: a function of the ids so far. The readings of pieces are learnt
// in its states, and labels are given in them. The zero value stands at the
// start of a document.
type Automaton struct {
	in       place
	mark     uint8 // bytes of an apostrophe that have come after the word or number, all of markWhole or 0 for none
	previous uint8 // type of the word's last piece, 0 where none is known
}

// place is where an Automaton is.
type place uint8

const (
	outside place = iota
	inWord
	inNumber
)

// markWhole stands for a whole apostrophe, however it is spelt.
const markWhole = uint8(len(curled))

// Step is what an Automaton says of an id.
type Step struct {
	Type  uint8
	Start bool // a word or a number begins with it
	Word  bool // it is a part of a word
	// Before is the type that chose among its readings: that of the piece before
	// it in its word, 0 at a word's start and after a number.
	Before uint8
}

// InWord says whether the last id belongs to a word or to the apostrophe after
// one: what comes next may go on with it.
func (a *Automaton) InWord() bool { return a.in == inWord }

// Next takes the next id of the stream.
func (a *Automaton) Next(u *Unit) Step {
	switch u.group {
	case groupEnd:
		return a.leave(TypeEndOfDocument)
	case groupWord:
		return a.word(u)
	case groupByte:
		return a.highByte(u.value)
	case groupDigit:
		start := u.lead || a.in != inNumber || a.mark != 0
		*a = Automaton{in: inNumber}
		return Step{Type: TypeDigit, Start: start}
	case groupApostrophe:
		if a.in == outside || a.mark != 0 {
			return a.leave(TypeOther)
		}
		a.mark = markWhole // a suffix may follow, or it closes a quotation
		return Step{Type: TypeOther}
	case groupSpace:
		return a.leave(TypeSpace)
	case groupLineEnd:
		return a.leave(TypeLineEnd)
	case groupOther:
		return a.leave(TypeOther)
	}
	return Step{} // padding is no part of the stream
}

// leave ends a word with what belongs to none.
func (a *Automaton) leave(kind uint8) Step {
	*a = Automaton{}
	return Step{Type: kind}
}

// goesOn says whether letters that come now belong to the word before them:
// they follow its letters, or the apostrophe after them or after a number.
func (a *Automaton) goesOn() bool {
	return a.in == inWord && a.mark == 0 || a.in != outside && a.mark == markWhole
}

// enter goes into a word, a new one or the one that goes on.
func (a *Automaton) enter(start bool) {
	if start {
		a.previous = 0
	}
	a.in, a.mark = inWord, 0
}

// word takes a piece of letters.
func (a *Automaton) word(u *Unit) Step {
	start := !a.goesOn()
	if u.tail { // it has an apostrophe of its own
		start = a.in == outside || a.mark != 0
	}
	start = start || u.lead
	a.enter(start)
	step := Step{Type: u.Reading.Later, Start: start, Word: true, Before: a.previous}
	if start || a.previous != 0 {
		step.Type = u.Reading.Type(a.previous)
	}
	a.previous = step.Type
	return step
}

// highByte takes a byte of a character that is no piece: whether it is a letter
// is decided by the first byte, as the byte tokenizer does.
func (a *Automaton) highByte(b byte) Step {
	further := b&0xC0 == 0x80 // it goes on with a character
	switch {
	case a.in != outside && a.mark < markWhole && b == curled[a.mark]:
		a.mark++
		return Step{Type: TypeByte}
	case further && (a.in != inWord || a.mark != 0), !further && !pretoken.LetterLead(b):
		return a.leave(TypeByte)
	}
	step := Step{Type: TypeByte, Start: !a.goesOn(), Word: true}
	a.enter(step.Start)
	step.Before, a.previous = a.previous, TypeByte
	return step
}

// State returns what SetState restores.
func (a *Automaton) State() (state [3]byte) {
	if a.in != outside {
		state[a.in-inWord] = 1 + a.mark
	}
	state[2] = a.previous
	return state
}

// SetState restores a state and says whether it is one.
func (a *Automaton) SetState(state [3]byte) bool {
	word, number := state[0], state[1]
	if max(word, number) > 1+markWhole || min(word, number) > 0 || state[2] >= TypeCount {
		return false
	}
	*a = Automaton{previous: state[2]}
	switch {
	case word > 0:
		a.in, a.mark = inWord, word-1
	case number > 0:
		a.in, a.mark = inNumber, number-1
	}
	return true
}
