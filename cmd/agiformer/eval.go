package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"agiformer/internal/config"
	"agiformer/internal/evaluate"
	"agiformer/internal/exit"
)

func newEvalCommand() *cobra.Command {
	var o evaluate.Options
	command := &cobra.Command{
		Use:   "eval --checkpoint DIR [--data PATH...]",
		Short: "Measure a checkpoint on text",
		Long: `Prints loss, perplexity, bits per byte, accuracy, calibration and expert usage of a checkpoint.
Memory is carried through each document. A plain text file is one document, however long it is.
Without --data the validation text of the checkpoint's own configuration (data.valid) is taken.
It needs nothing of the run but the checkpoint. SIGINT and SIGTERM stop it after the batch at hand; then it prints and writes nothing.
Exit code 2 means that the checkpoint or the text is at fault, 1 that it failed or was stopped.`,
		Example: `  agiformer eval --checkpoint outputs/2026-01-31/10-00-00 --data book.txt
  agiformer eval --checkpoint runs/first/checkpoints/best --data texts/ more.jsonl.gz --json
  agiformer eval --checkpoint runs/first --data book.txt --token-losses losses.jsonl`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) > 0 && !command.Flags().Changed("data") {
				return exit.Usage(fmt.Errorf("%q stands without a flag: text to evaluate is named with --data PATH", args[0]))
			}
			return nil
		},
		RunE: func(command *cobra.Command, more []string) error {
			o.Data = append(o.Data, more...) // --data A B C
			if err := o.Validate(); err != nil {
				return exit.Usage(err)
			}
			settings, err := config.LoadSettings(command.Flags())
			if err != nil {
				return exit.Usage(err)
			}
			noteCache(command, settings)
			o.CacheDir = settings.CacheDir
			ctx, stop := untilInterrupted(command)
			defer stop()
			return evaluate.Run(ctx, o, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Checkpoint, "checkpoint", "", "a run's folder (its latest checkpoint) or a checkpoint's")
	flags.StringArrayVar(&o.Data, "data", nil, "text files, JSONL, Parquet (plain, .gz, .zst), folders or globs")
	flags.StringVar(&o.TokenLosses, "token-losses", "", "write a JSON line per predicted token to this file")
	flags.StringVar(&o.Device, "device", "auto", "auto, cpu, cuda or cuda:N")
	flags.BoolVar(&o.AMP, "amp", false, "mixed precision as in training, instead of float32")
	flags.BoolVar(&o.JSON, "json", false, "print one JSON object")
	return command
}
