package morphopiece

import (
	"context"
	"runtime"
	"sync"

	"agiformer/internal/tokenizer/pretoken"
	"agiformer/internal/tokenizer/unigram"
)

// spellings are words of a corpus as their ids, and how often each occurs.
type spellings struct {
	used     []use
	ends     []int // of each word in used
	counts   []int64
	suffixes map[suffixUse]int64
}

// use is an id in a word and the type that the word's morphemes give it there,
// 0 where they give none.
type use struct {
	id   int32
	kind uint8
}

// suffixUse is an id that stood for a whole suffix.
type suffixUse struct {
	id        int32
	canonical string
}

// spell returns how the words that were counted are spelt, in a part for each
// processor; fewer of them if ctx ends.
func (m *Model) spell(ctx context.Context, spans []counted) []*spellings {
	n := runtime.GOMAXPROCS(0)
	parts := make([]*spellings, n)
	var wait sync.WaitGroup
	for w := range n {
		parts[w] = &spellings{suffixes: map[suffixUse]int64{}}
		wait.Go(func() {
			e := m.NewEncoder()
			for _, s := range spans[w*len(spans)/n : (w+1)*len(spans)/n] {
				if ctx.Err() != nil {
					return
				}
				parts[w].add(e, s)
			}
		})
	}
	wait.Wait()
	return parts
}

// add spells one span, if it is a word.
func (p *spellings) add(e *Encoder, s counted) {
	text := []byte(s.text)
	span := pretoken.Next(text, pretoken.Number)
	if span.Kind != pretoken.Word {
		return
	}
	morphemes := e.segment(text, span)
	// The apostrophe is no part of the suffix after it.
	mark, suffix := span.Apostrophe, span.Apostrophe
	if mark > 0 {
		suffix += pretoken.ApostropheSize(text[mark:])
	}
	for i := range morphemes {
		if i > 0 && morphemes[i].Start == mark {
			morphemes[i].Start = suffix
		}
	}
	begin := 0
	for _, token := range e.tokens {
		start, end := begin, int(token.End)
		switch begin {
		case span.Lead:
			start = 0
		case mark:
			start = suffix
		}
		switch {
		case token.Piece == unigram.Unknown:
			p.bytes(text[begin:end])
		case end == span.Lead || start == end: // the space or the apostrophe alone
			p.used = append(p.used, use{id: e.m.ids[token.Piece]})
		default:
			p.piece(e.m.ids[token.Piece], morphemes, start, end, s.count)
		}
		begin = end
	}
	p.ends, p.counts = append(p.ends, len(p.used)), append(p.counts, s.count)
}

// bytes adds a character that is no piece.
func (p *spellings) bytes(character []byte) {
	for _, b := range character {
		p.used = append(p.used, use{id: byteID(b)})
	}
}

// piece adds the piece that covers a word from start to end.
func (p *spellings) piece(id int32, morphemes []Morpheme, start, end int, count int64) {
	kind, canonical := typeOf(morphemes, start, end)
	p.used = append(p.used, use{id, kind})
	if canonical != "" {
		p.suffixes[suffixUse{id, canonical}] += count
	}
}

// each calls f with the ids of each word, and how often it occurs.
func (p *spellings) each(f func(word []use, count int64)) {
	start := 0
	for i, end := range p.ends {
		f(p.used[start:end], p.counts[i])
		start = end
	}
}
