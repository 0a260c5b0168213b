package train

import (
	"context"
	"errors"
	"fmt"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
	"agiformer/internal/words"
)

// corpus is the text of a run.
type corpus struct {
	train *data.Dataset
	valid *data.Dataset
	open  []*data.Dataset
}

// openCorpus prepares (once a source, in the cache) and opens the text.
func openCorpus(ctx context.Context, cfg *config.Config, tok tokenizer.Tokenizer, cacheDir string, f *runFolder) (*corpus, error) {
	c := &corpus{}
	train, err := c.prepare(ctx, cfg, "data.train", cfg.Data.Train, tok, cacheDir, f)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	if len(cfg.Data.Valid) > 0 {
		c.train = train
		c.valid, err = c.prepare(ctx, cfg, "data.valid", cfg.Data.Valid, tok, cacheDir, f)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		return c, nil
	}
	if err := c.holdOut(ctx, cfg, train, tok, cacheDir, f); err != nil {
		return nil, errors.Join(err, c.close())
	}
	f.say("data.valid is null: %s held out for validation", words.Count(c.valid.Documents(), "document"))
	return c, nil
}

// holdOut takes the validation documents from the training text.
func (c *corpus) holdOut(ctx context.Context, cfg *config.Config, train *data.Dataset, tok tokenizer.Tokenizer, cacheDir string, f *runFolder) (err error) {
	c.train, c.valid, err = data.SplitOff(train, func(maxDocumentBytes int64) (*data.Dataset, error) {
		pieces := *cfg
		pieces.Data.MaxDocumentBytes = maxDocumentBytes
		return c.prepare(ctx, &pieces, "data.train in pieces", cfg.Data.Train, tok, cacheDir, f)
	})
	if err != nil {
		return err
	}
	c.open = append(c.open, c.train, c.valid)
	if c.valid.Tokens() == 0 {
		return fmt.Errorf("data.valid is null and data.train=%v has no two different pieces to hold one out: name a validation text with data.valid=PATH", cfg.Data.Train)
	}
	return nil
}

// prepare opens one source and says what was found in it.
func (c *corpus) prepare(ctx context.Context, cfg *config.Config, key string, paths []string, tok tokenizer.Tokenizer, cacheDir string, f *runFolder) (*data.Dataset, error) {
	d := cfg.Data
	ds, report, err := data.Prepare(ctx, data.Options{
		Paths: paths, TextField: d.TextField, Split: d.Split, MaxDocumentBytes: d.MaxDocumentBytes,
		OnError: d.OnError, CacheDir: cacheDir, Progress: f.progress.Bytes("preparing " + key),
	}, tok)
	if err != nil {
		return nil, err
	}
	c.open = append(c.open, ds)
	f.say("%s: %s, %s", key, words.Count(ds.Documents(), "document"), words.Count(ds.Tokens(), "token"))
	for _, problem := range report.Sentences() {
		f.say("%s: %s", key, problem)
	}
	if ds.Tokens() == 0 {
		return nil, fmt.Errorf("%s=%v holds no text: name files with text in them", key, paths)
	}
	return ds, nil
}

func (c *corpus) close() error {
	var errs []error
	for _, ds := range c.open {
		errs = append(errs, ds.Close())
	}
	return errors.Join(errs...)
}

// checkText refuses a checkpoint whose training text was another one: its place
// in the documents' order would mean other documents.
func checkText(from *checkpoint.Checkpoint, c *corpus) error {
	if from.State().Data != c.train.Hash() {
		return fmt.Errorf("cannot go on from %s: data.train is not the text it was trained on; give the same one (and the same data.split, data.max_document_bytes and data.text_field; data.valid too if it was null), or start another run", from.Dir())
	}
	return nil
}

// checkPredicted refuses a data.eval_skip_bytes that leaves nothing to evaluate on.
func checkPredicted(cfg *config.Config, c *corpus) error {
	if cfg.Data.EvalSkipBytes == 0 {
		return nil
	}
	ev := data.NewEvaluation(c.valid, EvaluationOptions(cfg))
	for b, ok := ev.Next(); ok; b, ok = ev.Next() {
		if b.TargetCount > 0 {
			return nil
		}
	}
	if err := ev.Err(); err != nil {
		return err
	}
	return fmt.Errorf("data.eval_skip_bytes=%d leaves nothing to predict in the validation text: lower it below the length of its documents", cfg.Data.EvalSkipBytes)
}

// EvaluationOptions are those of every evaluation of a run.
func EvaluationOptions(cfg *config.Config) data.EvaluationOptions {
	o := data.EvaluationOptions{BatchSize: int(cfg.Training.BatchSize), SeqLen: int(cfg.Model.SegmentLen()), SkipBytes: cfg.Data.EvalSkipBytes}
	if cfg.Data.EvalTokens != nil {
		o.MaxTokens = *cfg.Data.EvalTokens
	}
	return o
}
