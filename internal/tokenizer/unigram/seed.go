package unigram

import (
	"context"
	"math"
	"slices"
	"unicode/utf8"
)

// Item is a text of the corpus, as often as it occurs.
type Item struct {
	Text string
	// Cuts are ascending places inside the text that pieces may not cross.
	Cuts  []int
	Count int64
}

// seeds returns the candidates: single characters, whole parts and joins, and
// the substrings of parts that occur in two of them and cannot be made longer
// to the right without becoming rarer. The number is bounded by limit, best
// first by occurrences times length; all characters that count are kept.
func seeds(ctx context.Context, items []Item, o Options) []string {
	counts := map[string]float64{}
	parts := map[string]float64{}
	joins := map[string]float64{}
	each(ctx, items, func(item Item) {
		eachJoin(item, o.Join, func(text string, part bool) {
			short := utf8.RuneCountInString(text) <= o.MaxLength
			switch {
			case part:
				parts[text] += float64(item.Count)
				if short {
					counts[text] += float64(item.Count)
				}
			case short:
				joins[text] += float64(item.Count)
			}
		})
	})
	for _, p := range best(joins, o.MaxJoined) {
		counts[p.Text] = max(counts[p.Text], p.Score)
	}
	for text, n := range repeats(ctx, parts, o.MaxLength) {
		if ctx.Err() != nil {
			return nil
		}
		if have := counts[text]; n > have {
			counts[text] = n
		}
	}
	for text, n := range counts {
		if ctx.Err() != nil {
			return nil
		}
		if length := utf8.RuneCountInString(text); length > 1 && n >= minOccurrences {
			counts[text] = n * float64(length)
		} else {
			delete(counts, text)
		}
	}
	list := best(counts, o.Seeds)
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.Text
	}
	return texts
}

// best returns the n texts of the highest scores, in falling order.
func best(scores map[string]float64, n int) []Piece {
	list := make([]Piece, 0, len(scores))
	for text, score := range scores {
		list = append(list, Piece{text, score})
	}
	slices.SortFunc(list, byScore)
	return list[:min(len(list), n)]
}

// minOccurrences is how often a candidate must occur.
const minOccurrences = 2

// byScore orders pieces by falling score, then by text.
func byScore(a, b Piece) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return compare(a.Text, b.Text)
}

// eachJoin calls f with every part of the item, and with what join allows of
// several parts.
func eachJoin(item Item, join Join, f func(text string, part bool)) {
	ends := append(slices.Clone(item.Cuts), len(item.Text))
	start := 0
	for i, end := range ends {
		f(item.Text[start:end], true)
		for k := i + 1; k < len(ends); k++ {
			whole := i == 0 && k == len(ends)-1
			if whole && join != JoinNone || i > 0 && join == JoinTail {
				f(item.Text[start:ends[k]], false)
			}
		}
		start = end
	}
}

// characters returns the characters of more than one byte, and the single-byte
// ones, that cover all but a small share of the corpus.
func characters(ctx context.Context, items []Item) map[string]bool {
	counts := map[rune]int64{}
	var total int64
	each(ctx, items, func(item Item) {
		for _, r := range item.Text {
			counts[r] += item.Count
			total += item.Count
		}
	})
	least := int64(math.Ceil(rareCharacters * float64(total)))
	keep := map[string]bool{}
	for r, n := range counts {
		if r < utf8.RuneSelf || n >= max(least, minOccurrences) {
			keep[string(r)] = true
		}
	}
	return keep
}

// rareCharacters is the share of the corpus below which a character is spelt
// in bytes.
const rareCharacters = 1e-7
