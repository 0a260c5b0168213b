package morphology_test

import (
	"bytes"
	"encoding/json"
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
	return morphology.Train(words, gold, nil, morphology.Options{Rounds: 1, Epochs: 4})
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

// The automaton knows these cuts, among others: Analyses lists them.
func TestGrammar(t *testing.T) {
	t.Parallel()
	cuts := strings.Fields(`
		ev|ler|imiz|de|ki|ler|den kapı|nız|dan köy|ünüz|ün masa|sı|yla kalem|le yol|lar|da|yız
		kitab|ımız|ı renk|siz|lik ağac|ı kanad|ı çiçeğ|i reng|i psikoloğ|u
		su|yu su|yun su|yum su|dan ne|yi bu|nun şu|na o|nlar bu|ndan|dır kendi|nde buzdolabı|nda biz|im biz|imle
		araba|sı|nda araba|lar|ı|nda|ki dün|kü bugün|kü öğrenci|ler|in|ki|ler
		tuz|lu tuz|suz|luk balık|çı iş|çi|ler toplum|sal yavaş|ça insan|ca çocuk|ça köpek|çik kuzu|cuk beş|inci altı|ncı üç|er altı|şar
		taş|la|n|dı güzel|leş|tir|il|me|si ev|len|di|ler temiz|l|iyor hız|lan|an
		bak|ıl|dı gel|in|di oku|n|uyor yıka|n|mak döv|üş|tü anla|ş|ıl|dı yaz|dır|t|tı iç|ir|di çık|ar|dı kork|ut|tu oku|t|tu
		gid|ebil|ir|im gel|e|me|di|k oku|ya|m|ıyor|du bil|me|yebil|ir yap|ıver|di bak|akal|dı gid|edur|un
		gel|di|m gel|di|n gel|di|k gel|di|niz gel|di|ler gel|miş|im gel|ecek|sin gel|eceğ|im gel|eceğ|iz gel|iyor|uz gel|ir|siniz
		gel|se|m gel|se|ydi|k gel|miş|ti|m gel|iyor|du gel|iyor|lar|dı gel|ecek|miş gel|ir|se|niz gel|di|yse gel|meli|yim
		gel|e|yim gel|e|lim gel|sin gel|sin|ler gel|sinler gel|in gel|iniz gel|mekte|yiz gel|mekte|dir gel|miş|tir
		gel|me|m gel|me|yiz gel|me|z gel|me|z|ler gel|m|iyor gel|me|yecek gel|me|meli gel|me|sin
		gel|diğ|imiz gel|dik|ler|i|ni gel|eceğ|i|ni gel|ecek|ler|i gel|en|in gel|miş|ler|in bil|in|me|yen
		gel|me gel|me|m gel|me|ye gel|iş|i|ne gel|mek|ten gel|mek|le gel|meğ|e oku|yuş
		gel|erek gel|ip gel|ince gel|ince|ye gel|dikçe gel|me|den gel|meksizin gel|eli gel|ir|ken hasta|yken gel|ir|cesine
		oku|yucu sat|ıcı|lar yap|ıcı|lık
		hasta|ydı|m iyi|ymiş öğretmen|dir|ler güzel|se okul|da|ydı|k çocuk|tur asker|ken
		başl|ıyor ist|iyor|um söyl|üyor anl|ıyor|sunuz di|yor yi|yecek di|yen gid|iyor ed|er tad|ar
		saat|i saat|ler|de hal|ler rol|ü alkol|lü`)
	for _, want := range cuts {
		word := strings.ReplaceAll(want, "|", "")
		list := small().Analyses([]byte(word), 500)
		if !slices.ContainsFunc(list, func(a morphology.Analysis) bool { return cutOf(word, a.Morphemes) == want }) {
			t.Errorf("%s is not among %d analyses", want, len(list))
		}
	}
}

// What no grammar allows is not offered.
func TestGrammarRefuses(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"ev|lar", "kitap|ci", "git|di", "araba|ın", "gel|ma|di", "ev|ı", "kitap|da", "gel|ar", "kal|ür"} {
		word := strings.ReplaceAll(wrong, "|", "")
		for _, a := range small().Analyses([]byte(word), 500) {
			if cutOf(word, a.Morphemes) == wrong {
				t.Errorf("%s breaks harmony, assimilation or the buffer letters, but is offered", wrong)
			}
		}
	}
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

func TestTrainingTwiceGivesTheSame(t *testing.T) {
	t.Parallel()
	again, err := trainSmall()
	if err != nil {
		t.Fatal(err)
	}
	a, errA := json.Marshal(small())
	b, errB := json.Marshal(again)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("two trainings differ (%v, %v)", errA, errB)
	}
}

func TestRestoredModelIsTheSame(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(small())
	if err != nil {
		t.Fatal(err)
	}
	var restored morphology.Segmenter
	if err := json.Unmarshal(data, &restored); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&restored)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("storing the restored model gives something else (%v)", err)
	}
	for _, w := range append([]string{"evlerimizden", "gelmeyecektik", "Washingtonlular"}, oddWords...) {
		a, b := small().Analyses([]byte(w), 3), restored.Analyses([]byte(w), 3)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%q: %v before storing, %v after", w, a, b)
		}
	}
}

func TestBrokenModelsAreRefused(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(small())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"format":  {`"agiformer-morphology"`, `"other"`},
		"version": {`"version":1`, `"version":99`},
		"grammar": {`"grammar":"`, `"grammar":"0`},
		"stem":    {`"ağız n`, `"AĞIZ n`},
		"pos":     {`"ağız n`, `"ağız z`},
		"count":   {`"ağız n 0`, `"ağız n 0 -5`},
		"order":   {`"ağız n`, `"zzz n`},
		"weights": {`"weights":"`, `"weights":"!`},
		"shape":   {`"shape":["`, `"shape":["","`},
	} {
		broken := strings.Replace(string(data), change[0], change[1], 1)
		if broken == string(data) {
			t.Fatalf("%s: %q is not in the stored model", name, change[0])
		}
		var s morphology.Segmenter
		if err := json.Unmarshal([]byte(broken), &s); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error is %v, want one sentence", name, err)
		}
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

// Segment does not allocate once its scratch has grown.
func TestSegmentDoesNotAllocate(t *testing.T) {
	word, dst := []byte("evlerimizdekilerden"), make([]morphology.Morpheme, 0, 32)
	s := small()
	s.Segment(word, dst)
	if n := testing.AllocsPerRun(100, func() { s.Segment(word, dst) }); n > 0.5 {
		t.Errorf("%g allocations a word", n)
	}
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

// Without gold, the roots come from the words that share them.
func TestTrainWithoutGold(t *testing.T) {
	t.Parallel()
	_, words, err := smallGold()
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"masa", "kalem", "defter", "pencere", "öğretmen"} {
		for _, suffix := range []string{"", "ler", "de", "den", "ye", "si", "lerde", "lerden"} {
			words[harmonise(root, suffix)] += 2
		}
	}
	s, err := morphology.Train(words, nil, nil, morphology.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"defter|ler|de", "pencere|ler|den"} {
		if got := segment(s, strings.ReplaceAll(want, "|", "")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := morphology.Train(nil, nil, nil, morphology.Options{}); err == nil {
		t.Error("training on nothing is no error")
	}
}

// harmonise joins a root and a suffix spelt with e, for roots that end as the
// suffix needs.
func harmonise(root, suffix string) string {
	last := root[strings.LastIndexAny(root, "aeö"):]
	if !strings.HasPrefix(last, "a") {
		return root + suffix
	}
	return root + strings.NewReplacer("e", "a", "i", "ı").Replace(suffix)
}
