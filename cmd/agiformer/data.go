package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agiformer/internal/data"
	"agiformer/internal/exit"
	"agiformer/internal/tokenizer"
	"agiformer/internal/train"
	"agiformer/internal/vocabulary"
	"agiformer/internal/words"
)

const dataHelp = `Text files, JSONL and Parquet, each plain, .gz or .zst, as files, folders or
globs, are tokenised into indexed shards in the cache, once a source; training
does so by itself. Overrides set how (data.split, data.text_field,
data.max_document_bytes, data.on_error, tokenizer), and data.train and
data.valid name the text where no PATH is given.`

func newDataCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "data",
		Short: "Prepare text for training, and say what is in it",
		Long:  dataHelp,
		Args:  noCommand,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newDataPrepareCommand(), newDataStatsCommand())
	return command
}

func newDataPrepareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prepare PATH... [OVERRIDE...]",
		Short: "Tokenise text into shards, once a source",
		Long:  dataHelp,
		Example: `  agiformer data prepare texts/ 'more/**/*.jsonl.zst'
  agiformer data prepare book.txt data.split=blank_line data.on_error=fail
  agiformer data prepare experiment=nightly data.train=texts/`,
		Args: cobra.ArbitraryArgs,
		RunE: runDataPrepare,
	}
}

