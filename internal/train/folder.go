package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/metrics"
	"agiformer/internal/words"
)

// runFolder is a run's folder with its open files.
type runFolder struct {
	dir         string
	checkpoints checkpoint.Folder
	log         *os.File // locked while the run goes on
	metrics     *metrics.File
	board       *metrics.TensorBoard // nil where logging.tensorboard is off
	progress    *metrics.Progress
	made        []string // what openFolder made, the innermost first
	begun       bool     // it is a run's
}

// openFolder makes or takes up a run folder and locks it. Nothing that is in it
// changes before begin.
func openFolder(dir string, progress *metrics.Progress) (*runFolder, error) {
	f := &runFolder{dir: dir, checkpoints: checkpoint.RunFolder(dir), progress: progress, made: absent(dir)}
	err := os.MkdirAll(dir, 0o777)
	if err == nil {
		err = f.openLog(filepath.Join(dir, "train.log"))
	}
	if err != nil {
		f.leaveNothing()
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return nil, unusable(dir, err)
	}
	return f, err
}

// absent lists a folder and those above it that are not there, innermost first.
func absent(dir string) []string {
	var folders []string
	for at := filepath.Clean(dir); !exists(at); at = filepath.Dir(at) {
		folders = append(folders, at)
	}
	return folders
}

// exists says false only where nothing is there.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// openLog opens and locks the run's log.
func (f *runFolder) openLog(path string) (err error) {
	there := exists(path)
	if f.log, err = lockedLog(path); err == nil && !there {
		f.made = append([]string{path}, f.made...)
	}
	return err
}

// CheckFolder refuses a run.dir that a run could not write, and makes nothing.
func CheckFolder(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // the nearest folder above that exists decides
		case err == nil && !info.IsDir():
			err = &fs.PathError{Op: "open", Path: at, Err: unix.ENOTDIR}
		case err == nil:
			if err = unix.Access(at, unix.W_OK|unix.X_OK); err == nil {
				return nil
			}
			err = &fs.PathError{Op: "write", Path: at, Err: err}
		}
		return unusable(dir, err)
	}
}

func unusable(dir string, err error) error {
	return fmt.Errorf("run.dir=%s cannot be used (%w): name a folder that can be written", dir, err)
}

// leaveNothing removes what openFolder made, unless the run has begun: a log, and
// the folders that hold nothing else.
func (f *runFolder) leaveNothing() {
	if f.begun {
		return
	}
	for _, path := range f.made {
		_ = os.Remove(path) // fails, as it should, where a folder holds anything
	}
}

// begin makes the folder that of a run that goes on after a step (0: from the
// start): it leaves the resolved configuration and the overrides, cuts the
// metrics back to the step and removes what a killed process left.
func (f *runFolder) begin(cfg *config.Config, tree []byte, overrides []string, step int64) error {
	f.begun = true
	list, err := yaml.Marshal(append([]string{}, overrides...))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.dir, "config.yaml"), tree, 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.dir, "overrides.yaml"), list, 0o666); err != nil {
		return err
	}
	if f.metrics, err = metrics.OpenFile(filepath.Join(f.dir, metrics.FileName), step); err != nil {
		return err
	}
	if cfg.Logging.TensorBoard {
		if f.board, err = metrics.NewTensorBoard(filepath.Join(f.dir, "tensorboard"), step); err != nil {
			return err
		}
	}
	f.progress.Begin(step, cfg.Training.MaxSteps)
	return f.checkpoints.Clean()
}

// lockedLog opens the log for appending and locks it, so that two processes
// (a requeued job and its ghost) never write one run. The lock ends with the
// process, however it ends.
func lockedLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("another process is training in %s: wait for it, or choose another run.dir", filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// say writes a line to the log and shows it.
func (f *runFolder) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(f.log, "%s %s\n", time.Now().Format(time.RFC3339), text)
	f.progress.Say(text)
}

// train records a train line everywhere.
func (f *runFolder) train(e metrics.Train) error {
	if err := f.metrics.Write(e); err != nil {
		return err
	}
	fmt.Fprintf(f.log, "%s step %d loss %.4f lm_loss %.4f bits_per_byte %.4f lr %.4g grad_norm %.4g tokens_per_second %.4g\n",
		time.Now().Format(time.RFC3339), e.Step, float64(e.Loss), float64(e.LMLoss), float64(e.BitsPerByte), float64(e.LR),
		float64(e.GradNorm), float64(e.TokensPerSecond))
	f.progress.Train(e)
	if f.board == nil {
		return nil
	}
	scalars := []metrics.Scalar{
		{Tag: "train/loss", Value: float64(e.Loss)},
		{Tag: "train/lm_loss", Value: float64(e.LMLoss)},
		{Tag: "train/load_balancing_loss", Value: float64(e.LoadBalancingLoss)},
		{Tag: "train/bits_per_byte", Value: float64(e.BitsPerByte)},
		{Tag: "train/lr", Value: float64(e.LR)},
		{Tag: "train/grad_norm", Value: float64(e.GradNorm)},
		{Tag: "train/tokens_per_second", Value: float64(e.TokensPerSecond)},
		{Tag: "train/data_wait", Value: float64(e.DataWait)},
	}
	if e.IntrospectionLoss != nil {
		scalars = append(scalars, metrics.Scalar{Tag: "train/introspection_loss", Value: float64(*e.IntrospectionLoss)})
	}
	return f.board.Write(e.Step, scalars...)
}

// eval records an evaluation everywhere.
func (f *runFolder) eval(step int64, r *Result, isBest bool) error {
	usage := make([][]metrics.Number, len(r.ExpertUsage))
	scalars := []metrics.Scalar{{Tag: "eval/loss", Value: r.Loss}, {Tag: "eval/bits_per_byte", Value: r.BitsPerByte}}
	for i, block := range r.ExpertUsage {
		for j, share := range block {
			usage[i] = append(usage[i], metrics.Number(share))
			scalars = append(scalars, metrics.Scalar{Tag: fmt.Sprintf("expert_usage/block_%d_expert_%d", i, j), Value: share})
		}
	}
	err := f.metrics.Write(metrics.Eval{
		Event: "eval", Step: step, Loss: metrics.Number(r.Loss), BitsPerByte: metrics.Number(r.BitsPerByte),
		Tokens: r.Tokens, Bytes: r.Bytes, ExpertUsage: usage,
	})
	if err != nil {
		return err
	}
	mark := ""
	if isBest {
		mark = ", the best so far"
	}
	f.say("step %d: validation %.4f bits/byte, loss %.4f nats a token over %s, %.1f s%s", step, r.BitsPerByte, r.Loss, words.Count(r.Tokens, "token"), r.Seconds, mark)
	if f.board == nil {
		return nil
	}
	return f.board.Write(step, scalars...)
}

// close closes what is open.
func (f *runFolder) close() error {
	var errs []error
	f.progress.Close()
	if f.board != nil {
		errs = append(errs, f.board.Close())
	}
	if f.metrics != nil {
		errs = append(errs, f.metrics.Close())
	}
	if f.log != nil {
		errs = append(errs, f.log.Close())
	}
	return errors.Join(errs...)
}
