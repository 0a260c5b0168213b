package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"agiformer/internal/exit"
)

// command runs a command line and returns what it prints and its exit code.
func command(args ...string) (out string, code int, err error) {
	root := newRootCommand()
	var stdout, stderr bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	err = root.Execute()
	return stdout.String(), exit.Code(err), err
}

func TestConfigCommand(t *testing.T) {
	t.Parallel()
	cases := []struct {
		line string
		want []string
	}{
		{"model=minimal training.max_steps=7", []string{"name: minimal", "max_steps: 7", "d_model: 256"}},
		{"--format json model=base", []string{`"d_model": 512`, `"dropout": 0.1`}},
		{"--multirun model=base,minimal", []string{`"model=base"`, `"model=minimal"`}},
		{"-m seed=range(0)", []string{"[]"}},
		{"--explain model.d_model model=minimal", []string{"model.d_model = 256", "model/minimal.yaml", "replaces 512"}},
		{"--groups model=full", []string{"* model=full", "  model=base", "experiment=quickstart"}},
		{"--diff model=base --diff model=minimal", []string{"- model.d_model: 512", "+ model.d_model: 256"}},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"config", "--config-dir", "../../conf"}, strings.Fields(c.line)...)
			out, code, err := command(args...)
			if code != exit.OK {
				t.Fatalf("exit code %d: %v", code, err)
			}
			for _, w := range c.want {
				if !strings.Contains(out, w) {
					t.Errorf("the output lacks %q:\n%s", w, out)
				}
			}
			if strings.Contains(c.line, "json") && !json.Valid([]byte(out)) {
				t.Errorf("this is not JSON:\n%s", out)
			}
		})
	}
}

func TestInfoSaysWhatItsMemoryIsFor(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"info training.batch_size=5":        "for training.batch_size=5 (lanes of",
		"info training.batch_size=5 --json": `"batch_size":5`,
	} {
		if out, code, err := command(strings.Fields(line)...); code != exit.OK || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %v; want %q in\n%s", line, code, err, want, out)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"config --config-dir ../../conf modle=base": "did you mean 'model'",
		"config --config-dir /nowhere/at/all":       "--config-dir",
		"config --format xml":                       "yaml or --format json",
		"config --formt json":                       "--formt",
		"confg":                                     "config",
		"config --diff model=base":                  "give it twice",
		"generate --top-k many":                     `--top-k is "many": it must be a whole number; see agiformer generate --help`,
		"generate --top-k 99999999999999999999":     "a whole number of fewer digits",
		"generate --top-p much":                     "it must be a number;",
		"doctor --log-format loud":                  "the log format 'loud'",
		"info model=full":                           "later version",
	}
	for line, want := range cases {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			_, code, err := command(strings.Fields(line)...)
			if code != exit.BadInput || !strings.Contains(err.Error(), want) {
				t.Errorf("exit code %d, %v; want 2 and %q", code, err, want)
			}
		})
	}
}
