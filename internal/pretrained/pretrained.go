// Package pretrained makes a checkpoint into a model that is ready to use, for
// the commands that read one: eval and generate.
package pretrained

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// Checkpoint is a checkpoint that was found whole, with what it says of the
// model; the model itself is not built yet, and libtorch not loaded.
type Checkpoint struct {
	Config    *config.Config
	Tokenizer tokenizer.Tokenizer
	files     *checkpoint.Checkpoint
}

// Model is a model with its checkpoint's weights.
type Model struct {
	*model.Model
	Precision train.Precision
}

// Open reads and verifies the checkpoint of a run folder (its latest) or of a
// checkpoint's folder. Errors are the user's to mend (exit code 2).
func Open(path string) (*Checkpoint, error) {
	files, err := checkpoint.Open(path)
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("--checkpoint: %w", err))
	}
	c := &Checkpoint{files: files}
	if c.Config, err = files.Config(model.Known()); err != nil {
		return nil, exit.Usage(fmt.Errorf("--checkpoint: %w", err))
	}
	if c.Tokenizer, err = files.Tokenizer(); err != nil {
		return nil, exit.Usage(fmt.Errorf("--checkpoint: %w", err))
	}
	return c, nil
}

// Dir returns the checkpoint's folder.
func (c *Checkpoint) Dir() string { return c.files.Dir() }

// Files returns the checkpoint's files.
func (c *Checkpoint) Files() *checkpoint.Checkpoint { return c.files }

// Step returns the number of optimizer steps the model was trained for.
func (c *Checkpoint) Step() int64 { return c.files.State().Step }

// Load builds the model on a device (auto, cpu, cuda, cuda:N) and fills it
// with the checkpoint's weights. It computes in float32 unless amp asks for
// the mixed precision that the configuration names.
func (c *Checkpoint) Load(device string, amp bool) (*Model, error) {
	where, err := train.ChooseDevice(device)
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("--device: %w", err))
	}
	settings := c.Config.Training
	settings.UseAMP = amp
	m := &Model{Precision: train.ChoosePrecision(settings, where)}
	err = torch.Do(func() {
		built, err := model.New(c.Config.Model, c.Tokenizer.VocabSize(), where, torch.Float32, uint64(c.Config.Seed))
		if err != nil {
			torch.Fail(exit.Usage(err))
		}
		m.Model = built
		weights := train.Weights(built)
		if err := c.files.CopyTensors(checkpoint.ModelFile, weights); err != nil {
			torch.Fail(err)
		}
		if err := checkFinite(weights); err != nil {
			torch.Fail(exit.Usage(fmt.Errorf("--checkpoint: %s: %w", c.Dir(), err)))
		}
	})
	if err != nil && m.Model != nil {
		err = errors.Join(err, m.Free())
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// checkFinite refuses the weights of a run that diverged: they predict nothing.
// Called inside a job.
func checkFinite(weights map[string]*torch.Tensor) error {
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		scope := torch.Enter()
		norm := weights[name].Detach().Norm().Item()
		scope.Exit()
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return fmt.Errorf("the weights %s are not all finite, since the run diverged: name an earlier checkpoint", name)
		}
	}
	return nil
}

// Free gives the model's memory back.
func (m *Model) Free() error { return torch.Do(m.Model.Free) }
