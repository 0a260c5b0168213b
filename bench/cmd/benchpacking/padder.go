package main

import "agiformer/internal/data"

// padder gives each document of packed batches a row of its own.
type padder struct {
	next    func() (*data.Batch, error)
	rows    int // of a batch
	least   int // places of a row at least
	waiting []document
}

// document is a stretch of a packed batch's row.
type document struct {
	from       *data.Batch
	start, end int
}

// batch returns the next documents as a batch.
func (p *padder) batch() (*data.Batch, error) {
	for len(p.waiting) < p.rows {
		packed, err := p.next()
		if err != nil {
			return nil, err
		}
		for b, lane := range packed.Documents {
			start := b * packed.T
			for _, n := range lane {
				p.waiting = append(p.waiting, document{packed, start, start + int(n)})
				start += int(n)
			}
		}
	}
	rows := p.waiting[:p.rows]
	p.waiting = p.waiting[p.rows:]
	longest := p.least
	for _, d := range rows {
		longest = max(longest, d.end-d.start)
	}
	return padded(rows, longest), nil
}

// padded makes a batch of documents, each in a row of t places.
func padded(rows []document, t int) *data.Batch {
	b := &data.Batch{B: len(rows), T: t, Lengths: make([]int64, len(rows)), Reset: make([]bool, len(rows))}
	columns := func(b *data.Batch) []*[]int64 {
		return []*[]int64{&b.IDs, &b.Targets, &b.Types, &b.Places, &b.Vowels, &b.Words}
	}
	for c, column := range columns(b) {
		*column = make([]int64, len(rows)*t)
		for i, d := range rows {
			copy((*column)[i*t:], (*columns(d.from)[c])[d.start:d.end])
		}
	}
	for i, d := range rows {
		b.Lengths[i], b.Reset[i] = int64(d.end-d.start), true
		for _, target := range b.Targets[i*t : i*t+d.end-d.start] {
			if target != 0 {
				b.TargetCount++
			}
		}
	}
	return b
}
