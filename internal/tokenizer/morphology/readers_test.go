package morphology_test

import (
	"context"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/morphology"
)

func TestReadHunspell(t *testing.T) {
	t.Parallel()
	aff := `SET UTF-8
FLAG num
SFX 1 N 2
SFX 1 0 ler .
SFX 1 0 lerde .
SFX 2 N 1
SFX 2 0 iyordum .
SFX 3 N 1
SFX 3 0 dir .
`
	dic := "4\nev/1,3\ngel/2\nbelki\nüz/1,2\n"
	entries, err := morphology.ReadHunspell(strings.NewReader(dic), strings.NewReader(aff))
	if err != nil {
		t.Fatal(err)
	}
	want := []morphology.LexiconEntry{{Stem: "ev", Noun: true}, {Stem: "gel", Verb: true}, {Stem: "belki"}, {Stem: "üz", Noun: true, Verb: true}}
	if len(entries) != len(want) {
		t.Fatalf("%d entries, want %d", len(entries), len(want))
	}
	for i := range want {
		if entries[i] != want[i] {
			t.Errorf("entry %d is %+v, want %+v", i, entries[i], want[i])
		}
	}
}

func TestHunspellMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dic, aff, want string }{
		{"ev\n", "", "number of words"},
		{"1\n", "", "no words"},
		{"1\nev/x\n", "FLAG num\n", "no number"},
		{"1\nev/abc\n", "FLAG long\n", "odd number"},
		{"1\nev/2\n", "AF 1\nAF A\n", "from 1 to 1"},
		{"1\nev\n", "FLAG other\n", "num, long or UTF-8"},
		{"1\nev\n", "SET ISO8859-9\n", "only UTF-8"},
		{"1\nev\n", "SFX 1 0\n", "SFX has 3 fields"},
		{"1\n\xff\n", "", "not UTF-8"},
	} {
		_, err := morphology.ReadHunspell(strings.NewReader(c.dic), strings.NewReader(c.aff))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with %q: error %v, want one with %q", c.dic, c.aff, err, c.want)
		}
	}
}

func TestGoldMistakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"ev\tev\tev":                            "fields instead of at least 6",
		"evler\tev\tev|lar\tROOT|PLU\t-\t1":     "does not spell",
		"evler\tev\tev|ler\tROOT\t-\t1":         "1 tags for 2 segments",
		"evler\tev\tev|ler\tPLU|ROOT\t-\t1":     "expected ROOT",
		"evler\tev\tev|ler\tROOT|PLURAL\t-\t1":  "unknown",
		"evler\tev\tev|ler\tROOT|PLU\t-\tmany":  "no whole number",
		"evler\tev\tev||ler\tROOT|PLU\t-\t1":    "empty segment",
		"evler\tev\tev|ler\tROOT|PLU\tevlar\t1": "does not spell",
	} {
		if _, err := morphology.ReadGold(strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", line, err, want)
		}
	}
}

// A word list lends its roots: without it the new root is read as another word.
func TestWordList(t *testing.T) {
	t.Parallel()
	gold, words, err := smallGold()
	if err != nil {
		t.Fatal(err)
	}
	entries := []morphology.LexiconEntry{{Stem: "balina", Noun: true}, {Stem: "zıpla", Verb: true}, {Stem: "evlerde"}}
	s, err := morphology.Train(context.Background(), words, gold, entries, morphology.Options{Rounds: 1, Epochs: 2})
	if err != nil {
		t.Fatal(err)
	}
	for word, root := range map[string]string{"balinalarda": "balina", "zıplıyor": "zıpla"} {
		found := false
		for _, a := range s.Analyses([]byte(word), 50) {
			found = found || a.Morphemes[0].Canonical == root
		}
		if !found {
			t.Errorf("%s: no analysis has the listed root %s", word, root)
		}
	}
}
