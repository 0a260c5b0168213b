package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/quickstart"
	"agiformer/internal/sweep"
	"agiformer/internal/torch"
	"agiformer/internal/train"
	"agiformer/internal/words"
)

const trainHelp = `Trains a model as the configuration says (agiformer config prints it). Overrides
follow Hydra 1.3. The run folder (run.dir, by default outputs/DATE/TIME) gets the
configuration, train.log, metrics.jsonl, TensorBoard events and checkpoints.

SIGTERM, SIGINT, SIGUSR1 and run.max_hours make the run finish its step, save
and exit. Without data.train it trains on a small Turkish corpus, which it
fetches once. --resume auto goes on from the run folder's latest checkpoint, and
starts where there is none; --resume DIR goes on from a run or a checkpoint.

-m trains several configurations one after another: all combinations of values
given as a,b, range(), choice() or glob(), and the rows of sweep.rows. At the end a
table of what they reached is printed and written, with plots, into sweep.dir
(multirun/DATE/TIME). With a sweep.dir of your own --resume auto goes on with the
unfinished jobs.

Exit codes: 0 done, or stopped and saved; 1 the run failed; 2 bad usage,
configuration or text; 3 not better than the best run so far (run.compare_with);
run.requeue_exit_code, where it is set: stopped, saved, to be started again.`

const trainExamples = `  agiformer train experiment=quickstart data.train=book.txt
  agiformer train model=minimal data.train='texts/**/*.jsonl.gz' training.batch_size=8 --dry-run
  agiformer train run.dir=runs/first data.train=book.txt --resume auto
  agiformer train data.train=book.txt -m training.learning_rate=1e-3,3e-4
  agiformer train experiment=ablation -m --resume auto`

// trainFlags are the command's own flags.
type trainFlags struct {
	resume   string
	dryRun   bool
	cfg      string
	multirun bool
	sweepJob bool
}

// newTrainCommand trains.
func newTrainCommand() *cobra.Command {
	f := &trainFlags{}
	command := &cobra.Command{
		Use:               "train [OVERRIDE...]",
		Short:             "Train a model",
		Long:              trainHelp,
		Example:           trainExamples,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeOverrides,
		RunE:              f.run,
	}
	flags := command.Flags()
	flags.StringVar(&f.resume, "resume", "none", "auto, none, or a run's or checkpoint's `DIR`")
	flags.BoolVar(&f.dryRun, "dry-run", false, "plan only: parameters, FLOPs a token, memory, steps")
	flags.StringVar(&f.cfg, "cfg", "", "print the composed configuration (`job`) instead of training")
	flags.BoolVarP(&f.multirun, "multirun", "m", false, "run every combination of values given as a,b, range(), choice() or glob(), and the rows of sweep.rows")
	flags.BoolVar(&f.sweepJob, sweepJobFlag, false, "the run is a job of a sweep")
	_ = flags.MarkHidden(sweepJobFlag) // it fails only where there is no such flag
	return command
}

// sweepJobFlag is what a sweep adds to the command lines of its jobs.
const sweepJobFlag = "sweep-job"

func (f *trainFlags) run(command *cobra.Command, overrides []string) error {
	if f.cfg != "" && f.cfg != "job" {
		return exit.Usage(fmt.Errorf("--cfg=%s: only --cfg job is there, which prints the composed configuration", f.cfg))
	}
	if f.multirun {
		return f.sweep(command, overrides)
	}
	// A run that goes on elsewhere than in its own folder has to be told so.
	if dir, ok := train.RunFolderOf(f.resume); ok && !choosesFolder(overrides) {
		overrides = append(overrides, "run.dir="+config.Quote(dir))
	}
	options, settings, err := composeOptions(command, overrides)
	if err != nil {
		return err
	}
	tree, err := config.Compose(options)
	if err != nil {
		return exit.Usage(err)
	}
	if f.cfg != "" {
		_, err := command.OutOrStdout().Write(tree.YAML())
		return err
	}
	cfg, err := config.Load(tree, model.Known())
	if err != nil {
		return exit.Usage(err)
	}
	if f.dryRun {
		return printPlan(command, cfg)
	}
	if err := config.CheckSupported(cfg); err != nil {
		return exit.Usage(err)
	}
	if cfg.Sweep != nil && len(cfg.Sweep.Rows) > 0 {
		fmt.Fprintf(command.ErrOrStderr(), "agiformer: note: this trains one configuration; -m trains the %s of sweep.rows\n", words.Count(len(cfg.Sweep.Rows), "row"))
	}
	// Before text is fetched or prepared, which may take long.
	if _, err := torch.Locate(); err != nil {
		return err
	}
	noteCache(command, settings)
	if len(cfg.Data.Train) == 0 {
		if tree, cfg, err = withQuickstart(command, &options, cfg, settings); err != nil {
			return err
		}
	}
	return train.Run(command.Context(), cfg, tree.YAML(), options.Overrides, train.RunOptions{
		Resume: f.resume, InSweep: f.sweepJob, AMPChosen: config.Chosen(tree, "training.use_amp", "training.amp_dtype"),
		CacheDir: settings.CacheDir, LogFormat: settings.LogFormat, Out: command.OutOrStdout(),
	})
}

