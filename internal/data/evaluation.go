package data

import (
	"sort"

	"agiformer/internal/tokenizer"
)

// EvaluationOptions says how an evaluation walks a dataset.
type EvaluationOptions struct {
	// BatchSize bounds the number of lanes; fewer documents take fewer.
	BatchSize int
	// SeqLen is the number of inputs of a segment, T.
	SeqLen int
	// MaxTokens bounds the predicted tokens: documents are then drawn in a
	// fixed shuffled order and the last is cut. 0 takes all.
	MaxTokens int64
	// SkipBytes is the number of bytes at the start of each document that are
	// read, but whose tokens are not predicted; a token counts by its first byte.
	SkipBytes int64
}

// Evaluation walks every document once, from its first token, in segments of
// SeqLen inputs without overlap. Every token but a document's first (and those
// of SkipBytes) is predicted once; no end of a document is appended or predicted. A document
// stays in its lane until it ends; then the lane takes the next, the longest
// first, so that few lanes idle at the end.
type Evaluation struct {
	ds    *Dataset
	opts  EvaluationOptions
	plan  []planned
	lanes []evaluationLane
	ids   []int32
	bytes []byte
	err   error
}

// planned is a document and how many of its tokens are predicted.
type planned struct{ index, predicted int64 }

type evaluationLane struct {
	planned
	doc     document
	at      int64 // inputs done
	bytes   int64 // of the document up to there
	labeler tokenizer.Labeler
}

// evaluationSeed orders the documents of a bounded evaluation: the same ones
// whatever the run's seed.
const evaluationSeed = 1

// NewEvaluation plans an evaluation of ds, which must stay open. A dataset
// without a predicted token has no batches.
func NewEvaluation(ds *Dataset, opts EvaluationOptions) *Evaluation {
	e := &Evaluation{ds: ds, opts: opts, ids: make([]int32, opts.SeqLen+1)}
	if opts.MaxTokens > 0 {
		e.err = e.draw()
	} else {
		e.err = ds.each(func(index int64, doc document) error {
			e.add(index, doc.tokens-1)
			return nil
		})
	}
	sort.SliceStable(e.plan, func(i, j int) bool { return e.plan[i].predicted > e.plan[j].predicted })
	for range min(opts.BatchSize, len(e.plan)) {
		e.lanes = append(e.lanes, evaluationLane{labeler: ds.tok.NewLabeler()})
	}
	return e
}

func (e *Evaluation) add(index, predicted int64) {
	if predicted > 0 {
		e.plan = append(e.plan, planned{index, predicted})
	}
}

// draw plans documents up to MaxTokens predicted tokens.
func (e *Evaluation) draw() error {
	order := newPermutation(max(1, e.ds.Documents()), evaluationSeed, 0)
	left := e.opts.MaxTokens
	for k := int64(0); k < e.ds.Documents() && left > 0; k++ {
		index := order.at(k)
		doc, err := e.ds.locate(index)
		if err != nil {
			return err
		}
		predicted := min(left, doc.tokens-1)
		e.add(index, predicted)
		left -= predicted
	}
	return nil
}

// Lanes returns the number of lanes, B of every batch.
func (e *Evaluation) Lanes() int { return len(e.lanes) }

// Tokens returns the number of predicted tokens of the whole evaluation not
// yet begun, with those of SkipBytes.
func (e *Evaluation) Tokens() int64 {
	n := int64(0)
	for _, p := range e.plan {
		n += p.predicted
	}
	return n
}

// Err returns why Next ended too early, nil where it did not.
func (e *Evaluation) Err() error { return e.err }

// Next returns the next batch, false at the end or on an error (Err). T is
// SeqLen, less where no lane holds so many inputs any more.
func (e *Evaluation) Next() (*Batch, bool) {
	t := int64(0)
	for i := range e.lanes {
		l := &e.lanes[i]
		if l.at == l.predicted && len(e.plan) > 0 {
			e.take(l)
		}
		t = max(t, min(int64(e.opts.SeqLen), l.predicted-l.at))
	}
	if t == 0 || e.err != nil {
		return nil, false
	}
	b := newBatch(len(e.lanes), int(t))
	b.Docs, b.Starts, b.Offsets = make([]int64, b.B), make([]int64, b.B), make([]int64, b.B*b.T)
	for i := range e.lanes {
		e.fill(&e.lanes[i], &segment{batch: b, tok: e.ds.tok, lane: i})
	}
	return b, e.err == nil
}

func (e *Evaluation) take(l *evaluationLane) {
	l.planned, e.plan = e.plan[0], e.plan[1:]
	l.at, l.bytes = 0, 0
	l.labeler.Reset()
	doc, err := e.ds.locate(l.index)
	if err != nil {
		e.err = err
	}
	l.doc = doc
}

// fill deals a lane its segment; an idle lane is all padding.
func (e *Evaluation) fill(l *evaluationLane, s *segment) {
	if l.at == l.predicted {
		s.batch.Docs[s.lane], s.batch.Starts[s.lane] = -1, -1
		return
	}
	s.batch.Docs[s.lane], s.batch.Starts[s.lane] = l.index, l.at
	s.batch.Reset[s.lane] = l.at == 0
	inputs := min(s.room(), l.predicted-l.at)
	var err error
	if e.bytes, err = l.doc.shard.readTokens(e.ids[:inputs+1], l.doc.offset+l.at, e.bytes); err != nil {
		e.err = err
		return
	}
	for i := range inputs {
		l.bytes += int64(s.tok.TokenBytes(e.ids[i]))
		s.batch.Offsets[int64(s.lane*s.batch.T)+i] = l.bytes
		target := e.ids[i+1]
		if l.bytes < e.opts.SkipBytes {
			target = 0
		}
		s.add(l.labeler, e.ids[i], target)
	}
	l.at += inputs
}
