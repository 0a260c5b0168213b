package blackbox

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agiformer/internal/tokenizer/tokenizertest"
)

// tokenizerFiles are a corpus, gold words and the tokenizer that is trained on
// them once for all tests.
var tokenizerFiles struct {
	sync.Once
	corpus, gold, file string
}

// trainedTokenizer returns the file of a small MorphoPiece.
func trainedTokenizer(t *testing.T) string {
	t.Helper()
	f := &tokenizerFiles
	f.Do(func() {
		corpus, gold, file := filepath.Join(scratch, "words.txt"), filepath.Join(scratch, "gold.tsv"), filepath.Join(scratch, "tokenizer.json")
		writeText(t, corpus, strings.Join(tokenizertest.Corpus(), ""))
		writeText(t, gold, tokenizertest.Gold())
		succeed(t, "tokenizer", "train", "--corpus", corpus, "--gold", gold, "--vocab-size", "380", "--whole-words", "0", "--out", file)
		f.corpus, f.gold, f.file = corpus, gold, file
	})
	if f.file == "" {
		t.Fatal("the tokenizer could not be trained")
	}
	return f.file
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTokenizerTrainTwice(t *testing.T) {
	t.Parallel()
	first := trainedTokenizer(t)
	second := filepath.Join(t.TempDir(), "again.json")
	end := agiformer(t, "tokenizer", "train", "--corpus", tokenizerFiles.corpus, "--gold", tokenizerFiles.gold,
		"--vocab-size", "380", "--whole-words", "0", "--out", second).ok(t)
	if !strings.Contains(end.stdout, " ids, from 0.0 MB of text") {
		t.Errorf("train says %q", end.stdout)
	}
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the second file differs")
	}
}

// An interrupt stops training in one sentence and leaves no part of a file.
func TestTokenizerTrainInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	corpus, folder := filepath.Join(dir, "text.txt"), filepath.Join(dir, "out")
	r := rand.New(rand.NewPCG(9, 10))
	var text strings.Builder
	for range 40000 { // words enough for seconds of training
		for range 2 + r.IntN(3) {
			text.WriteByte("bdgklmnrst"[r.IntN(10)])
			text.WriteByte("aeio"[r.IntN(4)])
		}
		text.WriteString("lar\n")
	}
	writeText(t, corpus, text.String())
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	command, stdout, _ := program{arguments: []string{"tokenizer", "train", "--corpus", corpus, "--out", filepath.Join(folder, "tokenizer.json")}}.command(t)
	command.Stderr = nil
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	alarm := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	defer alarm.Stop()
	var said []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if said = append(said, lines.Text()); lines.Text() == "reading words ..." {
			_ = command.Process.Signal(os.Interrupt)
		}
	}
	want := "reading words ...|agiformer: stopped before the tokenizer was complete: run the same command again"
	if code := exitCode(t, command.Wait()); code != 1 || stdout.Len() > 0 || !strings.HasSuffix(strings.Join(said, "|"), want) {
		t.Errorf("exit code %d, standard output %q, standard error %q; want 1, none, and at the end %q", code, stdout, said, want)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v is left in the folder of --out (%v)", left, err)
	}
}

// Every line comes back from encode and decode, whatever it holds.
func TestTokenizerRoundTrip(t *testing.T) {
	t.Parallel()
	file := trainedTokenizer(t)
	var lines []string
	for _, text := range tokenizertest.Nasty {
		lines = append(lines, strings.ReplaceAll(text, "\n", " "))
	}
	text := strings.Join(lines, "\n") + "\n"
	ids := program{arguments: []string{"tokenizer", "encode", "--tokenizer", file}, stdin: text}.run(t).ok(t).stdout
	if back := (program{arguments: []string{"tokenizer", "decode", "--tokenizer", file}, stdin: ids}).run(t).ok(t).stdout; back != text {
		t.Errorf("%q came back as %q", text, back)
	}
}

func TestTokenizerLines(t *testing.T) {
	t.Parallel()
	file := trainedTokenizer(t)
	for _, c := range []struct {
		arguments   []string
		stdin, want string
	}{
		{[]string{"encode", "--pieces"}, "evlerden\n", "evlerden\tev|ler|den\n"},
		{[]string{"encode", "--pieces"}, "evlerden denizde\n", "evlerden denizde\tev|ler|den| deniz|de\n"},
		{[]string{"segment"}, "okullarda\n\nmasa\n", "okullarda\tokul|lar|da\n\t\nmasa\tmasa\n"},
		{[]string{"inspect"}, "evlerden\n", "plural"},
		{[]string{"inspect"}, "evlerden\n", "ev[ROOT] + ler[PLU] + den[ABL]"},
	} {
		arguments := append(append([]string{"tokenizer"}, c.arguments...), "--tokenizer", file)
		got := program{arguments: arguments, stdin: c.stdin}.run(t).ok(t).stdout
		if c.arguments[0] == "inspect" && strings.Contains(got, c.want) {
			continue
		}
		if got != c.want {
			t.Errorf("%v of %q prints %q, want %q", c.arguments, c.stdin, got, c.want)
		}
	}
}

