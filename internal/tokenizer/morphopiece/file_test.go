package morphopiece_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

func file(t testing.TB, m *morphopiece.Model) []byte {
	t.Helper()
	text, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFileComesBack(t *testing.T) {
	t.Parallel()
	for _, m := range []*morphopiece.Model{plain(t), withoutMorphemes(t)} {
		text := file(t, m)
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, text, "", "  "); err != nil {
			t.Fatal(err)
		}
		back, err := morphopiece.ReadFile(spaced.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if back.Hash() != m.Hash() || len(m.Hash()) != 64 || !bytes.Equal(file(t, back), text) {
			t.Errorf("%s: the file that came back differs", m.Kind())
		}
		for _, line := range append(slices.Clone(tokenizertest.Nasty), tokenizertest.Corpus()[:20]...) {
			if a, b := pieces(m, line), pieces(back, line); strings.Join(a, "|") != strings.Join(b, "|") {
				t.Errorf("%q was %q and is %q", line, a, b)
			}
		}
	}
}

// A program that reads JSON and writes it again may write keys in another order,
// numbers and characters in other ways: the values are the same.
func TestFileWrittenByOthersComesBack(t *testing.T) {
	t.Parallel()
	exponents := regexp.MustCompile(`"score":-([0-9])([0-9]*)\.([0-9]+)`)
	for _, m := range []*morphopiece.Model{plain(t), withoutMorphemes(t)} {
		text := file(t, m)
		var values any
		if err := json.Unmarshal(text, &values); err != nil {
			t.Fatal(err)
		}
		sorted, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		other := exponents.ReplaceAllFunc(text, func(score []byte) []byte {
			number, _ := strconv.ParseFloat(string(score[len(`"score":`):]), 64)
			return strconv.AppendFloat([]byte(`"score":`), number, 'e', -1, 64)
		})
		for _, rewritten := range [][]byte{sorted, other} {
			if bytes.Equal(rewritten, text) {
				t.Fatal("the other program writes the same file")
			}
			back, err := morphopiece.ReadFile(rewritten)
			if err != nil {
				t.Fatalf("%s: %v", m.Kind(), err)
			}
			if back.Hash() != m.Hash() || !bytes.Equal(file(t, back), text) {
				t.Errorf("%s: the file that came back differs", m.Kind())
			}
			altered := bytes.Replace(rewritten, []byte(`"score":-`), []byte(`"score":-1`), 1)
			if _, err := morphopiece.ReadFile(altered); err == nil || !strings.Contains(err.Error(), "altered") {
				t.Errorf("%s: another score: error %v", m.Kind(), err)
			}
		}
	}
}

// A file that is cut off, altered, foreign or old is refused in one line.
func TestBrokenFilesAreRefused(t *testing.T) {
	t.Parallel()
	text := string(file(t, withoutMorphemes(t)))
	replace := func(old, with string) string {
		changed := strings.Replace(text, old, with, 1)
		if changed == text {
			t.Fatalf("the file lacks %q", old)
		}
		return changed
	}
	for name, broken := range map[string]string{
		"empty":    "",
		"cut off":  text[:len(text)/2],
		"no model": `{"type":"morphopiece","version":1}`,
		"foreign":  `{"version":"1.0","model":{"type":"BPE","vocab":{}}}`,
		"old":      replace(`"version":1`, `"version":0`),
		"altered":  replace(`"score":-`, `"score":-1`),
		"renamed":  replace(`"kind":"unigram"`, `"kind":"bpe"`),
		"a list":   "[]",
	} {
		_, err := morphopiece.ReadFile([]byte(broken))
		if err == nil {
			t.Errorf("%s: a model was made of it", name)
		} else if strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
			t.Errorf("%s: %v is not one sentence", name, err)
		}
	}
}

// A file whose hash is right and whose content no training makes is refused for
// what is wrong with it.
func TestWrongContentsAreRefused(t *testing.T) {
	t.Parallel()
	model := func(kind, mode string, size int, piece, frequent string) string {
		return fmt.Sprintf(`{"kind":%q,"mode":%q,"vocab_size":%d,"pieces":[%s],"frequent":%s}`, kind, mode, size, piece, frequent)
	}
	const good, none = `{"text":"ab","score":-1,"start":2,"later":3}`, `{"words":null,"counts":null}`
	if _, err := morphopiece.ReadFile(morphopiece.Sealed([]byte(model("unigram", "plain", 259, good, none)))); err != nil {
		t.Fatalf("the file that the others are made of: %v", err)
	}
	for want, content := range map[string]string{
		"its kind is":      model("bpe", "plain", 259, good, none),
		"its mode is":      model("unigram", "molten", 259, good, none),
		"has a segmenter":  model("morphopiece", "plain", 259, good, none),
		"and says 300":     model("unigram", "plain", 300, good, none),
		"characters":       model("unigram", "plain", 259, `{"text":"`+strings.Repeat("ab", 100)+`","score":-1,"start":2,"later":3}`, none),
		"the score -1e+30": model("unigram", "plain", 259, `{"text":"ab","score":-1e30,"start":2,"later":3}`, none),
		"the score 1":      model("unigram", "plain", 259, `{"text":"ab","score":1,"start":2,"later":3}`, none),
		"has the types":    model("unigram", "plain", 259, `{"text":"ab","score":-1,"start":2,"later":99}`, none),
		"is suffix 1 of 0": model("unigram", "plain", 259, `{"text":"ab","score":-1,"start":2,"later":3,"suffix":1}`, none),
		"order":            model("unigram", "plain", 260, `{"text":"ab","score":-2,"start":2,"later":3},{"text":"cd","score":-1,"start":2,"later":3}`, none),
		"and 0 counts":     model("unigram", "plain", 259, good, `{"words":["ev"],"counts":[]}`),
		"is not one word":  model("unigram", "plain", 259, good, `{"words":["ev ev"],"counts":[1]}`),
	} {
		_, err := morphopiece.ReadFile(morphopiece.Sealed([]byte(content)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "train it again") {
			t.Errorf("%v; want %q and what to do", err, want)
		}
	}
}

// Files with a right hash and wrong contents are refused, or make a model that
// works.
func FuzzReadFile(f *testing.F) {
	text := file(f, withoutMorphemes(f))
	var whole struct {
		Model json.RawMessage `json:"model"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(whole.Model))
	f.Add([]byte(`{"kind":"unigram","mode":"plain","vocab_size":259,"pieces":[{"text":"ab","score":-1,"start":2,"later":3}],"frequent":{"words":null,"counts":null}}`))
	f.Add([]byte(`{"kind":"unigram","mode":"plain","vocab_size":259,"pieces":[{"text":"ab","score":-1e308,"start":2,"later":3}],"frequent":{"words":null,"counts":null}}`))
	f.Add([]byte(`{"kind":"morphopiece","mode":"fused","vocab_size":258,"pieces":[],"frequent":{},"segmenter":{}}`))
	f.Fuzz(func(t *testing.T, model []byte) {
		m, err := morphopiece.ReadFile(morphopiece.Sealed(model))
		if err != nil {
			return
		}
		encoder := m.NewForgetfulEncoder() // the usual cache takes longer to make than all the rest
		for _, line := range tokenizertest.Nasty[:10] {
			if got := string(m.AppendDecode(nil, encoder.AppendEncode(nil, []byte(line)))); got != line {
				t.Fatalf("decode(encode(%q)) = %q", line, got)
			}
		}
		if _, err := morphopiece.ReadFile(file(t, m)); err != nil {
			t.Fatalf("a model was read, and its file is refused: %v", err)
		}
	})
}
