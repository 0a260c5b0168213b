// Package generate writes text with a trained model, token by token.
package generate

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"

	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// Writer is a model that is ready to write.
type Writer struct {
	Model     *model.Model
	Tokenizer tokenizer.Tokenizer
	// Forward runs its argument, once, in the wanted precision. nil is float32.
	Forward func(func())
}

// Result is what was written.
type Result struct {
	Prompt string `json:"prompt"`
	// Text is that of the new tokens, in whole characters: of one that was begun
	// with the last token allowed nothing is there.
	Text string `json:"text"`
	// IDs are the new tokens; an end of document, which ends the text, is not
	// among them.
	IDs []int32 `json:"ids"`
	// Logprobs are the natural logarithms of the tokens' probabilities under
	// the model, before temperature and truncation.
	Logprobs []float64 `json:"logprobs"`
	// Stopped says that the context ended before the text did.
	Stopped bool `json:"-"`
}

// Run goes on from the prompt until opts.MaxNewTokens, the document's end or
// the context's, and writes the text to out as it is made. The prompt is the
// start of a document, as in training and evaluation: it is cut into segments
// of max_seq_len, and past that length the text rolls into the model's memory.
// Called outside jobs.
func (w *Writer) Run(ctx context.Context, prompt []byte, opts Options, out io.Writer) (*Result, error) {
	ids := w.Tokenizer.Encode(prompt)
	if len(ids) == 0 {
		return nil, exit.Usage(errors.New("the prompt is empty: it holds only NUL and 0x03, which no document may hold"))
	}
	text := NewText(out)
	result := &Result{Prompt: string(prompt), IDs: []int32{}, Logprobs: []float64{}}
	// One job and one autocast for all tokens: what autocast casts of the
	// weights lasts until its end.
	err := torch.Do(func() {
		torch.NoGrad(func() {
			w.forward(func() { w.write(ctx, ids, opts, result, text) })
		})
	})
	if err != nil {
		return nil, err
	}
	result.Text = text.String()
	return result, nil
}

// write feeds the prompt and then each new token, and adds what the model goes
// on with to result and text. Called inside a job.
func (w *Writer) write(ctx context.Context, ids []int32, opts Options, result *Result, text *Text) {
	decoder := w.Model.NewDecoder(w.Tokenizer.NewLabeler())
	defer decoder.Free()
	sampling := model.SampleOptions{Temperature: opts.Temperature, TopK: opts.TopK, TopP: opts.TopP}
	random := rand.New(rand.NewPCG(uint64(opts.Seed), 0))
	for len(result.IDs) < opts.MaxNewTokens {
		logits := lastLogits(ctx, decoder, ids, int(w.Model.Config().SegmentLen()))
		if logits == nil {
			result.Stopped = true
			return
		}
		id := model.SampleValues(logits, sampling, random)
		if id == w.Tokenizer.EndOfDocument() {
			return
		}
		result.IDs = append(result.IDs, id)
		result.Logprobs = append(result.Logprobs, logProbability(logits, id))
		ids = []int32{id}
		if err := text.Add(w.Tokenizer.Decode(ids)); err != nil {
			torch.Fail(err)
		}
	}
}

// lastLogits feeds ids and returns the logits [V] after the last of them, on
// the host; nil where ctx ends first. A prompt of several segments goes in one by
// one, since the logits after all of its tokens at once would take more memory than
// the model.
func lastLogits(ctx context.Context, d *model.Decoder, ids []int32, segment int) []float32 {
	for ; len(ids) > segment && ctx.Err() == nil; ids = ids[segment:] {
		scope := torch.Enter()
		d.Feed(ids[:segment])
		scope.Exit()
	}
	if ctx.Err() != nil {
		return nil
	}
	scope := torch.Enter()
	defer scope.Exit()
	logits := d.Feed(ids) // [n, V]
	return torch.Data[float32](logits.Select(0, logits.Size(0)-1).Float())
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
