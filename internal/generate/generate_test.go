package generate_test

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/generate"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// tinyWriter builds an untrained model with memory and two experts, segments
// of 16 bytes.
func tinyWriter(t *testing.T) *generate.Writer {
	t.Helper()
	cfg := config.Model{
		Name: "tiny", DModel: 32, NLayers: 2, NHeads: 2, DFF: 64, NExperts: 2, ExpertTypes: []string{"language", "logic"},
		MemorySize: 4, MaxSeqLen: 16, UseMemory: true, MemoryUpdateFreq: 1, EmbeddingContext: 3,
		MoE: config.MoE{LoadBalancingScope: "batch"},
	}
	tok := tokenizer.NewByte()
	var m *model.Model
	err := torch.Do(func() {
		built, err := model.New(cfg, tok.VocabSize(), torch.CPU, torch.Float32, 1)
		if err != nil {
			torch.Fail(err)
		}
		m = built
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := torch.Do(m.Free); err != nil {
			t.Error(err)
		}
	})
	return &generate.Writer{Model: m, Tokenizer: tok}
}

func write(t *testing.T, w *generate.Writer, prompt string, o generate.Options) (*generate.Result, string) {
	t.Helper()
	var out bytes.Buffer
	result, err := w.Run(context.Background(), []byte(prompt), o, &out)
	if err != nil {
		t.Fatal(err)
	}
	return result, out.String()
}

// The logprobs of what was written are those of reading it in one go, prompt
// and new text past several segments.
func TestLogprobsAreThoseOfReading(t *testing.T) {
	t.Parallel()
	w := tinyWriter(t)
	const prompt = "Bir varmış, bir yokmuş." // longer than a segment
	o := generate.Options{MaxNewTokens: 40, Temperature: 0.9, TopK: 30, TopP: 0.8, Seed: 3}
	result, streamed := write(t, w, prompt, o)
	if streamed != result.Text || result.Prompt != prompt {
		t.Errorf("streamed %q, the result's text is %q", streamed, result.Text)
	}
	if text := strings.ToValidUTF8(string(w.Tokenizer.Decode(result.IDs)), "\uFFFD"); len(result.IDs) == 0 || text == "" {
		t.Fatalf("%d ids with the text %q", len(result.IDs), text)
	}
	ids := append(w.Tokenizer.Encode([]byte(prompt)), result.IDs...)
	var logProbs []float32 // [n, V]
	err := torch.Do(func() {
		decoder := w.Model.NewDecoder(w.Tokenizer.NewLabeler())
		defer decoder.Free()
		logProbs = torch.Data[float32](decoder.Feed(ids).LogSoftmax(-1))
	})
	if err != nil {
		t.Fatal(err)
	}
	first := len(ids) - len(result.IDs)
	for i, id := range result.IDs {
		want := logProbs[(first+i-1)*w.Tokenizer.VocabSize()+int(id)]
		if math.Abs(float64(want)-result.Logprobs[i]) > 1e-4 {
			t.Fatalf("token %d: logprob %g, reading gives %g", i, result.Logprobs[i], want)
		}
	}
}

func TestSeedsAndGreedyDecoding(t *testing.T) {
	t.Parallel()
	w := tinyWriter(t)
	o := generate.Options{MaxNewTokens: 20, Temperature: 1, TopP: 1, Seed: 3}
	first, _ := write(t, w, "Ali", o)
	if again, _ := write(t, w, "Ali", o); again.Text != first.Text {
		t.Errorf("one seed gave %q and %q", first.Text, again.Text)
	}
	o.Seed = 4
	if other, _ := write(t, w, "Ali", o); other.Text == first.Text {
		t.Errorf("two seeds gave %q", first.Text)
	}
	o.Temperature = 0
	greedy, _ := write(t, w, "Ali", o)
	for i, logprob := range greedy.Logprobs {
		if logprob < -math.Log(256) {
			t.Errorf("token %d of the greedy text has the logprob %g, less than a guess", i, logprob)
		}
	}
}

func TestEndings(t *testing.T) {
	t.Parallel()
	w := tinyWriter(t)
	o := generate.Options{MaxNewTokens: 5, Temperature: 1, TopP: 1}
	if _, err := w.Run(context.Background(), []byte("\x00\x03"), o, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("a prompt without text gave the error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	result, err := w.Run(ctx, []byte("Ali"), o, &bytes.Buffer{})
	if err != nil || len(result.IDs) != 0 {
		t.Errorf("a cancelled call wrote %v (%v)", result, err)
	}
	// Somewhere among many draws the end of a document comes; it ends the text
	// and is not part of it.
	o.MaxNewTokens = 3000
	long, _ := write(t, w, "Ali", o)
	if len(long.IDs) == o.MaxNewTokens {
		t.Fatalf("%d draws from 255 tokens never ended the document", o.MaxNewTokens)
	}
	for _, id := range long.IDs {
		if id == w.Tokenizer.EndOfDocument() {
			t.Fatal("the end of the document is among the ids")
		}
	}
}
