package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/train"
)

const rootHelp = `Trains, evaluates and samples Mixture-of-Experts Transformers with memory.

Exit codes: 0 done, also stopped by a signal after saving, 1 the run failed,
2 bad usage, configuration or input, 3 a nightly run is not better than the
best so far, and where run.requeue_exit_code is set that number (75, say) for
stopped by a signal, saved, and to be started again.`

// newRootCommand assembles all commands.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "agiformer",
		Short:         "Trains, evaluates and samples AGIFORMER models",
		Long:          rootHelp,
		Version:       train.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	config.AddSettingsFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newConfigCommand(),
		newTrainCommand(),
		newInfoCommand(),
		newEvalCommand(),
		newGenerateCommand(),
		newPruneCommand(),
		newDataCommand(),
		newTokenizerCommand(),
		newPlotCommand(),
		newDoctorCommand(),
	)
	return root
}

// flagError says in a sentence what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		flag := invalid.GetFlag()
		kind := map[string]string{"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false"}[flag.Value.Type()]
		if errors.Is(err, strconv.ErrRange) {
			kind += " of fewer digits"
		}
		err = fmt.Errorf("--%s is %q: it must be %s", flag.Name, invalid.GetValue(), kind)
	}
	return exit.Usage(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
}

// noCommand refuses a name that is no command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean '%s'?)", near[0])
	}
	return exit.Usage(fmt.Errorf("there is no command '%s'%s; see %s --help", args[0], hint, cmd.CommandPath()))
}

// loadConfig composes, checks and types a command's configuration. Errors are
// usage errors.
func loadConfig(cmd *cobra.Command, overrides []string) (*config.Config, config.Settings, error) {
	options, settings, err := composeOptions(cmd, overrides)
	if err != nil {
		return nil, settings, err
	}
	tree, err := config.Compose(options)
	if err != nil {
		return nil, settings, exit.Usage(err)
	}
	cfg, err := config.Load(tree, model.Known())
	return cfg, settings, exit.Usage(err)
}

// noteCache says where the cache is, for commands that use it, where it is no
// place that lasts.
func noteCache(cmd *cobra.Command, settings config.Settings) {
	if settings.CacheNote != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "agiformer: note: "+settings.CacheNote)
	}
}

// composeOptions returns what a command composes: the settings' tree with the
// overrides. Errors are usage errors.
func composeOptions(cmd *cobra.Command, overrides []string) (config.Options, config.Settings, error) {
	settings, err := config.LoadSettings(cmd.Flags())
	if err != nil {
		return config.Options{}, settings, exit.Usage(err)
	}
	return config.Options{
		Dir:       config.FindDir(settings.ConfigDir),
		Builtin:   conf.Files,
		Name:      settings.ConfigName,
		Overrides: overrides,
		Warn:      func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "agiformer: warning: "+text) },
	}, settings, nil
}
