package pretoken_test

import (
	"slices"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/pretoken"
)

func cut(text string) []string {
	var spans []string
	kind := pretoken.LineEnd
	for rest := []byte(text); len(rest) > 0; {
		span := pretoken.Next(rest, kind)
		kind = span.Kind
		spans = append(spans, string(rest[:span.Len]))
		rest = rest[span.Len:]
	}
	return spans
}

func TestSpans(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"Bir ev":                {"Bir", " ev"},
		"TBMM'ye gitti.":        {"TBMM'ye", " gitti", "."},
		"Ankara’da, 2024'te":    {"Ankara’da", ",", " 2024", "'te"},
		"%50'si  iki":           {"%", "50", "'si", " ", " iki"},
		"son   \n\n  iç":        {"son", "   ", "\n", "\n", " ", " iç"},
		"'alıntı' dedi":         {"'", "alıntı", "'", " dedi"},
		"e\u0302v (x) ...":      {"e\u0302v", " (", "x", ")", " ..."},
		"a\tb\r\n":              {"a", "\t", "b", "\r", "\n"},
		"ev\xff\xfe\xc3 \x00 🙂": {"ev", "\xff\xfe\xc3", " \x00", " 🙂"},
		"дом 漢字":                {"дом", " 漢字"},
	}
	for text, want := range cases {
		if got := cut(text); !slices.Equal(got, want) {
			t.Errorf("spans of %q are %q, want %q", text, got, want)
		}
	}
}

func TestSpansAreBounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ş", " ", "1", "!", "\xff", "🙂", "e\u0302"} {
		long := strings.Repeat(text, 1000)
		spans := cut(long)
		if strings.Join(spans, "") != long {
			t.Fatalf("the spans of many %q are not the text", text)
		}
		for _, span := range spans {
			if len(span) > pretoken.MaxSpan+4 {
				t.Errorf("a span of many %q takes %d bytes", text, len(span))
			}
		}
	}
}

// Spans put together are the text, and a text can be cut after any line feed.
func FuzzSpans(f *testing.F) {
	for _, text := range []string{"a b", "x'y\n'z", " \n ", "\xc3\n\xb6", "1\n'te"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spans := cut(text)
		if strings.Join(spans, "") != text {
			t.Fatalf("the spans of %q are %q", text, spans)
		}
		if i := strings.IndexByte(text, '\n') + 1; i > 0 {
			if parts := append(cut(text[:i]), cut(text[i:])...); !slices.Equal(parts, spans) {
				t.Fatalf("%q has the spans %q, cut after its first line %q", text, spans, parts)
			}
		}
	})
}
