package data

import "agiformer/internal/tokenizer"

// dealer makes steps one after the other; it is the loader's deterministic
// part.
type dealer struct {
	ds    *Dataset
	opts  LoaderOptions
	hash  string // of the dataset
	order permutation
	epoch int64
	next  int64   // place in the order of the next document to deal
	queue []int64 // documents to deal before those of the order
	lanes []*lane
	ids   []int32
	bytes []byte
}

// lane is one stream.
type lane struct {
	index   int64 // of the open document in the dataset, -1 if none is
	doc     document
	at      int64 // tokens of it that were inputs
	reset   bool  // stream state starts anew with the next segment
	labeler tokenizer.Labeler
}

func newDealer(ds *Dataset, opts LoaderOptions) (d *dealer, restarted int, err error) {
	d = &dealer{
		ds: ds, opts: opts, hash: ds.Hash(),
		order: newPermutation(ds.Documents(), opts.Seed, 0),
		ids:   make([]int32, opts.SeqLen+1),
	}
	for range opts.Lanes {
		d.lanes = append(d.lanes, &lane{index: -1, reset: true, labeler: ds.tok.NewLabeler()})
	}
	if opts.Cursor != nil {
		restarted, err = d.restore(opts.Cursor)
	}
	return d, restarted, err
}

// step deals one segment to every lane.
func (d *dealer) step() (*Step, error) {
	s := &Step{}
	for first := 0; first < len(d.lanes); first += d.opts.BatchSize {
		b := newBatch(d.opts.BatchSize, d.opts.SeqLen)
		if d.opts.Isolate {
			b.Documents = make([][]int64, d.opts.BatchSize)
		}
		for i, l := range d.lanes[first : first+d.opts.BatchSize] {
			b.Reset[i] = l.reset
			l.reset = false
			if err := d.fill(l, &segment{batch: b, tok: d.ds.tok, lane: i}); err != nil {
				return nil, err
			}
		}
		s.Micro = append(s.Micro, b)
		s.Targets += b.TargetCount
		s.Bytes += b.ByteCount
	}
	s.Epoch = d.epoch
	var err error
	s.Cursor, err = d.cursor()
	return s, err
}

// fill deals a lane its segment.
func (d *dealer) fill(l *lane, s *segment) error {
	for s.room() > 0 {
		if l.index < 0 {
			if err := d.take(l); err != nil {
				return err
			}
			if d.opts.Isolate { // a stream of its own from here, not from the next segment
				s.word, l.reset = 0, false
				s.batch.Reset[s.lane] = s.batch.Reset[s.lane] || s.inputs() == 0
			}
		}
		before := s.inputs()
		if err := d.deal(l, s); err != nil {
			return err
		}
		if dealt := s.inputs() - before; d.opts.Isolate && dealt > 0 {
			s.batch.Documents[s.lane] = append(s.batch.Documents[s.lane], dealt)
		}
	}
	return nil
}

// take gives a free lane the next document.
func (d *dealer) take(l *lane) (err error) {
	if len(d.queue) > 0 {
		l.index, d.queue = d.queue[0], d.queue[1:]
	} else {
		if d.next == d.ds.Documents() {
			d.epoch++
			d.next = 0
			d.order = newPermutation(d.ds.Documents(), d.opts.Seed, d.epoch)
		}
		l.index = d.order.at(d.next)
		d.next++
	}
	l.at = 0
	l.doc, err = d.ds.locate(l.index)
	return err
}

// deal moves what the segment has room for from the open document, and closes
// it where that is all of it.
func (d *dealer) deal(l *lane, s *segment) (err error) {
	inputs := min(s.room(), l.doc.tokens-l.at)
	known := min(inputs+1, l.doc.tokens-l.at) // the target of the last one too
	ids := d.ids[:known]
	if d.bytes, err = l.doc.shard.readTokens(ids, l.doc.offset+l.at, d.bytes); err != nil {
		return err
	}
	end := d.ds.tok.EndOfDocument()
	for i := range inputs {
		target := end
		if i+1 < known {
			target = ids[i+1]
		}
		s.add(l.labeler, ids[i], target)
	}
	l.at += inputs
	switch {
	case l.at < l.doc.tokens:
		return nil
	case d.opts.Isolate: // nothing follows that could attend to the end
		l.labeler.Reset()
	case s.room() > 0:
		s.add(l.labeler, end, 0)
	default: // the end opens the next segment
		return nil
	}
	l.index, l.reset = -1, true
	return nil
}
