package unigram

import (
	"math"
	"slices"
	"sync"
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
func seeds(items []Item, o Options) []string {
	counts := map[string]float64{}
	parts := map[string]float64{}
	joins := map[string]float64{}
	for _, item := range items {
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
	}
	for _, p := range best(joins, o.MaxJoined) {
		counts[p.Text] = max(counts[p.Text], p.Score)
	}
	for text, n := range repeats(parts, o.MaxLength) {
		if have := counts[text]; n > have {
			counts[text] = n
		}
	}
	for text, n := range counts {
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

// repeats returns the substrings of the texts that are right-maximal: those of
// which two occurrences go on differently. Their counts are the texts' weights
// summed over occurrences. They are the inner nodes of the suffix tree, found
// from the sorted suffixes and their longest common prefixes (Abouelhoda,
// Kurtz, Ohlebusch, "Replacing suffix trees with enhanced suffix arrays", 2004).
func repeats(parts map[string]float64, maxLength int) map[string]float64 {
	buckets := suffixBuckets(parts)
	results := make([]map[string]float64, len(buckets))
	var wait sync.WaitGroup
	gate := make(chan struct{}, workers())
	for b := range buckets {
		if len(buckets[b]) < 2 {
			continue
		}
		wait.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			slices.SortFunc(buckets[b], func(x, y suffix) int { return compare(x.text, y.text) })
			results[b] = intervals(buckets[b], maxLength)
		})
	}
	wait.Wait()
	all := map[string]float64{}
	for _, r := range results {
		for text, n := range r { // buckets share no text
			all[text] = n
		}
	}
	return all
}

// suffix is the end of a part.
type suffix struct {
	text   string
	weight float64 // whole numbers, so that the order of sums does not matter
}

// suffixBuckets returns the suffixes that begin at characters, by their first
// two bytes.
func suffixBuckets(parts map[string]float64) [][]suffix {
	buckets := make([][]suffix, 1<<16)
	for text, weight := range parts {
		for i := range text {
			if i+1 < len(text) {
				key := int(text[i])<<8 | int(text[i+1])
				buckets[key] = append(buckets[key], suffix{text[i:], weight})
			}
		}
	}
	return buckets
}

// intervals walks sorted suffixes and returns the substrings that are common
// to neighbours, with their weights.
func intervals(sorted []suffix, maxLength int) map[string]float64 {
	type open struct {
		length int // bytes of the common prefix
		weight float64
		text   string
	}
	found := map[string]float64{}
	var stack []open
	closeDownTo := func(length int) (weight float64) {
		for len(stack) > 0 && stack[len(stack)-1].length > length {
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			top.weight += weight
			if top.length > 1 && top.length >= firstSize(top.text) {
				text := top.text[:top.length]
				found[text] = max(found[text], top.weight)
			}
			weight = top.weight
		}
		return weight
	}
	for i, s := range sorted {
		common := 0
		if i > 0 {
			common = commonCharacters(sorted[i-1].text, s.text, maxLength)
		}
		weight := closeDownTo(common)
		if len(stack) > 0 && stack[len(stack)-1].length == common {
			stack[len(stack)-1].weight += weight
		} else if weight > 0 || len(stack) == 0 {
			stack = append(stack, open{common, weight, s.text})
		}
		stack = append(stack, open{prefixBytes(s.text, maxLength), s.weight, s.text})
	}
	closeDownTo(-1)
	return found
}

// firstSize returns the number of bytes of the first character.
func firstSize(text string) int {
	_, size := utf8.DecodeRuneInString(text)
	return size
}

// commonCharacters returns the bytes of the longest common prefix of a and b
// in whole characters, at most maxLength of them.
func commonCharacters(a, b string, maxLength int) int {
	limit := min(len(a), len(b))
	i := 0
	for i < limit && a[i] == b[i] {
		i++
	}
	for i > 0 && i < len(a) && !utf8.RuneStart(a[i]) {
		i--
	}
	return min(i, prefixBytes(a[:i], maxLength))
}

// prefixBytes returns how many bytes the first maxLength characters take.
func prefixBytes(text string, maxLength int) int {
	if len(text) <= maxLength {
		return len(text)
	}
	n := 0
	for i := range text {
		if n == maxLength {
			return i
		}
		n++
	}
	return len(text)
}

// characters returns the characters of more than one byte, and the single-byte
// ones, that cover all but a small share of the corpus.
func characters(items []Item) map[string]bool {
	counts := map[rune]int64{}
	var total int64
	for _, item := range items {
		for _, r := range item.Text {
			counts[r] += item.Count
			total += item.Count
		}
	}
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
