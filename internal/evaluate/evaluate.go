// Package evaluate is the eval command: a checkpoint's loss, calibration and
// expert usage on text that the user names, with memory carried through each
// document.
package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"agiformer/internal/data"
	"agiformer/internal/exit"
	"agiformer/internal/metrics"
	"agiformer/internal/pretrained"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// Options are what the user asks for.
type Options struct {
	Checkpoint string // a run folder or a checkpoint's folder
	// Data lists files, folders and globs; a plain text file is one document,
	// however long. Empty: the validation text that the checkpoint's
	// configuration names in data.valid.
	Data []string
	// TokenLosses is a file to write each predicted token's loss to; "" none.
	TokenLosses string
	Device      string // auto, cpu, cuda or cuda:N
	AMP         bool   // mixed precision instead of float32
	JSON        bool
	CacheDir    string // of tokenised text; "" is the per-user cache
}

// Validate checks what can be checked before anything is read.
func (o Options) Validate() error {
	if o.Checkpoint == "" {
		return errors.New("eval needs --checkpoint: the folder of a run or of one of its checkpoints")
	}
	return nil
}

// Run evaluates and prints the report to out; what was wrong with the text goes
// to notes. Where ctx ends first nothing is written, neither to out nor to
// o.TokenLosses.
func Run(ctx context.Context, o Options, out, notes io.Writer) error {
	losses, err := openTokenFile(o.TokenLosses)
	if err != nil {
		return exit.Usage(err)
	}
	r, err := o.run(ctx, losses, notes)
	if err != nil {
		return errors.Join(err, losses.discard())
	}
	if err := losses.close(); err != nil {
		return err
	}
	if o.JSON {
		return r.json(out)
	}
	return r.print(out)
}

// run is Run but for its output.
func (o Options) run(ctx context.Context, losses *tokenFile, notes io.Writer) (*report, error) {
	c, err := pretrained.Open(o.Checkpoint)
	if err != nil {
		return nil, err
	}
	if _, err := torch.Locate(); err != nil { // before text is prepared
		return nil, err
	}
	text, err := o.Text(ctx, c, notes)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	losses.expect(text)
	m, err := c.Load(o.Device, o.AMP)
	if err != nil {
		return nil, err
	}
	places := &positions{tokenizer: c.Tokenizer}
	result, err := Measure(ctx, m, text, c, func(t train.TokenLoss) error {
		places.add(t)
		return losses.add(t)
	})
	if err := errors.Join(err, m.Free()); err != nil {
		return nil, err
	}
	return &report{
		Result: *result, Perplexity: metrics.Number(result.Perplexity), Step: c.Step(), Checkpoint: c.Dir(), Documents: text.Documents(),
		ByPosition: places.result(), experts: c.Config.Model.ExpertTypes,
	}, nil
}

// errStopped ends an evaluation that a signal asked to stop. It leaves nothing to
// go on from, so this is a failure (exit code 1), unlike a stopped training run.
var errStopped = errors.New("the evaluation was stopped by a signal and nothing was written: the same command starts it again")

// Text opens the tokenised documents to evaluate, which the caller closes; what
// was wrong with them goes to notes. Errors are marked with their exit code.
func (o Options) Text(ctx context.Context, c *pretrained.Checkpoint, notes io.Writer) (*data.Dataset, error) {
	text, err := o.prepare(ctx, c, notes)
	if errors.Is(err, context.Canceled) {
		return nil, errStopped
	}
	return text, exit.Usage(err)
}

// missingValidation is the error where the run's validation text is not found. What
// counts from another folder than the run's needs no search for typing mistakes.
func missingValidation(paths []string, err error) error {
	for _, path := range paths {
		if _, missing := os.Stat(path); !filepath.IsAbs(path) && errors.Is(missing, fs.ErrNotExist) {
			return fmt.Errorf("data.valid of the checkpoint: %s is not here, and a relative path counts from the folder where the run was started: run this command there, or name the text with --data PATH", path)
		}
	}
	return fmt.Errorf("data.valid of the checkpoint: %w, or name the text with --data PATH", err)
}

func (o Options) prepare(ctx context.Context, c *pretrained.Checkpoint, notes io.Writer) (*data.Dataset, error) {
	options := data.Options{Paths: o.Data, TextField: c.Config.Data.TextField, OnError: c.Config.Data.OnError, CacheDir: o.CacheDir}
	if len(o.Data) == 0 {
		if len(c.Config.Data.Valid) == 0 {
			return nil, errors.New("the checkpoint's configuration names no validation text (data.valid is null): give text with --data PATH")
		}
		options.Paths, options.Split = c.Config.Data.Valid, c.Config.Data.Split
		options.MaxDocumentBytes = c.Config.Data.MaxDocumentBytes
		if err := data.Find(options.Paths); err != nil {
			return nil, missingValidation(options.Paths, err)
		}
	}
	text, found, err := data.Prepare(ctx, options, c.Tokenizer)
	if err != nil {
		return nil, err
	}
	for _, sentence := range found.Sentences() {
		fmt.Fprintln(notes, "note:", sentence)
	}
	return text, nil
}

// Measure runs the model m of checkpoint c over the text, of which there must be
// some to predict; tokenLoss may be nil (train.EvalOptions). Where ctx ends first
// that is an error.
func Measure(ctx context.Context, m *pretrained.Model, text *data.Dataset, c *pretrained.Checkpoint, tokenLoss func(train.TokenLoss) error) (*train.Result, error) {
	options := train.EvalOptions{Precision: m.Precision, Full: true, TokenLoss: tokenLoss, Stop: func() bool { return ctx.Err() != nil }}
	batches := data.NewEvaluation(text, data.EvaluationOptions{BatchSize: int(c.Config.Training.BatchSize), SeqLen: int(c.Config.Model.SegmentLen())})
	result, finished, err := train.Evaluate(m.Model, batches, options)
	switch {
	case err != nil:
		return nil, err
	case !finished:
		return nil, errStopped
	case result.Tokens == 0:
		return nil, exit.Usage(errors.New("there is nothing to predict: no document of --data has more than one token"))
	}
	return result, nil
}