func TestTokenizerMistakes(t *testing.T) {
	t.Parallel()
	file := trainedTokenizer(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.json")
	writeText(t, cut, string(whole[:len(whole)/2]))
	altered := filepath.Join(t.TempDir(), "altered.json")
	writeText(t, altered, strings.Replace(string(whole), `"score":-`, `"score":-1`, 1))
	out := filepath.Join(t.TempDir(), "x.json")
	for want, arguments := range map[string][]string{
		"JSON":           {"tokenizer", "encode", "--tokenizer", cut},
		"altered":        {"tokenizer", "encode", "--tokenizer", altered},
		"fields":         {"tokenizer", "train", "--corpus", tokenizerFiles.corpus, "--gold", trainText, "--out", out},
		"none.dic":       {"tokenizer", "train", "--corpus", tokenizerFiles.corpus, "--lexicon", "none.dic", "--out", out},
		"none.txt":       {"tokenizer", "train", "--corpus", "none.txt", "--out", out},
		"plain or fused": {"tokenizer", "train", "--corpus", tokenizerFiles.corpus, "--mode", "both", "--out", out},
		"cannot be written": {"tokenizer", "train", "--corpus", tokenizerFiles.corpus, "--kind", "unigram", "--vocab-size", "300",
			"--out", filepath.Join(t.TempDir(), "no", "x.json")},
		"--format": {"tokenizer", "export", "--tokenizer", file, "--format", "bpe", "--out", out},
	} {
		end := program{arguments: arguments, stdin: "ev\n"}.run(t)
		if end.code != 2 {
			t.Errorf("%v: exit code %d, want 2", arguments, end.code)
		}
		if lines := strings.Split(strings.TrimSpace(end.stderr), "\n"); !strings.Contains(lines[len(lines)-1], want) {
			t.Errorf("%v says %q, which lacks %q", arguments, end.stderr, want)
		}
	}
}

// The exported file gives the ids of ours where Hugging Face's library is
// installed, for words whose most probable pieces are their morphemes.
func TestTokenizerExport(t *testing.T) {
	t.Parallel()
	file := trainedTokenizer(t)
	out := filepath.Join(t.TempDir(), "hf.json")
	said := succeed(t, "tokenizer", "export", "--tokenizer", file, "--format", "hf", "--out", out)
	if !strings.Contains(said, "agrees on") {
		t.Errorf("export says %q", said)
	}
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import tokenizers").Run(); err != nil {
		t.Skipf("%s has no tokenizers package: the exported file was not loaded (PYTHON names another Python)", python)
	}
	script := `import sys, tokenizers
t = tokenizers.Tokenizer.from_file(sys.argv[1])
for line in sys.stdin.read().split("\n")[:-1]:
    e = t.encode(line)
    assert t.decode(e.ids, skip_special_tokens=False) == line, line
    print(*e.ids)`
	text := "deniz evlerden 2024'te \U0001f642 (%50)  ç\tx ğ'den.\nokul\n"
	command := exec.Command(python, "-c", script, out)
	command.Stdin = strings.NewReader(text)
	theirs, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, theirs)
	}
	ours := program{arguments: []string{"tokenizer", "encode", "--tokenizer", file}, stdin: text}.run(t).ok(t).stdout
	if string(theirs) != ours {
		t.Errorf("Hugging Face's library gives\n%s, this program\n%s", theirs, ours)
	}
}

// A run without a tokenizer's file trains one on its text, keeps it in the
// cache and in its checkpoints, and goes on with it.
func TestTrainWithMorphoPiece(t *testing.T) {
	t.Parallel()
	cache := "XDG_CACHE_HOME=" + t.TempDir()
	folder := filepath.Join(t.TempDir(), "run")
	overrides := []string{"tokenizer=morphopiece", "tokenizer.vocab_size=300", "training.max_steps=6", "training.save_interval=3"}
	first := program{arguments: tiny(folder, overrides...), set: []string{cache}}.run(t).ok(t)
	if !strings.Contains(first.stderr+first.stdout, "training morphopiece with 300 ids") {
		t.Errorf("the run does not say that it trains a tokenizer:\n%s%s", first.stdout, first.stderr)
	}
	checkpoint := filepath.Join(folder, "checkpoints", "latest")
	made := filepath.Join(checkpoint, "tokenizer.json")
	written := program{arguments: []string{"generate", "--checkpoint", checkpoint, "--prompt", "küçük çocuk", "--max-new-tokens", "8", "--json"}}.run(t).ok(t)
	if !strings.Contains(written.stdout, `"text"`) {
		t.Errorf("generate prints %q", written.stdout)
	}
	if out := succeed(t, "eval", "--checkpoint", checkpoint, "--data", validText, "--json"); !strings.Contains(out, "bits_per_byte") {
		t.Errorf("eval prints %q", out)
	}
	// It goes on without the cache; a tokenizer of the same name with other
	// ids, and a vocabulary size that is not the tokenizer's, are refused.
	more := append(tiny(folder, overrides...), "training.max_steps=8", "--resume", "auto")
	program{arguments: more, set: []string{"XDG_CACHE_HOME=" + t.TempDir()}}.run(t).ok(t)
	other := append(tiny(filepath.Join(t.TempDir(), "other"), overrides...), "tokenizer.path="+made, "model.vocab_size=256")
	if end := agiformer(t, other...); end.code != 2 || !strings.Contains(end.stderr, "model.vocab_size") {
		t.Errorf("code %d, %q; want 2 and model.vocab_size", end.code, end.stderr)
	}
	foreign := append(tiny(folder, overrides...), "tokenizer.path="+trainedTokenizer(t), "--resume", "auto")
	if end := agiformer(t, foreign...); end.code != 2 || !strings.Contains(end.stderr, "tokenizer") {
		t.Errorf("another tokenizer: code %d, %q", end.code, end.stderr)
	}
	again := program{arguments: tiny(filepath.Join(t.TempDir(), "again"), append(overrides, "tokenizer.path="+made)...)}.run(t).ok(t)
	if strings.Contains(again.stderr+again.stdout, "training morphopiece") {
		t.Error("a tokenizer was trained although its file was named")
	}
}