// withQuickstart composes again with the quickstart corpus for data.train, and
// for data.valid where that is null too.
func withQuickstart(command *cobra.Command, o *config.Options, cfg *config.Config, s config.Settings) (*config.Tree, *config.Config, error) {
	corpus, err := quickstart.Open(command.Context(), s.CacheDir, command.ErrOrStderr())
	if err != nil {
		return nil, nil, exit.Usage(err)
	}
	fmt.Fprintf(command.OutOrStdout(), "data.train is null: training on the quickstart corpus, %s\n", corpus.Train)
	o.Overrides = append(o.Overrides, "data.train="+config.Quote(corpus.Train))
	if len(cfg.Data.Valid) == 0 {
		o.Overrides = append(o.Overrides, "data.valid="+config.Quote(corpus.Valid))
	}
	tree, err := config.Compose(*o)
	if err != nil {
		return nil, nil, exit.Usage(err)
	}
	cfg, err = config.Load(tree, model.Known())
	if err != nil {
		return nil, nil, exit.Usage(err)
	}
	return tree, cfg, nil
}

// printPlan answers --dry-run.
func printPlan(command *cobra.Command, cfg *config.Config) error {
	if err := config.CheckSupported(cfg); err != nil {
		return exit.Usage(err)
	}
	if err := train.CheckFolder(cfg.Run.Dir); err != nil {
		return exit.Usage(err)
	}
	for _, text := range []struct {
		key   string
		paths []string
	}{{"data.train", cfg.Data.Train}, {"data.valid", cfg.Data.Valid}} {
		if err := data.Find(text.paths); err != nil {
			return exit.Usage(fmt.Errorf("%s: %w", text.key, err))
		}
	}
	plan, err := train.NewPlan(cfg)
	if err != nil {
		return exit.Usage(err)
	}
	return plan.Print(command.OutOrStdout())
}

// choosesFolder tells whether the overrides say where the run is to be.
func choosesFolder(overrides []string) bool {
	for _, o := range overrides {
		if strings.HasPrefix(strings.TrimLeft(o, "+"), "run.dir=") {
			return true
		}
	}
	return false
}

// sweep checks all jobs of a sweep, then runs each in a process of its own.
func (f *trainFlags) sweep(command *cobra.Command, overrides []string) error {
	if f.dryRun || f.cfg != "" {
		return exit.Usage(fmt.Errorf("-m goes with neither --dry-run nor --cfg: agiformer config -m prints a sweep's jobs"))
	}
	options, _, err := composeOptions(command, overrides)
	if err != nil {
		return err
	}
	jobs, err := config.SweepJobs(options)
	if err != nil {
		return exit.Usage(err)
	}
	for i, job := range jobs {
		cfg, err := config.Load(job.Tree, model.Known())
		if err == nil {
			err = config.CheckSupported(cfg)
		}
		if err != nil {
			return exit.Usage(fmt.Errorf("job %d (%s): %w", i, strings.Join(job.Overrides, " "), err))
		}
	}
	return sweep.Run(command.Context(), sweep.Options{
		Jobs: jobs, Flags: f.forJobs(command), Root: config.SweepDir(jobs), Resume: f.resume == "auto",
		Stdout: command.OutOrStdout(), Stderr: command.ErrOrStderr(),
	})
}

// forJobs are the flags that every job of a sweep gets: all that were given but
// -m itself, and that it is a job.
func (f *trainFlags) forJobs(command *cobra.Command) []string {
	given := []string{"--" + sweepJobFlag}
	command.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Name != "multirun" {
			given = append(given, "--"+flag.Name+"="+flag.Value.String())
		}
	})
	return given
}
