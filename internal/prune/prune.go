package prune

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/evaluate"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/pretrained"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// Options are what the user asks for.
type Options struct {
	Checkpoint string   // a run folder or a checkpoint's folder
	Data       []string // as evaluate.Options.Data
	// MinUsage is the least share of a block's choices that keeps an expert.
	MinUsage float64
	Out      string // the folder to write; it must not be there, or be empty
	Device   string // auto, cpu, cuda or cuda:N
	JSON     bool
	CacheDir string // of tokenised text; "" is the per-user cache
}

// Validate checks what can be checked before anything is read.
func (o Options) Validate() error {
	switch {
	case o.Checkpoint == "":
		return errors.New("prune needs --checkpoint: the folder of a run or of one of its checkpoints")
	case o.Out == "":
		return errors.New("prune needs --out: the folder to write the smaller checkpoint to")
	case !(o.MinUsage >= 0 && o.MinUsage <= 1):
		return fmt.Errorf("--min-usage is %g, expected a share of the tokens from 0 to 1", o.MinUsage)
	}
	files, err := os.ReadDir(o.Out)
	if err == nil && len(files) > 0 {
		return fmt.Errorf("--out=%s holds files already: name a folder that is not there yet", o.Out)
	}
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("--out=%s cannot be written (%w): name a folder that is not there yet", o.Out, err)
	}
	return nil
}

// Run measures, writes o.Out, measures again, and reports to out; what was wrong
// with the text goes to notes. Errors are marked with their exit code.
func Run(ctx context.Context, o Options, out, notes io.Writer) error {
	c, err := pretrained.Open(o.Checkpoint)
	if err != nil {
		return err
	}
	present := blocksOf(c)
	if count(present) == len(present) {
		return exit.Usage(fmt.Errorf("%s has one expert in each block: there is none to remove", c.Dir()))
	}
	if _, err := torch.Locate(); err != nil { // before text is prepared
		return err
	}
	text, err := evaluate.Options{Data: o.Data, CacheDir: o.CacheDir}.Text(ctx, c, notes)
	if err != nil {
		return err
	}
	defer text.Close()
	before, err := o.measure(ctx, c, text)
	if err != nil {
		return err
	}
	after := c.Config.Model
	after.BlockExperts = choose(present, before.ExpertUsage, o.MinUsage)
	if err := write(c, o.Out, after); err != nil {
		return err
	}
	smaller, err := pretrained.Open(o.Out)
	if err != nil {
		return err
	}
	now, err := o.measure(ctx, smaller, text)
	if err != nil {
		return fmt.Errorf("%s is written, but could not be measured: %w", o.Out, err)
	}
	r := newReport(o, c, smaller, before, now)
	r.Documents, r.present, r.BlockExperts = text.Documents(), present, after.BlockExperts
	r.Removed = count(present) - count(after.BlockExperts)
	if o.JSON {
		return r.json(out)
	}
	return r.print(out)
}

// blocksOf lists the experts that each block of a checkpoint's model has.
func blocksOf(c *pretrained.Checkpoint) [][]int64 {
	m := c.Config.Model
	blocks := make([][]int64, m.NLayers)
	for i := range blocks {
		blocks[i] = m.ExpertsOf(int64(i))
	}
	return blocks
}

// measure evaluates a checkpoint's model on the text.
func (o Options) measure(ctx context.Context, c *pretrained.Checkpoint, text *data.Dataset) (*train.Result, error) {
	m, err := c.Load(o.Device, false)
	if err != nil {
		return nil, err
	}
	result, err := evaluate.Measure(ctx, m, text, c, nil)
	return result, errors.Join(err, m.Free())
}

// write saves the checkpoint with the experts of after.
func write(from *pretrained.Checkpoint, out string, after config.Model) error {
	files, err := openTensors(from.Files())
	if err != nil {
		return err
	}
	defer files.close()
	s, err := snapshot(from.Files(), files, from.Config.Model, after)
	if err != nil {
		return err
	}
	return checkpoint.Save(out, s)
}

// sizeOf counts a checkpoint's parameters.
func sizeOf(c *pretrained.Checkpoint) model.Counts {
	return model.Count(c.Config.Model, c.Tokenizer.VocabSize())
}
