package morphology

import (
	"context"
	"os"
	"testing"
)

// Each rule has a condition that the automaton knows, suffixes with letters,
// and hosts that roots lead to.
func TestRulesAreSound(t *testing.T) {
	t.Parallel()
	reached := uint32(1<<stateNoun | 1<<stateVerb | 1<<statePronominal | 1<<stateNarrowed)
	for range grammar {
		for _, a := range allomorphs {
			if reached&a.hosts != 0 {
				reached |= 1 << a.to
			}
		}
	}
	spelled := make([]bool, len(grammar))
	for _, a := range allomorphs {
		spelled[a.rule] = true
		if a.last == lastInvalid || len(a.form) == 0 || a.hosts == 0 || a.hosts&^reached != 0 {
			t.Errorf("%s %s: %+v", a.tag, grammar[a.rule].form, a)
		}
	}
	for i, ok := range spelled {
		if !ok {
			t.Errorf("%s %s has no spelling", grammar[i].tag, grammar[i].form)
		}
	}
	if reached != 1<<stateCount-1 {
		t.Errorf("some states are never reached: %b", reached)
	}
}

// The scores made once for the lexicon are those of the features.
func TestFrozenScores(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/words.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	gold, err := ReadGold(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Train(context.Background(), nil, gold, nil, Options{Epochs: 2})
	if err != nil {
		t.Fatal(err)
	}
	thawed := *s.model
	thawed.frozen = false
	var a, b lattice
	for _, g := range gold {
		a.build(s.model, []byte(g.Surface))
		b.build(&thawed, []byte(g.Surface))
		if len(a.edges) != len(b.edges) {
			t.Fatalf("%s: %d edges frozen, %d not", g.Surface, len(a.edges), len(b.edges))
		}
		for i := range a.edges {
			if a.edges[i] != b.edges[i] {
				t.Fatalf("%s: %+v frozen, %+v not", g.Surface, a.edges[i], b.edges[i])
			}
		}
	}
}
