package data

import (
	"encoding/json"
	"fmt"
)

// cursorVersion changes with the meaning of a cursor's fields.
const cursorVersion = 1

// cursor is the state of a dealer between two steps. Its size depends on the
// number of lanes only, and restoring it reads one record a lane.
type cursor struct {
	Version int          `json:"version"`
	Dataset string       `json:"dataset"`
	Seed    int64        `json:"seed"`
	Epoch   int64        `json:"epoch"`
	Next    int64        `json:"next"`
	Queue   []int64      `json:"queue,omitempty"`
	Lanes   []laneCursor `json:"lanes"`
}

type laneCursor struct {
	Document int64  `json:"document"` // -1: none is open
	At       int64  `json:"at"`
	Reset    bool   `json:"reset"`
	Labeler  []byte `json:"labeler"`
}

func (d *dealer) cursor() ([]byte, error) {
	c := cursor{Version: cursorVersion, Dataset: d.hash, Seed: d.opts.Seed, Epoch: d.epoch, Next: d.next, Queue: d.queue}
	for _, l := range d.lanes {
		c.Lanes = append(c.Lanes, laneCursor{l.index, l.at, l.reset, l.labeler.State()})
	}
	return json.Marshal(c)
}

// restore goes on from a cursor. One of another number of lanes makes the open
// documents start again, dealt before all others; restarted counts them.
func (d *dealer) restore(text []byte) (restarted int, err error) {
	var c cursor
	if err := json.Unmarshal(text, &c); err != nil {
		return 0, fmt.Errorf("the data cursor of the checkpoint cannot be read: %w", err)
	}
	switch n := d.ds.Documents(); {
	case c.Version != cursorVersion:
		return 0, fmt.Errorf("the data cursor of the checkpoint has version %d, this program knows version %d: use the program that wrote it", c.Version, cursorVersion)
	case c.Dataset != d.hash:
		return 0, fmt.Errorf("the training data is not what the checkpoint was trained on: resume with the same data.train, tokenizer and data settings, or start a new run")
	case c.Seed != d.opts.Seed:
		return 0, fmt.Errorf("seed is %d, expected %d as in the checkpoint: the order of the documents depends on it", d.opts.Seed, c.Seed)
	case c.Next < 0 || c.Next > n || c.Epoch < 0 || len(c.Lanes) == 0:
		return 0, fmt.Errorf("the data cursor of the checkpoint is damaged: its place %d is outside the %d documents", c.Next, n)
	}
	d.epoch, d.next, d.queue = c.Epoch, c.Next, c.Queue
	d.order = newPermutation(d.ds.Documents(), d.opts.Seed, d.epoch)
	if len(c.Lanes) != len(d.lanes) {
		var open []int64
		for _, l := range c.Lanes {
			if l.Document >= 0 {
				open = append(open, l.Document)
			}
		}
		d.queue = append(open, d.queue...)
		return len(open), nil
	}
	for i, l := range c.Lanes {
		if err := d.restoreLane(d.lanes[i], l); err != nil {
			return 0, fmt.Errorf("the data cursor of the checkpoint is damaged: lane %d: %w", i, err)
		}
	}
	return 0, nil
}

func (d *dealer) restoreLane(l *lane, c laneCursor) (err error) {
	l.index, l.at, l.reset = c.Document, c.At, c.Reset
	if l.index >= 0 {
		if l.doc, err = d.ds.locate(l.index); err != nil {
			return err
		}
		if l.at < 0 || l.at > l.doc.tokens {
			return fmt.Errorf("place %d is outside the %d tokens of document %d", l.at, l.doc.tokens, l.index)
		}
	}
	return l.labeler.SetState(c.Labeler)
}
