package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"agiformer/internal/model"
)

// draw counts the tokens of many draws.
func draw(logits []float32, o model.SampleOptions) []float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 20000
	share := make([]float64, len(logits))
	for range n {
		share[model.SampleValues(logits, o, rng)] += 1.0 / n
	}
	return share
}

func TestSample(t *testing.T) {
	t.Parallel()
	// Probabilities 0, 0.5, 0.3, 0.15, 0.05 at temperature 1.
	logits := []float32{float32(math.Inf(-1))}
	for _, p := range []float64{0.5, 0.3, 0.15, 0.05} {
		logits = append(logits, float32(math.Log(p)))
	}
	cases := map[string]struct {
		options model.SampleOptions
		want    []float64
	}{
		"plain":       {model.SampleOptions{Temperature: 1}, []float64{0, 0.5, 0.3, 0.15, 0.05}},
		"greedy":      {model.SampleOptions{}, []float64{0, 1, 0, 0, 0}},
		"top-k":       {model.SampleOptions{Temperature: 1, TopK: 2}, []float64{0, 0.625, 0.375, 0, 0}},
		"top-p":       {model.SampleOptions{Temperature: 1, TopP: 0.9}, []float64{0, 0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0}},
		"top-p first": {model.SampleOptions{Temperature: 1, TopP: 0.1}, []float64{0, 1, 0, 0, 0}},
		"both":        {model.SampleOptions{Temperature: 1, TopK: 2, TopP: 0.6}, []float64{0, 1, 0, 0, 0}},
		"temperature": {model.SampleOptions{Temperature: 0.5}, []float64{0, 0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365}},
	}
	for name, c := range cases {
		got := draw(logits, c.options)
		for id := range got {
			if math.Abs(got[id]-c.want[id]) > 0.015 {
				t.Errorf("%s: token %d drawn %.3f of the time, want %.3f", name, id, got[id], c.want[id])
			}
		}
	}
}

func TestSampleIsDeterministic(t *testing.T) {
	t.Parallel()
	logits := []float32{0, 1, 2, 1.5, 0.5}
	a, b := rand.New(rand.NewPCG(3, 4)), rand.New(rand.NewPCG(3, 4))
	o := model.SampleOptions{Temperature: 0.8, TopK: 4, TopP: 0.95}
	for i := range 100 {
		if x, y := model.SampleValues(logits, o, a), model.SampleValues(logits, o, b); x != y {
			t.Fatalf("draw %d: %d and %d from one seed", i, x, y)
		}
	}
}
