package morphology_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/morphology"
)

// checkError fails if err is no single sentence.
func checkError(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); s == "" || strings.Contains(s, "\n") || strings.Contains(s, "panic") {
		t.Errorf("the error is no sentence: %q", s)
	}
}

// Any bytes are covered without gaps, and the cache agrees.
func FuzzSegment(f *testing.F) {
	for _, w := range oddWords {
		f.Add([]byte(w))
	}
	for _, w := range strings.Fields("evlerimizdekiler gidiyorum KİTABINI çocuğunu su suyu başlıyor Ankara aldigim") {
		f.Add([]byte(w))
	}
	cache := morphology.NewCache(small(), 64)
	f.Fuzz(func(t *testing.T, word []byte) {
		got := small().Segment(word, nil)
		covers(t, word, got)
		for range 2 {
			kept := cache.Segment(word, nil)
			if len(kept) != len(got) {
				t.Fatalf("%q: %d morphemes from the cache, %d without", word, len(kept), len(got))
			}
			for i := range kept {
				if kept[i] != got[i] {
					t.Fatalf("%q: the cache says %+v, the segmenter %+v", word, kept[i], got[i])
				}
			}
		}
	})
}

// A broken model is one sentence; one that loads can cut words.
func FuzzUnmarshal(f *testing.F) {
	data, err := json.Marshal(small())
	if err != nil {
		f.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	fields["lexemes"] = []byte(`["ev n 0 16 0 0 0 16 0 0 0 0 0"]`)
	short, err := json.Marshal(fields)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(short)
	f.Add([]byte(`{"format":"agiformer-morphology","version":1}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s morphology.Segmenter
		if err := s.UnmarshalJSON(data); err != nil {
			checkError(t, err)
			return
		}
		for _, w := range []string{"evlerimizden", "a", ""} {
			covers(t, []byte(w), s.Segment([]byte(w), nil))
		}
	})
}

func FuzzGold(f *testing.F) {
	data, err := os.ReadFile("testdata/words.tsv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("surface\tlemma\nev\tev\tev\tROOT\t-\t1\n"))
	f.Add([]byte("kalın\tkalın\tkalın\tROOT\tkal|ın\t11\tx"))
	f.Add([]byte("e\u0302v\te\te|\u0302v\tROOT|PLU\t-\t1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		words, err := morphology.ReadGold(bytes.NewReader(data))
		if err != nil {
			checkError(t, err)
			return
		}
		for _, w := range words {
			if strings.Join(w.Segments, "") != w.Surface || len(w.Tags) != len(w.Segments) {
				t.Fatalf("%+v does not fit together", w)
			}
		}
		if len(words) > 0 && len(words) < 20 {
			s, err := morphology.Train(context.Background(), nil, words, nil, morphology.Options{Rounds: -1, Epochs: 1})
			if err != nil {
				checkError(t, err)
				return
			}
			for _, w := range words {
				covers(t, []byte(w.Surface), s.Segment([]byte(w.Surface), nil))
			}
		}
	})
}

func FuzzHunspell(f *testing.F) {
	f.Add([]byte("2\nev/1\ngel/2\n"), []byte("SET UTF-8\nFLAG num\nSFX 1 N 1\nSFX 1 0 ler .\nSFX 2 N 1\nSFX 2 0 iyor .\n"))
	f.Add([]byte("1\nev/AaBb po:noun\n"), []byte("FLAG long\nAF 1\nAF AaBb\n"))
	f.Add([]byte("1\nand\\/or/é\n"), []byte("FLAG UTF-8\n"))
	f.Add([]byte("\ufeff1\nx/1\n"), []byte("AF 1\nAF AB\nSFX A Y 1\nSFX A 0 da/1 .\n"))
	f.Fuzz(func(t *testing.T, dic, aff []byte) {
		entries, err := morphology.ReadHunspell(bytes.NewReader(dic), bytes.NewReader(aff))
		if err != nil {
			checkError(t, err)
			return
		}
		if len(entries) == 0 {
			t.Fatal("no entries and no error")
		}
	})
}
