package data_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"agiformer/internal/data"
)

// The figure of a text small enough to count by hand.
func TestBigramByHand(t *testing.T) {
	t.Parallel()
	// Counts: a 3, b 2 of 5 bytes, 2 different; after a: b 2 of 2; after b: a 1 of 1.
	train, valid := lines(t, []string{"aba", "ab"}), lines(t, []string{"aba", "ac"})
	uniform := 1.0 / 256
	a, b, c := (3+2*uniform)/7, (2+2*uniform)/7, 2*uniform/7
	bits := math.Log2((2+b)/3) + math.Log2((1+a)/2) + math.Log2(c/3)
	got, err := data.Bigram(train, valid, data.EvaluationOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := -bits / 3; math.Abs(got-want) > 1e-12 {
		t.Errorf("%v bits per byte, want %v", got, want)
	}
}

// A bound cuts the text where an evaluation with that bound ends.
func TestBigramOfABoundedText(t *testing.T) {
	t.Parallel()
	train := lines(t, []string{strings.Repeat("abz", 100)})
	want, err := data.Bigram(train, lines(t, []string{"ababab"}), data.EvaluationOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := data.Bigram(train, lines(t, []string{"abababzzzz"}), data.EvaluationOptions{MaxTokens: 5}); err != nil || got != want {
		t.Errorf("%v bits per byte, %v; want %v", got, err, want)
	}
}

// What an evaluation skips does not count, in each document.
func TestBigramSkips(t *testing.T) {
	t.Parallel()
	train := lines(t, []string{strings.Repeat("abz", 100)})
	want, err := data.Bigram(train, lines(t, []string{"ab", "za"}), data.EvaluationOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := data.Bigram(train, lines(t, []string{"bbaab", "azzza", "b"}), data.EvaluationOptions{SkipBytes: 4}); err != nil || got != want {
		t.Errorf("%v bits per byte, %v; want %v", got, err, want)
	}
}

func TestBigramLimits(t *testing.T) {
	t.Parallel()
	train := lines(t, []string{strings.Repeat("ab", 50_000)})
	if got, err := data.Bigram(train, lines(t, []string{"abababab"}), data.EvaluationOptions{}); err != nil || got > 0.01 {
		t.Errorf("%v bits per byte for what is certain (%v), want nearly 0", got, err)
	}
	if _, err := data.Bigram(train, lines(t, []string{"a"}), data.EvaluationOptions{}); err == nil {
		t.Error("a text without a pair of bytes has no bits per byte")
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	var docs []string
	for n := 1; n <= 200; n++ {
		docs = append(docs, strings.Repeat("x", n))
	}
	docs = append(docs, strings.Repeat("y", 3<<20))
	dir := write(t, map[string]string{"a.txt": strings.Join(docs, "\n")})
	ds, report := prepare(t, data.Options{Paths: []string{dir}, Split: data.SplitLine})
	stats, err := data.NewStats(ds, report)
	if err != nil {
		t.Fatal(err)
	}
	want := data.Lengths{Min: 1, P10: 21, Median: 101, P90: 181, P99: 199, Max: 3 << 20, Mean: float64(ds.Tokens()) / 201}
	if stats.Lengths != want {
		t.Errorf("lengths %+v, want %+v", stats.Lengths, want)
	}
	var out bytes.Buffer
	if err := stats.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back data.Stats
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Documents != 201 || back.Bytes != ds.Bytes() || back.Files != 1 {
		t.Errorf("the JSON came back as %+v (%v)", back, err)
	}
	out.Reset()
	if err := stats.WriteText(&out); err != nil || !strings.Contains(out.String(), "documents  201\n") {
		t.Errorf("the text is %q (%v)", out.String(), err)
	}
}
