package data

import "agiformer/internal/tokenizer"

// Batch is one micro-batch. Slices of ids and features are row-major [B, T];
// the padding after a lane's last valid token is 0 everywhere.
type Batch struct {
	B, T int
	// IDs are the inputs. Targets are the ids that follow them, 0 where there
	// is nothing to predict: at padding and after the end of a document.
	IDs, Targets []int64
	// Types, Places and Vowels are the features of the inputs, Words the
	// index of each input's word in the segment (docs/model.md).
	Types, Places, Vowels, Words []int64
	// Lengths [B] counts the valid inputs of each lane; in training that is T.
	Lengths []int64
	// Documents [B] are the lengths of the documents of each lane, which sum to
	// Lengths, where packing is isolated; else nil. The first of a lane goes on
	// from the segment before unless Reset says otherwise, each other starts with
	// it, and the last one may go on in the next.
	Documents [][]int64
	// Reset [B] says that the stream state of a lane starts anew with this
	// segment.
	Reset []bool
	// Docs and Starts [B] are set in evaluation: the document that a lane
	// holds and the place of its first input in it; -1 where it is idle.
	Docs, Starts []int64
	// Offsets [B, T] are set in evaluation: the bytes of each target's document
	// before it.
	Offsets []int64
	// TargetCount counts the targets that are not 0, ByteCount the bytes of
	// text they stand for (an end of document stands for none).
	TargetCount, ByteCount int64
}

// Step is the data of one optimizer step.
type Step struct {
	// Micro are the micro-batches, lanes in order.
	Micro []*Batch
	// Targets and Bytes are the sums of TargetCount and ByteCount.
	Targets, Bytes int64
	// Cursor is JSON that lets NewLoader go on after this step.
	Cursor []byte
	// Epoch is the epoch, from 0, of the document that was dealt last.
	Epoch int64
}

func newBatch(b, t int) *Batch {
	ids := make([]int64, 6*b*t)
	part := func(i int) []int64 { return ids[i*b*t : (i+1)*b*t : (i+1)*b*t] }
	return &Batch{
		B: b, T: t,
		IDs: part(0), Targets: part(1), Types: part(2), Places: part(3), Vowels: part(4), Words: part(5),
		Lengths: make([]int64, b), Reset: make([]bool, b),
	}
}

// segment fills one lane of a batch, input by input.
type segment struct {
	batch *Batch
	tok   tokenizer.Tokenizer
	lane  int
	word  int64
}

// add appends an input and the id that follows it (0: nothing to predict).
func (s *segment) add(labeler tokenizer.Labeler, id, target int32) {
	b := s.batch
	i := int64(s.lane*b.T) + b.Lengths[s.lane]
	b.Lengths[s.lane]++
	label := labeler.Next(id)
	if label.WordStart {
		s.word++
	}
	b.IDs[i], b.Targets[i] = int64(id), int64(target)
	b.Types[i], b.Places[i], b.Vowels[i], b.Words[i] = int64(label.Type), int64(label.Place), int64(label.Vowel), s.word
	if target != 0 {
		b.TargetCount++
		b.ByteCount += int64(s.tok.TokenBytes(target))
	}
}

// inputs returns how many the lane has.
func (s *segment) inputs() int64 { return s.batch.Lengths[s.lane] }

// room returns how many inputs the lane can still take.
func (s *segment) room() int64 { return int64(s.batch.T) - s.batch.Lengths[s.lane] }
