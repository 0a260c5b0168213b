package model

import (
	"slices"

	"agiformer/internal/memory"
	"agiformer/internal/model/nn"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// Decoder reads one stream token by token, with a cache for everything that
// depends on earlier tokens: keys and values of the blocks (with linear
// attention states), of each expert and of the introspection, and what the
// memory gives to the segment. After max_seq_len tokens
// the segment rolls into the memory and the caches start anew, so a stream of
// any length takes constant memory.
type Decoder struct {
	m       *Model
	labeler tokenizer.Labeler
	state   *State
	caches  []*blockCache
	thought *nn.Cache       // of the introspection, where the model has it
	context *memory.Context // of the current segment; nil before its first token
	// inputs and states, [1, T, d] before and after the blocks, are for the memory.
	inputs, states *torch.Tensor
	filled         int64   // tokens of the current segment
	recent         []int32 // its last ones, as many as the embedding reads back to
	word           int64   // index of its current word
}

// NewDecoder starts a fresh stream whose token features come from labeler.
func (m *Model) NewDecoder(labeler tokenizer.Labeler) *Decoder {
	d := &Decoder{m: m, labeler: labeler, state: m.NewState(1)}
	for i := range m.blocks {
		d.caches = append(d.caches, newBlockCache(m.cfg, int64(i)))
	}
	if m.loop != nil {
		d.thought = nn.NewCache(m.cfg.SegmentLen())
	}
	return d
}

// Feed reads ids, at least one, and returns the logits [n, V] after each of
// them. From the start of a segment as many tokens as it holds are computed
// in parallel, others one by one: both give what Forward gives.
func (d *Decoder) Feed(ids []int32) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	var parts []*torch.Tensor
	torch.NoGrad(func() {
		for len(ids) > 0 {
			if d.filled == d.m.cfg.SegmentLen() {
				d.roll()
			}
			n := int64(1)
			if d.filled == 0 {
				n = min(int64(len(ids)), d.m.cfg.SegmentLen())
			}
			parts = append(parts, d.feed(ids[:n]))
			ids = ids[n:]
		}
	})
	logits := parts[0]
	if len(parts) > 1 {
		logits = torch.Cat(parts, 0)
	}
	scope.Exit(logits)
	return logits
}

// feed reads n tokens of one segment: from its start, or a single one.
func (d *Decoder) feed(ids []int32) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	n := int64(len(ids))
	in := d.input(ids)
	if d.filled == 0 && d.m.memory != nil {
		d.context = d.m.memory.Begin(d.state, in.Lengths).Keep()
	}
	p := d.m.newPass(in, d.filled, false)
	p.single = d.filled > 0
	inputs, x := d.m.enter(d.withRecent(ids), d.context, p)
	for i, b := range d.m.blocks {
		x, _ = b.forward(x, p, d.caches[i])
	}
	switch {
	case d.m.loop == nil:
	case p.single:
		x = d.m.loop.Step(x, p.inSegment(), d.thought)
	default:
		x = d.m.loop.Forward(x, p.inSegment(), d.thought, true).States
	}
	if d.m.memory != nil {
		if d.states == nil {
			d.inputs = torch.Empty(x.DType(), x.Device(), 1, d.m.cfg.SegmentLen(), d.m.cfg.DModel).Keep()
			d.states = torch.EmptyLike(d.inputs).Keep()
		}
		d.inputs.Narrow(1, d.filled, n).Copy_(inputs)
		d.states.Narrow(1, d.filled, n).Copy_(x)
	}
	d.filled += n
	logits := d.m.leave(x, false).View(n, -1)
	scope.Exit(logits)
	return logits
}

// withRecent returns the tokens [1, m+n] that the embeddings of ids are made of:
// as many of the segment as it reads back to, and ids.
func (d *Decoder) withRecent(ids []int32) *torch.Tensor {
	d.recent = append(d.recent, ids...)
	values := make([]int64, len(d.recent))
	for i, id := range d.recent {
		values[i] = int64(id)
	}
	past := max(0, len(d.recent)-int(d.m.embedding.reach()))
	d.recent = slices.Delete(d.recent, 0, past)
	return torch.FromSlice(values, 1, int64(len(values))).ToDevice(d.m.device)
}

// input labels the ids and puts them on the device, [1, n] each.
func (d *Decoder) input(ids []int32) Input {
	n := len(ids)
	values := make([]int64, 5*n) // ids, types, places, vowels, words
	for i, id := range ids {
		label := d.labeler.Next(id)
		if label.WordStart {
			d.word++
		}
		values[i], values[n+i], values[2*n+i] = int64(id), int64(label.Type), int64(label.Place)
		values[3*n+i], values[4*n+i] = int64(label.Vowel), d.word
	}
	rows := torch.FromSlice(values, 5, 1, int64(n)).ToDevice(d.m.device).Unbind(0)
	return Input{IDs: rows[0], Types: rows[1], Places: rows[2], Vowels: rows[3], Words: rows[4],
		Lengths: []int64{int64(n)}}
}

// roll ends the full segment: its inputs and states go to the memory, its caches empty.
func (d *Decoder) roll() {
	if d.m.memory != nil {
		d.m.memory.End(d.state, d.inputs, d.states, []int64{d.filled}, nil)
		d.context.Free()
		d.context = nil
	}
	for _, c := range d.caches {
		c.reset()
	}
	if d.thought != nil {
		d.thought.Reset()
	}
	d.filled, d.word, d.recent = 0, 0, d.recent[:0]
}

// Free frees the caches and the stream's state.
func (d *Decoder) Free() {
	for _, c := range d.caches {
		c.free()
	}
	if d.thought != nil {
		d.thought.Free()
	}
	if d.context != nil {
		d.context.Free()
	}
	if d.states != nil {
		d.inputs.Free()
		d.states.Free()
	}
	d.state.Free()
	*d = Decoder{}
}
