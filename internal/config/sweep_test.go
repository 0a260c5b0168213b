package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/conf"
	"agiformer/internal/config"
)

const rows = `sweep.rows=[{name:one,overrides:['model=minimal','model.d_ff=512'],seeds:[1,2]},{name:'two, big',overrides:['training.learning_rate=0.01']},{name:three}]`

func sweepJobs(t *testing.T, overrides ...string) []config.Job {
	t.Helper()
	jobs, err := config.SweepJobs(config.Options{Builtin: conf.Files, Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// show gives a job a line: its line of the table, folder and overrides but for
// the rows themselves.
func show(jobs []config.Job) string {
	var lines []string
	for _, j := range jobs {
		var overrides []string
		for _, o := range j.Overrides {
			if !strings.HasPrefix(o, "sweep.rows") {
				overrides = append(overrides, o)
			}
		}
		lines = append(lines, j.Line+" | "+j.Folder+" | "+strings.Join(overrides, " "))
	}
	return strings.Join(lines, "\n")
}

func TestRowsAreJobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		given []string
		want  string
	}{
		{"alone", nil, `one | one-seed1 | model=minimal model.d_ff=512 seed=1
one | one-seed2 | model=minimal model.d_ff=512 seed=2
two, big | two-big-seed42 | training.learning_rate=0.01
three | three-seed42 | `},
		{"the command line wins", []string{"model.d_ff=1024", "seed=7"}, `one | one-seed7 | model=minimal model.d_ff=1024 seed=7
two, big | two-big-seed7 | training.learning_rate=0.01 model.d_ff=1024 seed=7
three | three-seed7 | model.d_ff=1024 seed=7`},
		{"times a sweep", []string{"sweep.only=[one]", "training.eps=0.1,0.2"}, `one training.eps=0.1 | one-training.eps-0.1-seed1 | model=minimal model.d_ff=512 seed=1 sweep.only=[one] training.eps=0.1
one training.eps=0.2 | one-training.eps-0.2-seed1 | model=minimal model.d_ff=512 seed=1 sweep.only=[one] training.eps=0.2
one training.eps=0.1 | one-training.eps-0.1-seed2 | model=minimal model.d_ff=512 seed=2 sweep.only=[one] training.eps=0.1
one training.eps=0.2 | one-training.eps-0.2-seed2 | model=minimal model.d_ff=512 seed=2 sweep.only=[one] training.eps=0.2`},
		{"swept seeds", []string{"sweep.only=[three]", "seed=5,6"}, `three | three-seed5 | sweep.only=[three] seed=5
three | three-seed6 | sweep.only=[three] seed=6`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := show(sweepJobs(t, append([]string{rows}, c.given...)...)); got != c.want {
				t.Errorf("the jobs are\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRowsReachTheConfiguration(t *testing.T) {
	t.Parallel()
	jobs := sweepJobs(t, rows, "sweep.dir=runs")
	cfg, err := config.Load(jobs[1].Tree, known)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Model.Name != "minimal" || cfg.Model.DFF != 512 || cfg.Seed != 2 || !jobs[1].Row {
		t.Errorf("the second job trains %s, d_ff %d, seed %d", cfg.Model.Name, cfg.Model.DFF, cfg.Seed)
	}
	if dir := config.SweepDir(jobs); dir != "runs" {
		t.Errorf("sweep.dir is %q", dir)
	}
}

// A row's model wins over one that an experiment chooses.
func TestRowsWinOverTheExperiment(t *testing.T) {
	t.Parallel()
	jobs := sweepJobs(t, "experiment=quickstart", "sweep.rows=[{name:small,overrides:['model=minimal']}]")
	cfg, err := config.Load(jobs[0].Tree, known)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Model.NExperts != 1 || cfg.Model.DModel != 192 {
		t.Errorf("%d experts of width %d, want minimal's 1 with quickstart's width", cfg.Model.NExperts, cfg.Model.DModel)
	}
}

func TestSweepsWithoutRowsAreNumbered(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"seed=1,2 training.eps=0.1,0.2": `training.eps=0.1 | 0 | seed=1 training.eps=0.1
training.eps=0.2 | 1 | seed=1 training.eps=0.2
training.eps=0.1 | 2 | seed=2 training.eps=0.1
training.eps=0.2 | 3 | seed=2 training.eps=0.2`,
		"seed=1,2": "text_only | 0 | seed=1\ntext_only | 1 | seed=2",
	} {
		if got := show(sweepJobs(t, strings.Fields(given)...)); got != want {
			t.Errorf("%s gives\n%s\nwant\n%s", given, got, want)
		}
	}
}

func TestMistakesInRowsAreNamed(t *testing.T) {
	t.Parallel()
	for override, want := range map[string]string{
		"sweep.rows=[{name:a},{name:'a+'}]":                         "sweep.rows[1].name",
		"sweep.rows=[{name:'+'}]":                                   "a letter or a digit",
		"sweep.rows=[{overrides:['seed=1']}]":                       "sweep.rows[0].name",
		"sweep.rows=[{name:a,seed:1}]":                              "did you mean 'seeds'",
		"sweep.rows=[{name:a,seeds:[-1]}]":                          "sweep.rows[0].seeds[0]",
		"sweep.rows=5":                                              "a list of maps with the keys name, overrides, seeds",
		"sweep.rows=[{name:a,overrides:['modle=minimal']}]":         "row 'a'",
		"sweep.rows=[{name:a,seeds:[1,1]}]":                         "share the run folder a-seed1",
		"sweep.rows=[{name:abc}] sweep.only=[abd]":                  "did you mean 'abc'",
		"sweep.rows=[{name:a}],null":                                "from job to job",
		"sweep.rows=[{name:a,overrides:['model.d_ff=${nowhere}']}]": "nowhere",
	} {
		_, err := config.SweepJobs(config.Options{Builtin: conf.Files, Overrides: strings.Fields(override)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q in it", override, err, want)
		}
	}
}

// A configuration of before there were sweeps has no such section.
func TestASweepSectionMayBeMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, compose(t, "~sweep").YAML(), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := config.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(tree, known); err != nil {
		t.Error(err)
	}
}
