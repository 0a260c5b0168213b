package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"agiformer/internal/config"
	"agiformer/internal/exit"
)

const configHelp = `Prints the composed configuration, interpolations resolved.

Overrides follow Hydra 1.3: group=option, key.sub=value, +new=1, ++force=1,
~key, lists [a,b], maps {a: 1}, quotes, ${key}, ${oc.env:NAME,default} and
${now:%Y-%m-%d}. With --multirun, a,b, range(), choice() and glob() sweep; the
answer is a JSON list of the jobs' override lists.

Exit codes: 0 done, 2 a bad override or file.`

const configExamples = `  agiformer config model=minimal training.max_steps=100
  agiformer config --format json experiment=nightly
  agiformer config -m model=base,minimal 'seed=range(1,4)'
  agiformer config --explain training.learning_rate experiment=quickstart
  agiformer config --groups
  agiformer config --diff model=base --diff model=minimal`

type configFlags struct {
	format   string
	multirun bool
	explain  string
	groups   bool
	diff     []string
}

// newConfigCommand prints, explains and compares configurations.
func newConfigCommand() *cobra.Command {
	f := &configFlags{}
	cmd := &cobra.Command{
		Use:               "config [OVERRIDE...]",
		Short:             "Print the composed configuration",
		Long:              configHelp,
		Example:           configExamples,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeOverrides,
		RunE:              func(cmd *cobra.Command, args []string) error { return exit.Usage(f.run(cmd, args)) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "yaml", "yaml or json")
	flags.BoolVarP(&f.multirun, "multirun", "m", false, "expand a sweep and print its jobs' overrides as JSON")
	flags.StringVar(&f.explain, "explain", "", "say where the value of this `KEY` came from")
	flags.BoolVar(&f.groups, "groups", false, "list the groups and their options")
	flags.StringArrayVar(&f.diff, "diff", nil, "compare two configurations, each given as `OVERRIDES` with blanks between them")
	return cmd
}

func (f *configFlags) run(cmd *cobra.Command, args []string) error {
	if f.format != "yaml" && f.format != "json" {
		return fmt.Errorf("the format '%s' does not exist: use --format yaml or --format json", f.format)
	}
	opts, _, err := composeOptions(cmd, args)
	if err != nil {
		return err
	}
	var out []byte
	switch {
	case f.groups:
		out, err = groupsText(opts)
	case len(f.diff) > 0:
		out, err = diffText(opts, f.diff)
	case f.multirun:
		out, err = sweepText(opts)
	default:
		out, err = f.composed(opts)
	}
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(out)
	return err
}

func (f *configFlags) composed(opts config.Options) ([]byte, error) {
	tree, err := config.Compose(opts)
	switch {
	case err != nil:
		return nil, err
	case f.explain != "":
		text, err := config.Explain(tree, f.explain)
		return []byte(text), err
	case f.format == "json":
		return tree.JSON(), nil
	default:
		return tree.YAML(), nil
	}
}

func sweepText(opts config.Options) ([]byte, error) {
	jobs, err := config.SweepJobs(opts)
	if err != nil {
		return nil, err
	}
	lists := [][]string{}
	for _, job := range jobs {
		lists = append(lists, job.Overrides)
	}
	if len(lists) == 0 && opts.Warn != nil {
		opts.Warn("the sweep is empty: a range() or glob() gives no value, so no job runs")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(lists)
	return b.Bytes(), err
}
