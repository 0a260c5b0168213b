package blackbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tokenLoss is one line of eval --token-losses.
type tokenLoss struct {
	Doc, Pos, ID int
	NLL          float64
}

// tokenLosses evaluates files, each a document, and gives the losses by
// document and position.
func tokenLosses(t *testing.T, checkpoint string, files ...string) map[int]map[int]tokenLoss {
	t.Helper()
	out := filepath.Join(t.TempDir(), "losses.jsonl")
	succeed(t, append([]string{"eval", "--checkpoint", checkpoint, "--token-losses", out, "--data"}, files...)...)
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	documents := map[int]map[int]tokenLoss{}
	var last tokenLoss
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var l tokenLoss
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("token losses: %v in %s", err, scanner.Text())
		}
		if l.Doc < last.Doc || l.Doc == last.Doc && l.Pos != last.Pos+1 {
			t.Fatalf("after document %d, position %d comes document %d, position %d", last.Doc, last.Pos, l.Doc, l.Pos)
		}
		last = l
		if documents[l.Doc] == nil {
			documents[l.Doc] = map[int]tokenLoss{}
		}
		documents[l.Doc][l.Pos] = l
	}
	return documents
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// generation is what generate --json prints.
type generation struct {
	Prompt, Text string
	IDs          []int
	Logprobs     []float64
}

func generateJSON(t *testing.T, arguments ...string) generation {
	t.Helper()
	var g generation
	out := succeed(t, append([]string{"generate", "--json"}, arguments...)...)
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&g); err != nil {
		t.Fatalf("generate --json printed %q: %v", out, err)
	}
	if len(g.IDs) != len(g.Logprobs) {
		t.Fatalf("%d ids and %d logprobs", len(g.IDs), len(g.Logprobs))
	}
	return g
}

// generated samples 80 tokens, with the first seed that does not end the
// document early.
func generated(t *testing.T, run, prompt string) (generation, []byte) {
	t.Helper()
	for seed := range 20 {
		g := generateJSON(t, "--checkpoint", run, "--prompt", prompt, "--max-new-tokens", "80", "--seed", fmt.Sprint(seed))
		if len(g.IDs) < 60 {
			continue
		}
		bytes := make([]byte, len(g.IDs))
		for i, id := range g.IDs {
			bytes[i] = byte(id)
		}
		return g, bytes
	}
	t.Fatal("20 seeds ended the document before the 60th token")
	return generation{}, nil
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	run := trainedRun(t)
	arguments := func(more ...string) []string {
		return append([]string{"--checkpoint", run, "--prompt", "Küçük çocuk ", "--max-new-tokens", "40"}, more...)
	}
	t.Run("the seed decides", func(t *testing.T) {
		t.Parallel()
		first := generateJSON(t, arguments("--seed", "5")...)
		if again := generateJSON(t, arguments("--seed", "5")...); again.Text != first.Text {
			t.Errorf("one seed gave %q and %q", first.Text, again.Text)
		}
		if other := generateJSON(t, arguments("--seed", "6")...); other.Text == first.Text {
			t.Errorf("two seeds both gave %q", first.Text)
		}
		streamed := succeed(t, append([]string{"generate"}, arguments("--seed", "5")...)...)
		if strings.TrimSuffix(streamed, "\n") != first.Text {
			t.Errorf("streamed %q, --json has %q", streamed, first.Text)
		}
	})
	t.Run("greedy", func(t *testing.T) {
		t.Parallel()
		greedy := generateJSON(t, arguments("--temperature", "0", "--seed", "1")...)
		if again := generateJSON(t, arguments("--temperature", "0", "--seed", "2")...); again.Text != greedy.Text {
			t.Errorf("greedy decoding depends on the seed: %q and %q", greedy.Text, again.Text)
		}
		narrow := generateJSON(t, arguments("--top-k", "1", "--seed", "3")...)
		if narrow.Text != greedy.Text {
			t.Errorf("top-k 1 gave %q, greedy %q", narrow.Text, greedy.Text)
		}
	})
	t.Run("a prompt from a file", func(t *testing.T) {
		t.Parallel()
		file := writeFile(t, "prompt.txt", []byte("Küçük çocuk "))
		g := generateJSON(t, "--checkpoint", run, "--prompt-file", file, "--max-new-tokens", "5", "--temperature", "0")
		if g.Prompt != "Küçük çocuk " {
			t.Errorf("the prompt is %q", g.Prompt)
		}
		if len(g.IDs) > 5 {
			t.Errorf("%d new tokens, want at most 5", len(g.IDs))
		}
	})
}

// Lanes of an evaluation do not touch one another, and the whole is the sum.
func TestEvaluationOfSeveralFilesIsThatOfEach(t *testing.T) {
	t.Parallel()
	run := trainedRun(t)
	texts := []string{documents(21, 1), documents(22, 3), "Kısa bir metin."}
	var files []string
	for _, text := range texts {
		files = append(files, writeFile(t, "text.txt", []byte(text)))
	}
	together := tokenLosses(t, run, files...)
	for i, file := range files {
		alone := tokenLosses(t, run, file)[0]
		if len(alone) != len(texts[i])-1 || len(together[i]) != len(alone) {
			t.Fatalf("file %d: %d losses alone, %d together, want %d", i, len(alone), len(together[i]), len(texts[i])-1)
		}
		for pos, loss := range alone {
			if math.Abs(loss.NLL-together[i][pos].NLL) > 1e-5 {
				t.Fatalf("file %d, byte %d: %g alone, %g together", i, pos, loss.NLL, together[i][pos].NLL)
			}
		}
	}
}
