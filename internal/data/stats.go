package data

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"

	"agiformer/internal/words"
)

// Stats is what data stats prints.
type Stats struct {
	Files     int       `json:"files"`
	Documents int64     `json:"documents"`
	Bytes     int64     `json:"bytes"`
	Tokens    int64     `json:"tokens"`
	Tokenizer string    `json:"tokenizer"`
	Lengths   Lengths   `json:"lengths"` // of documents, in tokens
	Problems  []Problem `json:"problems"`
	// Bigram is the bits per byte that a byte-bigram model of the documents
	// needs for other text (see Bigram); nil where none was asked for.
	Bigram *float64 `json:"bigram_bits_per_byte,omitempty"`
	// Validation is what training validates on; nil where it was not asked for.
	Validation *Validation `json:"validation,omitempty"`
}

// Validation describes a run's validation text.
type Validation struct {
	Documents int64 `json:"documents"`
	Tokens    int64 `json:"tokens"`
	// Start is how the first document begins.
	Start string `json:"start"`
}

// startTokens is how much of a document NewValidation shows.
const startTokens = 200

// NewValidation describes a validation text, which may be empty.
func NewValidation(ds *Dataset) (*Validation, error) {
	v := &Validation{Documents: ds.Documents(), Tokens: ds.Tokens()}
	if v.Documents == 0 {
		return v, nil
	}
	doc, err := ds.locate(0)
	if err != nil {
		return nil, err
	}
	err = newChunkReader().read(doc, min(startTokens, doc.tokens), func(ids []int32, _ bool) {
		v.Start = strings.ToValidUTF8(string(ds.tok.Decode(ids)), "") // its end may be half a character
	})
	return v, err
}

// NewStats describes a dataset and the report of its preparation.
func NewStats(ds *Dataset, report *Report) (*Stats, error) {
	lengths, err := ds.Lengths()
	if err != nil {
		return nil, err
	}
	s := &Stats{
		Files: report.Files, Documents: ds.Documents(), Bytes: ds.Bytes(), Tokens: ds.Tokens(),
		Tokenizer: ds.tok.Name(), Lengths: lengths, Problems: report.Problems,
	}
	if s.Problems == nil {
		s.Problems = []Problem{}
	}
	return s, nil
}

// WriteJSON writes one object.
func (s *Stats) WriteJSON(w io.Writer) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// WriteText writes lines for people.
func (s *Stats) WriteText(w io.Writer) error {
	l := s.Lengths
	_, err := fmt.Fprintf(w, `files      %d
documents  %d
bytes      %d
tokens     %d (%s tokenizer)
tokens a document
  shortest %d, 10 %% %d, median %d, mean %.1f, 90 %% %d, 99 %% %d, longest %d
`, s.Files, s.Documents, s.Bytes, s.Tokens, s.Tokenizer, l.Min, l.P10, l.Median, l.Mean, l.P90, l.P99, l.Max)
	if err == nil && s.Validation != nil {
		_, err = fmt.Fprintf(w, "validation %s, %s\n", words.Count(s.Validation.Documents, "document"), words.Count(s.Validation.Tokens, "token"))
	}
	if err == nil && s.Bigram != nil {
		_, err = fmt.Fprintf(w, "byte-bigram model: %.3f bits per byte\n", *s.Bigram)
	}
	return err
}

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
