package generate_test

import (
	"slices"
	"strings"
	"testing"

	"agiformer/internal/generate"
)

// pieces records every write.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

func TestTextWritesWholeCharacters(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		tokens, want []string
	}{
		"one byte a token":       {[]string{"a", "\xc4", "\x9f", "ı"}, []string{"a", "ğ", "ı"}},
		"four bytes":             {[]string{"\xf0", "\x9f", "\x98", "\x80!"}, []string{"😀!"}},
		"a broken character":     {[]string{"\xc4", "a"}, []string{"\uFFFDa"}},
		"a stray continuation":   {[]string{"x\x9fy"}, []string{"x\uFFFDy"}},
		"cut off at the end":     {[]string{"s", "\xc5"}, []string{"s"}},
		"several characters":     {[]string{"çö\xc5", "\x9f"}, []string{"çö", "ş"}},
		"a token without a byte": {[]string{"", "k"}, []string{"k"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got pieces
			text := generate.NewText(&got)
			for _, token := range c.tokens {
				if err := text.Add([]byte(token)); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("wrote %q, want %q", got, c.want)
			}
			if text.String() != strings.Join(c.want, "") {
				t.Errorf("the whole text is %q, want %q", text.String(), strings.Join(c.want, ""))
			}
		})
	}
}

func TestValidateNamesTheFlag(t *testing.T) {
	t.Parallel()
	good := generate.Options{Checkpoint: "run", Prompt: "Bir", MaxNewTokens: 1, Temperature: 1, TopK: 50, TopP: 0.9}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(*generate.Options){
		"--checkpoint":     func(o *generate.Options) { o.Checkpoint = "" },
		"--prompt-file":    func(o *generate.Options) { o.PromptFile = "x" },
		"--max-new-tokens": func(o *generate.Options) { o.MaxNewTokens = 0 },
		"--temperature":    func(o *generate.Options) { o.Temperature = -0.1 },
		"--top-k":          func(o *generate.Options) { o.TopK = -1 },
		"--top-p":          func(o *generate.Options) { o.TopP = 1.5 },
	}
	for flag, breakIt := range cases {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			bad := good
			breakIt(&bad)
			if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("error %v does not name %s", err, flag)
			}
		})
	}
}