func newDataStatsCommand() *cobra.Command {
	var f statsFlags
	command := &cobra.Command{
		Use:   "stats PATH... [OVERRIDE...]",
		Short: "Documents, bytes, tokens and lengths of text",
		Long: dataHelp + `

With --bigram VALID it also prints the bits per byte that a byte-bigram model
fitted on the text needs for VALID: the least that a trained model has to beat.
With --validation it does so for what a run with these overrides validates on:
data.valid, or where that is null what is held out of the text, as far as
data.eval_tokens goes.`,
		Example: `  agiformer data stats texts/
  agiformer data stats texts/ data.split=line --validation
  agiformer data stats train.jsonl --bigram valid.jsonl --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, args []string) error {
			return f.run(command, args)
		},
	}
	command.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON object")
	command.Flags().StringArrayVar(&f.bigram, "bigram", nil, "text to measure a byte-bigram model on")
	command.Flags().BoolVar(&f.validation, "validation", false, "measure it on what a training run validates on")
	return command
}

// statsFlags are the flags of data stats.
type statsFlags struct {
	bigram     []string
	validation bool
	asJSON     bool
}

// dataSource is the text that a data command works on.
type dataSource struct {
	opts  data.Options // Paths is the training text
	valid []string
	tok   tokenizer.Tokenizer
	out   io.Writer // notes and progress
	// evaluation is a run's.
	evaluation data.EvaluationOptions
}

// openDataSource reads a command's arguments: what holds a = and is no file is
// an override, the rest are paths.
func openDataSource(ctx context.Context, command *cobra.Command, args []string) (*dataSource, error) {
	var paths, overrides []string
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil && strings.Contains(arg, "=") {
			overrides = append(overrides, arg)
		} else {
			paths = append(paths, arg)
		}
	}
	cfg, settings, err := loadConfig(command, overrides)
	if err != nil {
		return nil, err
	}
	noteCache(command, settings)
	s := &dataSource{valid: cfg.Data.Valid, out: command.ErrOrStderr(), evaluation: train.EvaluationOptions(cfg)}
	if len(paths) == 0 {
		paths = cfg.Data.Train
	} else {
		s.valid = nil
	}
	if len(paths) == 0 {
		return nil, exit.Usage(fmt.Errorf("no text is named: give a file, a folder or a glob, or set data.train=PATH"))
	}
	s.opts = data.Options{
		Paths: paths, TextField: cfg.Data.TextField, Split: cfg.Data.Split, MaxDocumentBytes: cfg.Data.MaxDocumentBytes,
		OnError: cfg.Data.OnError, CacheDir: settings.CacheDir,
	}
	s.tok, err = vocabulary.Open(ctx, cfg.Tokenizer, s.opts, func(format string, values ...any) {
		fmt.Fprintf(s.out, format+"\n", values...)
	})
	if errors.Is(err, context.Canceled) {
		return nil, errTokenizerStopped
	}
	return s, exit.Usage(err)
}

// prepare opens the shards of paths and says on out what was wrong with them.
func (s *dataSource) prepare(ctx context.Context, paths []string) (*data.Dataset, *data.Report, error) {
	opts := s.opts
	opts.Paths = paths
	var done func()
	opts.Progress, done = preparationBar(s.out)
	ds, report, err := data.Prepare(ctx, opts, s.tok)
	done()
	if errors.Is(err, context.Canceled) {
		return nil, nil, errors.New("stopped before the shards were complete: run the same command again")
	}
	if err != nil {
		return nil, nil, exit.Usage(err)
	}
	for _, sentence := range report.Sentences() {
		fmt.Fprintln(s.out, "note: "+sentence)
	}
	return ds, report, nil
}

// preparationBar shows progress on a terminal and nothing elsewhere.
func preparationBar(out io.Writer) (progress func(done, total int64), end func()) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("preparing"),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
	// A bar that cannot be drawn is no reason to stop.
	progress = func(done, total int64) {
		bar.ChangeMax64(max(total, 1))
		_ = bar.Set64(done)
	}
	return progress, func() { _ = bar.Clear() }
}

// untilInterrupted is a context that ends with SIGINT or SIGTERM; another one
// ends the process at once.
func untilInterrupted(command *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func runDataPrepare(command *cobra.Command, args []string) (err error) {
	ctx, stop := untilInterrupted(command)
	defer stop()
	s, err := openDataSource(ctx, command, args)
	if err != nil {
		return err
	}
	for _, paths := range [][]string{s.opts.Paths, s.valid} {
		if len(paths) == 0 {
			continue
		}
		start := time.Now()
		ds, report, err := s.prepare(ctx, paths)
		if err != nil {
			return err
		}
		if err := ds.Close(); err != nil {
			return err
		}
		how := fmt.Sprintf("prepared in %.1f s (%.0f MB/s)", time.Since(start).Seconds(), float64(report.SourceBytes)/1e6/time.Since(start).Seconds())
		if report.Cached {
			how = "was prepared before"
		}
		_, err = fmt.Fprintf(command.OutOrStdout(), "%s: %s, %s, %s, %s; %s\n",
			strings.Join(paths, " "), words.Count(report.Files, "file"), words.Count(report.Documents, "document"),
			words.Count(report.Bytes, "byte"), words.Count(report.Tokens, "token"), how)
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *statsFlags) run(command *cobra.Command, args []string) (err error) {
	if f.validation && len(f.bigram) > 0 {
		return exit.Usage(errors.New("--bigram and --validation were both given: leave one of them out"))
	}
	ctx, stop := untilInterrupted(command)
	defer stop()
	s, err := openDataSource(ctx, command, args)
	if err != nil {
		return err
	}
	ds, report, err := s.prepare(ctx, s.opts.Paths)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ds.Close()) }()
	stats, err := data.NewStats(ds, report)
	if err != nil {
		return err
	}
	switch {
	case f.validation:
		err = s.validation(ctx, ds, stats)
	case len(f.bigram) > 0:
		err = s.bigram(ctx, ds, f.bigram, stats)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		return stats.WriteJSON(command.OutOrStdout())
	}
	return stats.WriteText(command.OutOrStdout())
}

// bigram measures a byte-bigram model of ds on the text in paths.
func (s *dataSource) bigram(ctx context.Context, ds *data.Dataset, paths []string, stats *data.Stats) (err error) {
	valid, _, err := s.prepare(ctx, paths)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, valid.Close()) }()
	return measureBigram(ds, valid, data.EvaluationOptions{}, stats)
}

// validation measures a byte-bigram model as a run on ds is measured: fitted on
// what it trains on, on what it validates on.
func (s *dataSource) validation(ctx context.Context, ds *data.Dataset, stats *data.Stats) (err error) {
	train, valid, err := s.split(ctx, ds)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, train.Close(), valid.Close()) }()
	if stats.Validation, err = data.NewValidation(valid); err != nil {
		return err
	}
	return measureBigram(train, valid, s.evaluation, stats)
}

// split opens what a run on ds trains on and validates on.
func (s *dataSource) split(ctx context.Context, ds *data.Dataset) (train, valid *data.Dataset, err error) {
	if len(s.valid) > 0 {
		valid, _, err = s.prepare(ctx, s.valid)
		return ds, valid, err
	}
	return data.SplitOff(ds, func(maxDocumentBytes int64) (*data.Dataset, error) {
		pieces := *s
		pieces.opts.MaxDocumentBytes = maxDocumentBytes
		all, _, err := pieces.prepare(ctx, pieces.opts.Paths)
		return all, err
	})
}

func measureBigram(train, valid *data.Dataset, o data.EvaluationOptions, stats *data.Stats) error {
	bits, err := data.Bigram(train, valid, o)
	if err != nil {
		return exit.Usage(err)
	}
	stats.Bigram = &bits
	return nil
}
