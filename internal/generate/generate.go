// Package generate writes text with a trained model, token by token.
package generate

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"

	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// Writer is a model that is ready to write.
type Writer struct {
	Model     *model.Model
	Tokenizer tokenizer.Tokenizer
	// Forward runs a forward pass in the wanted precision: it calls its
	// argument once. nil is float32.
	Forward func(func())
}

// Result is what was written.
type Result struct {
	Prompt string `json:"prompt"`
	Text   string `json:"text"`
	// IDs are the new tokens; an end of document, which ends the text, is not
	// among them.
	IDs []int32 `json:"ids"`
	// Logprobs are the natural logarithms of the tokens' probabilities under
	// the model, before temperature and truncation.
	Logprobs []float64 `json:"logprobs"`
}

// Run goes on from the prompt until opts.MaxNewTokens, the document's end or
// the context's, and writes the text to out as it is made. The prompt is the
// start of a document, as in training and evaluation: it is cut into segments
// of max_seq_len, and past that length the text rolls into the model's memory.
// Called outside jobs: each token is one.
func (w *Writer) Run(ctx context.Context, prompt []byte, opts Options, out io.Writer) (result *Result, err error) {
	ids := w.Tokenizer.Encode(prompt)
	if len(ids) == 0 {
		return nil, errors.New("the prompt is empty: it holds only NUL and 0x03, which no document may hold")
	}
	var decoder *model.Decoder
	if err := torch.Do(func() { decoder = w.Model.NewDecoder(w.Tokenizer.NewLabeler()) }); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, torch.Do(decoder.Free)) }()
	random := rand.New(rand.NewPCG(uint64(opts.Seed), 0))
	text := NewText(out)
	result = &Result{Prompt: string(prompt), IDs: []int32{}, Logprobs: []float64{}}
	for len(result.IDs) < opts.MaxNewTokens && ctx.Err() == nil {
		id, logprob, err := w.next(decoder, ids, opts, random)
		if err != nil {
			return nil, err
		}
		if id == w.Tokenizer.EndOfDocument() {
			break
		}
		result.IDs = append(result.IDs, id)
		result.Logprobs = append(result.Logprobs, logprob)
		ids = []int32{id}
		if err := text.Add(w.Tokenizer.Decode(ids)); err != nil {
			return nil, err
		}
	}
	if err := text.Close(); err != nil {
		return nil, err
	}
	result.Text = text.String()
	return result, nil
}

// next feeds the newest tokens and draws one from what the model predicts
// after the last of them.
func (w *Writer) next(d *model.Decoder, ids []int32, opts Options, random *rand.Rand) (id int32, logprob float64, err error) {
	err = torch.Do(func() {
		torch.NoGrad(func() {
			var logits *torch.Tensor // [n, V]
			w.forward(func() { logits = d.Feed(ids) })
			last := torch.Data[float32](logits.Select(0, logits.Size(0)-1).Float()) // [V]
			sampling := model.SampleOptions{Temperature: opts.Temperature, TopK: opts.TopK, TopP: opts.TopP}
			id = model.SampleValues(last, sampling, random)
			logprob = logProbability(last, id)
		})
	})
	return id, logprob, err
}

func (w *Writer) forward(fn func()) {
	if w.Forward == nil {
		fn()
		return
	}
	w.Forward(fn)
}

// logProbability is the log-softmax of the logits at id, in float64 and with
// the largest logit taken off first, so that nothing overflows.
func logProbability(logits []float32, id int32) float64 {
	largest := math.Inf(-1)
	for _, l := range logits {
		largest = math.Max(largest, float64(l))
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - largest)
	}
	return float64(logits[id]) - largest - math.Log(sum)
}
