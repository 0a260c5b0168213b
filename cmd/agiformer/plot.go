package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"agiformer/internal/exit"
	"agiformer/internal/plot"
)

func newPlotCommand() *cobra.Command {
	var out string
	command := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Draw training curves and expert usage as a PNG",
		Long: `Draws the metrics of one or more runs as one PNG: a column a run, the rows on the same axes.
The rows are loss, bits per byte, learning rate and, where there is a router, expert usage.
It reads metrics.jsonl, also of a run that is still going on, and the experts' names from config.yaml, and needs no libtorch.`,
		Example: `  agiformer plot outputs/2026-01-31/10-00-00
  agiformer plot multirun/2026-01-31/10-00-00/*/ --out compare.png`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usage(errors.New("plot needs at least one run folder: agiformer plot RUN"))
			}
			return nil
		},
		RunE: func(command *cobra.Command, runs []string) error {
			path := out
			if path == "" {
				path = defaultPicture(runs)
			}
			if err := drawRuns(runs, path); err != nil {
				return err
			}
			_, err := fmt.Fprintln(command.OutOrStdout(), path)
			return err
		},
	}
	command.Flags().StringVar(&out, "out", "", "the PNG to write (default plot.png in the run's folder, for several runs in this folder)")
	return command
}

func defaultPicture(runs []string) string {
	if len(runs) == 1 {
		return filepath.Join(runs[0], "plot.png")
	}
	return "plot.png"
}

func drawRuns(folders []string, path string) error {
	runs := make([]*plot.Run, len(folders))
	for i, folder := range folders {
		run, err := plot.Read(folder)
		if err != nil {
			return exit.Usage(err)
		}
		runs[i] = run
	}
	file, err := os.Create(path)
	if err != nil {
		return exit.Usage(fmt.Errorf("cannot write the picture: %w", err))
	}
	if err := plot.Draw(file, runs); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
