package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"agiformer/internal/config"
	"agiformer/internal/doctor"
	"agiformer/internal/exit"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

func newDoctorCommand() *cobra.Command {
	var asJSON, load bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine has and lacks, and how to mend it",
		Long: `Looks for libtorch and our libraries, the CUDA driver and its devices, cores, memory and disk, and says of
everything that is missing how to mend it. It loads no library unless --load asks for it.
Exit code 0: agiformer can train and generate here. 1: something that it needs is missing.`,
		Example: `  agiformer doctor
  agiformer doctor --load     loads libtorch and counts the GPUs that answer
  agiformer doctor --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.Usage(fmt.Errorf("doctor takes no arguments, and was given %q", args[0]))
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			settings, err := config.LoadSettings(command.Flags())
			if err != nil {
				return exit.Usage(err)
			}
			noteCache(command, settings)
			report := doctor.Inspect(doctorOptions(settings.CacheDir, load))
			write := report.Text
			if asJSON {
				write = report.JSON
			}
			if err := write(command.OutOrStdout()); err != nil {
				return err
			}
			return report.Err()
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	command.Flags().BoolVar(&load, "load", false, "load libtorch and ask it for its devices")
	return command
}

func doctorOptions(cacheDir string, load bool) doctor.Options {
	options := doctor.Options{Version: train.Version, Locate: locateLibraries, CacheDir: cacheDir}
	options.WorkDir, _ = os.Getwd()
	if load {
		options.Load = loadLibraries
	}
	return options
}

func locateLibraries() (doctor.Libraries, error) {
	found, err := torch.Locate()
	return doctor.Libraries{Libtorch: found.Torch, Source: found.Source, Cgotorch: found.GoTorch, Agiformer: found.Agiformer}, err
}

// loadLibraries loads libtorch and describes what answers.
func loadLibraries() (string, error) {
	if err := torch.Do(func() {}); err != nil {
		return "", err
	}
	devices := "no CUDA device"
	if count := torch.CUDACount(); count > 0 {
		devices = fmt.Sprintf("%d CUDA device(s)", count)
	}
	return torch.Version() + ", " + devices, nil
}
