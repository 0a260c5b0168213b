package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/prune"
)

const pruneHelp = `Measures on text which share of the tokens each expert of each block gets, and writes a checkpoint without the
experts that get less than --min-usage of their block's; a block keeps its most used expert in any case. A removed
expert's row of the router and its moments go with it. It prints bits per byte on the text before and after.

The new checkpoint is complete: eval and generate read it, and train --resume goes on from it with the overrides of
the run it came from (the experts that are left are taken from the checkpoint), or with its own config.yaml, as the
command printed as "next" does. Without --data the validation text of the checkpoint's configuration is taken.`

func newPruneCommand() *cobra.Command {
	var o prune.Options
	command := &cobra.Command{
		Use:   "prune --checkpoint DIR --data PATH... --out DIR",
		Short: "Remove experts that are hardly used",
		Long:  pruneHelp,
		Example: `  agiformer prune --checkpoint runs/first --data book.txt --out runs/first-pruned
  agiformer prune --checkpoint runs/first/checkpoints/best --data texts/ --min-usage 0.1 --out smaller`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) > 0 && !command.Flags().Changed("data") {
				return exit.Usage(fmt.Errorf("%q stands without a flag: text to measure on is named with --data PATH", args[0]))
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
			return prune.Run(ctx, o, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Checkpoint, "checkpoint", "", "a run's folder (its latest checkpoint) or a checkpoint's")
	flags.StringArrayVar(&o.Data, "data", nil, "text files, JSONL, Parquet (plain, .gz, .zst), folders or globs")
	flags.Float64Var(&o.MinUsage, "min-usage", 0.05, "least share of a block's choices that keeps an expert")
	flags.StringVar(&o.Out, "out", "", "the checkpoint's folder to write; it must not be there yet")
	flags.StringVar(&o.Device, "device", "auto", "auto, cpu, cuda or cuda:N")
	flags.BoolVar(&o.JSON, "json", false, "print one JSON object")
	return command
}
