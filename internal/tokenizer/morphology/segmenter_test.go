package morphology_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"agiformer/internal/tokenizer/morphology"
)

// small is trained once on the hand-written words of testdata.
var small = sync.OnceValue(func() *morphology.Segmenter {
	s, err := trainSmall()
	if err != nil {
		panic(err)
	}
	return s
})

func smallGold() ([]morphology.GoldWord, map[string]int64, error) {
	data, err := os.ReadFile("testdata/words.tsv")
	if err != nil {
		return nil, nil, err
	}
	gold, err := morphology.ReadGold(bytes.NewReader(data))
	words := map[string]int64{}
	for _, g := range gold {
		words[g.Surface]++
	}
	return gold, words, err
}

func trainSmall() (*morphology.Segmenter, error) {
	gold, words, err := smallGold()
	if err != nil {
		return nil, err
	}
	return morphology.Train(context.Background(), words, gold, nil, morphology.Options{Rounds: 1, Epochs: 4})
}

func cutOf(word string, morphemes []morphology.Morpheme) string {
	var pieces []string
	for _, m := range morphemes {
		pieces = append(pieces, word[m.Start:m.End])
	}
	return strings.Join(pieces, "|")
}

func segment(s *morphology.Segmenter, word string) string {
	return cutOf(word, s.Segment([]byte(word), nil))
}

// Words that the training list lacks, from roots and suffixes that it has.
func TestSegmentNewWords(t *testing.T) {
	t.Parallel()
	for _, want := range strings.Fields(`
		ev|ler|de araba|lar|ı|nda çocuğ|u|nu okul|lar gel|di|ler yap|ıyor
		gel|me|yecek başla|mak İSTANBUL`) {
		word := strings.ReplaceAll(want, "|", "")
		if got := segment(small(), word); got != want {
			t.Errorf("%s is cut %s, want %s", word, got, want)
		}
	}
}

func TestAnalysesBeginWithTheBest(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"evlerimizden", "geliyorum", "arabasında", "Washington"} {
		list := small().Analyses([]byte(word), 20)
		if got, want := cutOf(word, list[0].Morphemes), segment(small(), word); got != want {
			t.Errorf("%s: the first analysis is %s, Segment gives %s", word, got, want)
		}
		for i, a := range list {
			if a.LogProb > 1e-9 || i > 0 && a.LogProb > list[i-1].LogProb {
				t.Errorf("%s: log probability %d is %g after %g", word, i, a.LogProb, list[max(i-1, 0)].LogProb)
			}
		}
	}
}

func TestTagsAndCanonicalForms(t *testing.T) {
	t.Parallel()
	var got []string
	for _, m := range small().Segment([]byte("kitabını"), nil) {
		got = append(got, fmt.Sprintf("%s %s %s", m.Tag, m.Tag.Class(), m.Canonical))
	}
	want := []string{"ROOT root kitap", "P3SG possessive (s)H", "ACC accusative nH"}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("kitabını is %v, want %v", got, want)
	}
	for tag := morphology.TagRoot; tag.Class() != morphology.ClassNone; tag++ {
		if back, err := morphology.ParseTag(tag.String()); err != nil || back != tag {
			t.Errorf("tag %d, %s, is read back as %d (%v)", tag, tag, back, err)
		}
	}
	if _, err := morphology.ParseTag("NO SUCH"); err == nil {
		t.Error("an unknown tag is accepted")
	}
}

// covers fails unless the morphemes lie side by side from 0 to the word's end.
func covers(t *testing.T, word []byte, morphemes []morphology.Morpheme) {
	t.Helper()
	at := 0
	for i, m := range morphemes {
		if m.Start != at || m.End <= m.Start || (i == 0) != (m.Tag == morphology.TagRoot) {
			t.Fatalf("%q: morpheme %d is %+v after byte %d", word, i, m, at)
		}
		at = m.End
	}
	if at != len(word) {
		t.Fatalf("%q: the morphemes end at %d of %d bytes", word, at, len(word))
	}
}

var oddWords = []string{"", "a", "ş", "\xff", "ev\xffler", "\xc4", "e\u0302vler", "\u0302", "İ", "i̇stanbul", "I", "漢字", "👩‍👩‍👧‍👦",
	"aldigim", "calisiyorum", "gorusmek", "TBMM", "kâğıdı", "HÂLÂ", "xyzzy", "...", "ev ler", strings.Repeat("lar", 50), strings.Repeat("\x00", 3)}

func TestAnyBytesAreCovered(t *testing.T) {
	t.Parallel()
	gold, _, err := smallGold()
	if err != nil {
		t.Fatal(err)
	}
	words := append([]string{}, oddWords...)
	for _, g := range gold {
		for i := range len(g.Surface) {
			words = append(words, g.Surface[:i], g.Surface[i:])
		}
	}
	for _, w := range words {
		covers(t, []byte(w), small().Segment([]byte(w), nil))
		for _, a := range small().Analyses([]byte(w), 5) {
			covers(t, []byte(w), a.Morphemes)
		}
	}
}

// Capitals and small letters are cut alike, with their own offsets.
func TestCaseIsFolded(t *testing.T) {
	t.Parallel()
	if got := segment(small(), "EVLERİMİZDEN"); got != "EV|LER|İMİZ|DEN" {
		t.Errorf("EVLERİMİZDEN is cut %s", got)
	}
	if got := segment(small(), "KİTABINI"); got != "KİTAB|I|NI" {
		t.Errorf("KİTABINI is cut %s", got)
	}
}

func TestGoroutinesAgree(t *testing.T) {
	t.Parallel()
	gold, _, err := smallGold()
	if err != nil {
		t.Fatal(err)
	}
	cache := morphology.NewCache(small(), 32)
	cutAll := func() string {
		var b strings.Builder
		for range 3 {
			for _, g := range gold {
				plain := fmt.Sprint(small().Segment([]byte(g.Surface), nil))
				if kept := fmt.Sprint(cache.Segment([]byte(g.Surface), nil)); kept != plain {
					return fmt.Sprintf("%s: the cache says %s, the segmenter %s", g.Surface, kept, plain)
				}
				b.WriteString(plain)
			}
		}
		return b.String()
	}
	want := cutAll()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if got := cutAll(); got != want {
				t.Errorf("a goroutine differs: %.200s", got)
			}
		})
	}
	wait.Wait()
}

func TestSuffixes(t *testing.T) {
	t.Parallel()
	list := morphology.Suffixes()
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("the suffixes are not sorted and distinct")
	}
	for _, want := range []string{"ler", "lar", "yı", "ıyor", "diğ", "tığ", "ecek", "yken", "nda", "ki"} {
		if !slices.Contains(list, want) {
			t.Errorf("%s is missing", want)
		}
	}
}
