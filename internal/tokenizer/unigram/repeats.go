package unigram

import (
	"context"
	"slices"
	"sync"
	"unicode/utf8"
)

// repeats returns the substrings of the texts that are right-maximal: those of
// which two occurrences go on differently. Their counts are the texts' weights
// summed over occurrences. They are the inner nodes of the suffix tree, found
// from the sorted suffixes and their longest common prefixes (Abouelhoda,
// Kurtz, Ohlebusch, "Replacing suffix trees with enhanced suffix arrays", 2004).
func repeats(ctx context.Context, parts map[string]float64, maxLength int) map[string]float64 {
	buckets := suffixBuckets(ctx, parts)
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
			if ctx.Err() != nil {
				return
			}
			slices.SortFunc(buckets[b], func(x, y suffix) int { return compare(x.text, y.text) })
			results[b] = intervals(buckets[b], maxLength)
		})
	}
	wait.Wait()
	all := map[string]float64{}
	for _, r := range results {
		if ctx.Err() != nil {
			return nil
		}
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
func suffixBuckets(ctx context.Context, parts map[string]float64) [][]suffix {
	buckets := make([][]suffix, 1<<16)
	for text, weight := range parts {
		if ctx.Err() != nil {
			break
		}
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
