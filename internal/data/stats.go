package data

import "sort"

// Lengths describes the documents' lengths in tokens.
type Lengths struct {
	Min    int64   `json:"min"`
	P10    int64   `json:"p10"`
	Median int64   `json:"p50"`
	P90    int64   `json:"p90"`
	P99    int64   `json:"p99"`
	Max    int64   `json:"max"`
	Mean   float64 `json:"mean"`
}

// shortTokens is the length below which documents are counted by length; there
// are few longer ones, which are listed.
const shortTokens = 1 << 20

// Lengths returns the exact quantiles of the documents' lengths: the smallest
// length that the given share of the documents does not exceed. The dataset
// must not be empty.
func (d *Dataset) Lengths() (Lengths, error) {
	counts := make([]int64, shortTokens)
	var long []int64
	err := d.each(func(_ int64, doc document) error {
		if doc.tokens < shortTokens {
			counts[doc.tokens]++
		} else {
			long = append(long, doc.tokens)
		}
		return nil
	})
	if err != nil {
		return Lengths{}, err
	}
	sort.Slice(long, func(i, j int) bool { return long[i] < long[j] })
	// at returns the length at place k of the sorted documents.
	at := func(k int64) int64 {
		for n, c := range counts {
			if k -= c; k < 0 {
				return int64(n)
			}
		}
		return long[k]
	}
	quantile := func(percent int64) int64 { return at((d.documents*percent+99)/100 - 1) }
	return Lengths{
		Min: at(0), P10: quantile(10), Median: quantile(50), P90: quantile(90), P99: quantile(99),
		Max: at(d.documents - 1), Mean: float64(d.tokens) / float64(d.documents),
	}, nil
}
