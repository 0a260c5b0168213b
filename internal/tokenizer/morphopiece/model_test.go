package morphopiece_test

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

func decoded(m *morphopiece.Model, text string) string {
	return string(m.AppendDecode(nil, m.AppendEncode(nil, []byte(text))))
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, m := range []*morphopiece.Model{plain(t), withoutMorphemes(t)} {
		for _, text := range append(slices.Clone(tokenizertest.Nasty), tokenizertest.Corpus()[:50]...) {
			if got := decoded(m, text); got != text {
				t.Errorf("%s: decode(encode(%q)) = %q", m.Kind(), text, got)
			}
			for _, id := range m.AppendEncode(nil, []byte(text)) {
				if id <= morphopiece.Padding || id == morphopiece.EndOfDocument || int(id) >= m.VocabSize() {
					t.Errorf("%s: %q has the id %d, which is no text", m.Kind(), text, id)
				}
			}
		}
	}
}

// FuzzRoundTrip: decode(encode(x)) = x, a text can be cut after a line end,
// and what an encoder remembers changes nothing.
func FuzzRoundTrip(f *testing.F) {
	for _, text := range tokenizertest.Nasty {
		f.Add([]byte(text))
	}
	m := plain(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		ids := m.AppendEncode(nil, text)
		if got := m.AppendDecode(nil, ids); !bytes.Equal(got, text) {
			t.Fatalf("decode(encode(%q)) = %q", text, got)
		}
		if fresh := m.NewForgetfulEncoder().AppendEncode(nil, text); !slices.Equal(fresh, ids) {
			t.Fatalf("%q: a new encoder gives %v, one that remembers %v", text, fresh, ids)
		}
		if i := bytes.IndexByte(text, '\n') + 1; i > 0 {
			if parts := m.AppendEncode(m.AppendEncode(nil, text[:i]), text[i:]); !slices.Equal(parts, ids) {
				t.Fatalf("%q in two parts is %v, whole %v", text, parts, ids)
			}
		}
	})
}

func pieces(m *morphopiece.Model, text string) []string {
	var list []string
	for _, id := range m.AppendEncode(nil, []byte(text)) {
		list = append(list, m.Text(id))
	}
	return list
}

// No piece but a whole word crosses a morpheme boundary.
func TestPiecesMeetWhereMorphemesDo(t *testing.T) {
	t.Parallel()
	m := plain(t)
	tokenizertest.Forms(func(segments, _ []string) {
		word := strings.Join(segments, "")
		if got := m.Morphemes([]byte(word)); !slices.Equal(got, segments) {
			t.Errorf("%s has the morphemes %q, want %q", word, got, segments)
			return
		}
		ends := map[int]bool{}
		at := 0
		list := pieces(m, " "+word)
		for _, piece := range list {
			at += len(piece)
			ends[at-1] = true // the space does not count
		}
		if len(list) == 1 {
			return
		}
		at = 0
		for _, segment := range segments {
			if at += len(segment); !ends[at] {
				t.Errorf("%s is %q: a piece crosses the boundary after %s", word, list, segment)
			}
		}
	})
}

func TestApostrophes(t *testing.T) {
	t.Parallel()
	m := plain(t)
	for text, want := range map[string][]string{
		"deniz'den":      {"deniz", "'den"},
		" Deniz’lerden.": {" ", "Deniz", "’ler", "den", "."},
		"2024'te":        {"2024", "'te"},
	} {
		if got := m.Morphemes([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q has the morphemes %q, want %q", text, got, want)
		}
	}
}

// Encoding in eight goroutines at once gives what one gives.
func TestEncodeIsTheSameInThreads(t *testing.T) {
	t.Parallel()
	m := plain(t)
	text := []byte(strings.Join(tokenizertest.Corpus(), ""))
	want := m.NewForgetfulEncoder().AppendEncode(nil, text)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if got := m.AppendEncode(nil, text); !slices.Equal(got, want) {
				t.Error("encode differs between goroutines")
			}
		})
	}
	wait.Wait()
}

// Training twice, on another number of processors, gives the same file.
func TestTrainingTwiceGivesTheSameFile(t *testing.T) { // changes GOMAXPROCS, so not parallel
	for _, mode := range []morphopiece.Mode{morphopiece.Plain, morphopiece.Fused, ""} {
		first := file(t, newModel(t, mode))
		before := runtime.GOMAXPROCS(1)
		second := file(t, newModel(t, mode))
		runtime.GOMAXPROCS(before)
		if !bytes.Equal(first, second) {
			t.Errorf("mode %q: the second file differs", mode)
		}
	}
}

func TestFusedMakesFewerTokens(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Join(tokenizertest.Corpus(), ""))
	fused := newModel(t, morphopiece.Fused)
	if a, b := len(fused.AppendEncode(nil, text)), len(plain(t).AppendEncode(nil, text)); a > b {
		t.Errorf("fused makes %d tokens, plain %d", a, b)
	}
	if got := decoded(fused, string(text)); got != string(text) {
		t.Error("fused loses text")
	}
}

func TestCounterWords(t *testing.T) {
	t.Parallel()
	c := morphopiece.NewCounter()
	c.Add([]byte("Ev, ev ev'de 12'de\n漢字 ev \xff"))
	if got := c.Words(); got["ev"] != 3 || got["Ev"] != 1 || len(got) != 2 {
		t.Errorf("words %v, want ev 3 times and Ev once", got)
	}
}

// However many different words come, the rare ones make room.
func TestCounterIsBounded(t *testing.T) {
	t.Parallel()
	c := morphopiece.NewSmallCounter(1000)
	for i := range 20000 {
		c.Add([]byte("ev okul" + strings.Repeat("a", i%50) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + " ev\n"))
		if c.Types() > 1000 {
			t.Fatalf("%d different spans are held", c.Types())
		}
	}
	if got := c.Words()["ev"]; got != 40000 {
		t.Errorf("ev was counted %d times, want 40000", got)
	}
}
