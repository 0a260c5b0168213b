package train

import (
	"fmt"
	"runtime"
	"time"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// dropoutSeed separates the generator of dropout from those of the weights and
// of the data's order, which start from the same seed.
const dropoutSeed = 0x9e3779b97f4a7c15

// trainer is a run under way.
type trainer struct {
	cfg       *config.Config
	tree      []byte // resolved configuration, YAML
	folder    *runFolder
	stop      *Stopper
	tokenizer tokenizer.Tokenizer
	corpus    *corpus
	loader    *data.Loader

	precision Precision
	threads   int64 // of an operation on the CPU
	model     *model.Model
	optimizer *Optimizer
	streams   []*model.State // one a micro-batch of a step
	meter     *meter

	state   checkpoint.State
	begun   time.Time // of this session's training
	before  float64   // seconds trained in earlier sessions
	saved   int64     // step of the last checkpoint, -1 before the first
	stale   bool      // an evaluation came after it, so that it is saved again
	fromDir string    // folder of the checkpoint that was taken up, "" if none
	reading reading   // of the last report
}

// newTrainer builds the model and everything around it, at the checkpoint's
// state where there is one.
func newTrainer(cfg *config.Config, device torch.Device, tree []byte, c *corpus, tok tokenizer.Tokenizer, from *checkpoint.Checkpoint, stop *Stopper) (*trainer, error) {
	t := &trainer{cfg: cfg, tree: tree, corpus: c, tokenizer: tok, stop: stop, saved: -1}
	if cfg.Hardware.Threads != nil {
		if err := torch.SetThreads(int(*cfg.Hardware.Threads)); err != nil {
			return nil, err
		}
	}
	if err := torch.SetDeterministic(true); err != nil {
		return nil, err
	}
	t.precision = ChoosePrecision(cfg.Training, device)
	if err := torch.Do(func() { t.build(device, from) }); err != nil {
		return nil, err
	}
	var err error
	t.loader, err = data.NewLoader(c.train, data.LoaderOptions{
		Lanes: int(cfg.Training.Lanes()), BatchSize: int(cfg.Training.BatchSize), SeqLen: int(cfg.Model.SegmentLen()),
		Seed: cfg.Seed, Isolate: cfg.Data.Packing == "isolate", Cursor: t.cursor(),
	})
	return t, err
}

// cursor is where the data go on; nil, their beginning, also for a run that was
// saved before its first step.
func (t *trainer) cursor() []byte {
	if t.state.Step == 0 {
		return nil
	}
	return t.state.Cursor
}

// build makes what lives on the device. Called inside a job.
func (t *trainer) build(device torch.Device, from *checkpoint.Checkpoint) {
	cfg := t.cfg
	t.threads = int64(torch.Threads())
	m, err := model.New(cfg.Model, t.tokenizer.VocabSize(), device, torch.Float32, uint64(cfg.Seed))
	if err != nil {
		torch.Fail(err)
	}
	t.model = m
	t.optimizer = NewOptimizer(cfg.Training, m.Parameters(), t.precision)
	for range cfg.Training.GradientAccumulationSteps {
		t.streams = append(t.streams, m.NewState(int(cfg.Training.BatchSize)))
	}
	t.eachGenerator(func(_ string, g *torch.Generator) { g.Seed(uint64(cfg.Seed) ^ dropoutSeed) })
	if from != nil {
		if err := t.restore(from); err != nil {
			torch.Fail(fmt.Errorf("%s: %w", from.Dir(), err))
		}
	}
	t.meter = newMeter(device, t.state.BadSteps, t.state.Skipped)
}

// eachGenerator calls fn with the generators that training draws from. Called
// inside a job.
func (t *trainer) eachGenerator(fn func(device string, g *torch.Generator)) {
	devices := []torch.Device{torch.CPU}
	if t.precision.Device != torch.CPU {
		devices = append(devices, t.precision.Device)
	}
	for _, d := range devices {
		g := torch.DefaultGenerator(d)
		fn(d.String(), g)
		g.Free()
	}
}

// Weights returns a model's parameters by name.
func Weights(m *model.Model) map[string]*torch.Tensor {
	weights := make(map[string]*torch.Tensor)
	for _, p := range m.Parameters() {
		weights[p.Name] = p.Tensor
	}
	return weights
}

// snapshot gathers what a checkpoint holds. The tensors are read later, while
// it is written.
func (t *trainer) snapshot() (checkpoint.Snapshot, error) {
	tok, err := t.tokenizer.JSON()
	if err != nil {
		return checkpoint.Snapshot{}, err
	}
	s := checkpoint.Snapshot{Config: t.tree, Tokenizer: tok}
	err = torch.Do(func() {
		s.Model = checkpoint.FromTensors(Weights(t.model))
		s.Optimizer = checkpoint.FromTensors(t.optimizer.tensors())
		s.Streams = streamEntries(t.streams)
		t.state.Generators = make(map[string][]byte)
		t.eachGenerator(func(device string, g *torch.Generator) { t.state.Generators[device] = g.State() })
		if scaler := t.optimizer.Scaler; scaler != nil {
			scale, growth := scaler.State()
			t.state.Scaler = &checkpoint.Scaler{Scale: scale, GrowthTracker: growth}
		}
		t.state.BadSteps, t.state.Skipped = int64(t.meter.bad.Item()), int64(t.meter.skipped.Item())
	})
	t.state.Seconds = t.seconds()
	t.state.Seed, t.state.Lanes = t.cfg.Seed, t.cfg.Training.Lanes()
	t.state.Threads, t.state.Device = t.threads, t.precision.Device.String()
	t.state.Versions = checkpoint.Versions{Agiformer: Version, Torch: torch.Version(), Go: runtime.Version()}
	t.state.Data, t.state.Tokenizer = t.corpus.train.Hash(), t.tokenizer.Hash()
	s.State = t.state
	return s, err
}

// restore takes a checkpoint's state over. Called inside a job.
func (t *trainer) restore(from *checkpoint.Checkpoint) error {
	t.state = from.State()
	t.fromDir, t.before, t.saved = from.Dir(), t.state.Seconds, t.state.Step
	if err := from.CopyTensors(checkpoint.ModelFile, Weights(t.model)); err != nil {
		return err
	}
	if err := from.CopyTensors(checkpoint.OptimizerFile, t.optimizer.tensors()); err != nil {
		return err
	}
	if err := restoreStreams(from, t.streams); err != nil {
		return err
	}
	t.eachGenerator(func(device string, g *torch.Generator) {
		if state, ok := t.state.Generators[device]; ok {
			g.SetState(state)
		}
	})
	if scaler := t.optimizer.Scaler; scaler != nil && t.state.Scaler != nil {
		scaler.SetState(t.state.Scaler.Scale, t.state.Scaler.GrowthTracker)
	}
	return nil
}

// seconds is the time spent training, earlier sessions included.
func (t *trainer) seconds() float64 {
	if t.begun.IsZero() {
		return t.before
	}
	return t.before + time.Since(t.begun).Seconds()
}

// free gives back what the trainer holds.
func (t *trainer) free() error {
	if t.loader != nil {
		if err := t.loader.Close(); err != nil {
			return err
		}
	}
	return torch.Do(func() {
		for _, s := range t.streams {
			s.Free()
		}
		if t.meter != nil {
			t.meter.free()
		}
		if t.optimizer != nil {
			t.optimizer.Free()
		}
		if t.model != nil {
			t.model.Free()
		}
	})
}
