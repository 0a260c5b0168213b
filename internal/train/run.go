package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/metrics"
	"agiformer/internal/model"
	"agiformer/internal/torch"
	"agiformer/internal/words"
)

// Version is the program's.
const Version = "0.1.0"

// RunOptions are what a run takes beside its configuration.
type RunOptions struct {
	Resume   string // "" or "none", "auto", or a run's or checkpoint's folder
	InSweep  bool   // the run is a job of a sweep, and goes on with it
	CacheDir string // of prepared data; "" is the default
	// AMPChosen: training.use_amp or amp_dtype is not just the default, so that it
	// is told where they mean something else on this device.
	AMPChosen bool
	// LogFormat is "plain" (lines, also on a terminal), "json" (JSON lines), or
	// "auto" or "": a progress bar on a terminal, plain lines elsewhere.
	LogFormat string
	Out       io.Writer // progress
}

// Run trains as cfg says. tree is the resolved configuration as YAML and
// overrides the command line's, for the run folder and the checkpoints. Errors
// are marked with the exit code that they mean (package exit): also a run that
// was stopped, saved, and asks to be started again, and one that is no better
// than the best so far.
func Run(ctx context.Context, cfg *config.Config, tree []byte, overrides []string, o RunOptions) (err error) {
	stop := NewStopper(ctx, cfg.Run.MaxHours)
	defer stop.Close()
	folder, err := openFolder(cfg.Run.Dir, metrics.NewProgress(o.Out, o.LogFormat))
	if err != nil {
		return exit.Usage(err)
	}
	defer func() {
		folder.leaveNothing()
		err = errors.Join(err, folder.close())
	}()
	// Under the folder's lock: a process that is just ending may save once more.
	from, err := findCheckpoint(cfg, o.Resume)
	if err == nil {
		cfg, tree, err = takeBlockExperts(cfg, tree, from)
	}
	if err != nil {
		return exit.Usage(err)
	}
	r := &runner{cfg: cfg, tree: tree, overrides: overrides, options: o, stop: stop, folder: folder, from: from}
	done, err := r.run()
	switch {
	case err != nil && stop.Requested() && errors.Is(err, context.Canceled):
		return stopped(cfg, folder, stop, "before a step was taken: there was nothing to save")
	case err != nil:
		fmt.Fprintf(folder.log, "%s failed: %v\n", time.Now().Format(time.RFC3339), err)
		return advise(err)
	case !done:
		return stopped(cfg, folder, stop, "the run is saved: "+o.goOn(folder.dir))
	}
	return compare(cfg, folder)
}

// goOn says how a run that is saved in dir goes on. A folder given to a sweep
// would be every job's.
func (o RunOptions) goOn(dir string) string {
	if o.InSweep {
		return "the sweep's command with --resume auto goes on"
	}
	return fmt.Sprintf("the same command with --resume %s goes on", dir)
}

// runner is a run between its folder's opening and its end.
type runner struct {
	cfg       *config.Config
	tree      []byte
	overrides []string
	options   RunOptions
	stop      *Stopper
	folder    *runFolder
	from      *checkpoint.Checkpoint // nil: a new run
}

// run opens the text, builds the trainer and trains. It tells whether the run
// is over, or was stopped before its end.
func (r *runner) run() (done bool, err error) {
	torch.KeepKernels(Kernels(r.cfg.Model))
	device, err := ChooseDevice(r.cfg.Hardware.Device)
	if err != nil {
		return false, exit.Usage(fmt.Errorf("hardware.device=%s: %w", r.cfg.Hardware.Device, err))
	}
	if err := model.Supported(r.cfg.Model); err != nil {
		return false, exit.Usage(err)
	}
	tok, err := r.tokenizer(device)
	if err != nil {
		return false, exit.Usage(err)
	}
	text, err := openCorpus(r.stop.Context(), r.cfg, tok, r.options.CacheDir, r.folder)
	if err != nil {
		return false, exit.Usage(err)
	}
	defer func() { err = errors.Join(err, text.close()) }()
	if err := checkPredicted(r.cfg, text); err != nil {
		return false, exit.Usage(err)
	}
	var step int64
	if r.from != nil {
		if err := checkText(r.from, text); err != nil {
			return false, exit.Usage(err)
		}
		step = r.from.State().Step
	}
	t, err := newTrainer(r.cfg, device, r.tree, text, tok, r.from, r.stop)
	if t != nil {
		defer func() { err = errors.Join(err, t.free()) }()
	}
	if err != nil {
		return false, err
	}
	if err := r.folder.begin(r.cfg, r.tree, r.overrides, step); err != nil {
		return false, err
	}
	t.folder = r.folder
	t.announce(r.from, r.options.AMPChosen)
	if r.from != nil {
		t.forgetBest(r.from)
		if err := t.relink(); err != nil {
			return false, err
		}
	}
	if err := t.loop(); err != nil {
		return false, err
	}
	if t.finished() {
		r.folder.say("the run is complete: %s, in %s", words.Count(t.state.Step, "step"), r.folder.dir)
	}
	return t.finished(), nil
}

// announce says once what is trained, on what, and from where, and with
// precision what the precision that was asked for means here.
func (t *trainer) announce(from *checkpoint.Checkpoint, precision bool) {
	var parameters int64
	for _, p := range t.model.Parameters() {
		parameters += p.Tensor.Numel()
	}
	t.folder.say("model %s: %d parameters, %s on %s with %s, %s of %s a step, in %s", t.cfg.Model.Name, parameters,
		t.precision.DType, t.precision.Device, words.Count(t.threads, "thread"), words.Count(t.cfg.Training.Lanes(), "lane"),
		words.Count(t.cfg.Model.SegmentLen(), "token"), t.folder.dir)
	if precision && t.precision.Note != "" {
		t.folder.say("%s", t.precision.Note)
	}
	if from != nil {
		t.announceResume(from)
	}
	if c := t.cfg.Training; c.WarmupSteps > c.MaxSteps && !t.finished() {
		t.folder.say("training.warmup_steps=%d is more than training.max_steps=%d: the learning rate only rises, to %.3g instead of training.learning_rate=%g; a tenth of the steps is usual",
			c.WarmupSteps, c.MaxSteps, LearningRate(c.LearningRate, c.WarmupSteps, c.MaxSteps), c.LearningRate)
	}
}

// announceResume says where the run goes on and what is not as it was.
func (t *trainer) announceResume(from *checkpoint.Checkpoint) {
	t.folder.say("going on from %s, step %d", from.Dir(), t.state.Step)
	if t.finished() {
		t.folder.say("nothing is left to do: training.max_steps=%d is reached; a larger one goes on", t.cfg.Training.MaxSteps)
	}
	s := from.State()
	if s.Threads != t.threads {
		t.folder.say("the checkpoint was made with %s, this process has %d: losses will differ in their last digits (hardware.threads=%d restores them)", words.Count(s.Threads, "thread"), t.threads, s.Threads)
	}
	if now := t.precision.Device.String(); s.Device != now {
		t.folder.say("the checkpoint was made on %s, this process trains on %s: losses will differ in their last digits", s.Device, now)
	}
}

// relink lets the links of the folder follow the checkpoint that was taken up,
// which may be older than those they show.
func (t *trainer) relink() error {
	f := t.folder.checkpoints
	here, err := sameFolder(f.Path(t.state.Step), t.fromDir)
	if err != nil || !here {
		t.saved = -1 // the run's own folder has no checkpoint yet
		return err
	}
	if err := f.Link(checkpoint.LatestLink, t.state.Step); err != nil {
		return err
	}
	// The best step of an abandoned continuation is not the best of this one.
	if t.state.Best == nil || !f.Has(t.state.Best.Step) {
		return f.Unlink(checkpoint.BestLink)
	}
	return f.Link(checkpoint.BestLink, t.state.Best.Step)
}

// forgetBest forgets the best evaluation so far where those to come are of other
// tokens: their bits per byte do not compare.
func (t *trainer) forgetBest(from *checkpoint.Checkpoint) {
	if t.state.Best == nil {
		return
	}
	cfg, err := from.Config(model.Known())
	if err != nil { // of another version: its keys say nothing
		return
	}
	then, now := EvaluationOptions(cfg), EvaluationOptions(t.cfg)
	if then.MaxTokens == now.MaxTokens && then.SkipBytes == now.SkipBytes {
		return
	}
	t.state.Best = nil
	t.folder.say("data.eval_tokens or data.eval_skip_bytes is not the checkpoint's: the best evaluation so far does not compare and is forgotten")
}

// finished tells whether the run has nothing left to do.
func (t *trainer) finished() bool {
	last := t.cfg.Training.MaxSteps
	return t.state.Step >= last && t.state.Evaluated >= last
}

// stopped ends a run that was asked to stop: done, or with the exit code that
// asks the scheduler to start it again.
func stopped(cfg *config.Config, folder *runFolder, stop *Stopper, what string) error {
	err := fmt.Errorf("stopped by %s, %s", stop.Reason(), what)
	folder.say("%v", err)
	if cfg.Run.RequeueExitCode == nil {
		return nil
	}
	return exit.With(int(*cfg.Run.RequeueExitCode), err)
}

// advise adds what to do about running out of memory.
func advise(err error) error {
	var e *torch.Error
	if errors.As(err, &e) && e.OutOfMemory {
		return fmt.Errorf("%w: halve training.batch_size and double training.gradient_accumulation_steps (the result stays the same), or set training.gradient_checkpointing=true", err)
	}
	return err
}
