package hydra_test

import (
	"strings"
	"testing"

	"agiformer/internal/config/hydra"
)

// TestErrorsHelp checks what a user reads: the key, the place, and what to do.
func TestErrorsHelp(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"config.yaml":        "defaults:\n  - model: base\n  - training/schedule: cosine\n  - _self_\nseed: 1\ntraining: {batch_size: 3}\n",
		"model/base.yaml":    "d_model: 4\nheads: 2\n",
		"model/large.yaml":   "defaults:\n  - bse\nd_model: 8\n",
		"model/twice.yaml":   "a: 1\nb: 2\na: 3\n",
		"model/open.yaml":    "a: 1\nb: [1,\nc: 2\n",
		"model/refers.yaml":  "x: ${.hads}\nheads: 1\n",
		"model/resolve.yaml": "x: ${oc.envv:HOME}\n",
		"model/mixed.yaml":   "defaults:\n  - override /modle: base\n",
		"model/list.yaml":    "- a\n",

		"training/schedule/cosine.yaml": "kind: cosine\n",
	}
	cases := []struct {
		line string
		want []string
	}{
		{"model=lrage", []string{"model/lrage", "did you mean 'large'", "base, large"}},
		{"modle=base", []string{"'modle'", "did you mean 'model'", "+modle=base"}},
		{"model=large", []string{"in model/large", "model/bse", "did you mean 'base'"}},
		{"model=twice", []string{"conf/model/twice.yaml:3", "'a'", "line 1"}},
		{"model=open", []string{"conf/model/open.yaml:", "not valid YAML"}},
		{"model=refers", []string{"model.x", "conf/model/refers.yaml:1", "did you mean 'heads'"}},
		{"model=resolve", []string{"oc.envv", "did you mean 'oc.env'"}},
		{"model=mixed", []string{"model/mixed", "modle"}},
		{"training.batchsize=8", []string{"training.batchsize", "did you mean 'training.batch_size'", "+training.batchsize=8"}},
		{"training.schedule=cosine_annealing", nil},
		{"model.large=1", []string{"an option is chosen with model=large"}},
		{"model/d_model=8", []string{"values take dots: model.d_model"}},
		{"training.schedulee.kind=x", []string{"training.schedulee", "did you mean 'training.schedule.kind'"}},
		{"model@x=base", []string{"did you mean 'model'"}},
		{"+seed=2", []string{"conf/config.yaml:5", "write seed=2", "++seed=2"}},
		{"~sede", []string{"sede", "did you mean 'seed'"}},
		{"seed=a=b", []string{"character 7", "quote"}},
		{"seed='abc", []string{"never closed"}},
		{"seed=[1,2", []string{"no closing ]"}},
		{"seed=frob(1)", []string{"frob", "choice"}},
		{"seed=1,2", []string{"seed=1,2", "--multirun"}},
		{"seed", []string{"seed=VALUE"}},
		{"hydra.run.dir=x", []string{"run.dir"}},
		{"seed=é", []string{"'é'", "quoted"}},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			_, err := hydra.Compose(hydra.Options{Files: tree(files), Shown: "conf", Name: "config", Overrides: []string{c.line}})
			if c.want == nil {
				if err != nil {
					t.Fatalf("it composes in Hydra, here: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the message does not say %q: %v", w, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the message is more than one sentence: %v", err)
			}
		})
	}
}

// TestCyclesEnd checks that what leads back to itself is an error and not an
// endless loop.
func TestCyclesEnd(t *testing.T) {
	t.Parallel()
	cases := map[string]map[string]string{
		"references":     {"config.yaml": "a: ${b}\nb: ${a}\n"},
		"own map":        {"config.yaml": "a: {b: '${a}'}\n"},
		"through select": {"config.yaml": "a: ${oc.select:b}\nb: ${oc.select:a}\n"},
		"files":          {"config.yaml": "defaults: [g/a]\n", "g/a.yaml": "defaults: [b]\n", "g/b.yaml": "defaults: [a]\n"},
		"anchors":        {"config.yaml": "a: &x\n  b: *x\n"},
		"nesting":        {"config.yaml": "a: '" + strings.Repeat("${", 500) + "'\n"},
	}
	for name, files := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := hydra.Compose(hydra.Options{Files: tree(files), Shown: "conf", Name: "config"}); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestOriginsAreKept(t *testing.T) {
	t.Parallel()
	files := tree(map[string]string{
		"config.yaml": "defaults:\n  - m: a\n  - _self_\n\nm:\n  lr: 2\n",
		"m/a.yaml":    "# the first\nlr: 1\n",
	})
	got, err := hydra.Compose(hydra.Options{Files: files, Shown: "conf", Name: "config", Overrides: []string{"m.lr=3"}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := got.Lookup("m.lr")
	if err != nil {
		t.Fatal(err)
	}
	if s := n.Origin().String(); s != "the override 'm.lr=3'" {
		t.Errorf("the value comes from %s", s)
	}
	var past []string
	for _, p := range n.Past() {
		past = append(past, p.Text+" "+p.Origin.String())
	}
	if s := strings.Join(past, "; "); s != "1 conf/m/a.yaml:2; 2 conf/config.yaml:6" {
		t.Errorf("it replaced %s", s)
	}
}

// TestWarnings checks what is accepted, as Hydra does, but pointed out.
func TestWarnings(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"config.yaml": "defaults: [g/a, {override hydra/launcher: x}, _self_]\nmode: 0755\nclock: 1:30\nplain: 10\nhydra: {job: 1}\n",
		"g/a.yaml":    "# a comment first\n# @package _global_\nx: 1\n",
	}
	var warned []string
	composed, err := hydra.Compose(hydra.Options{Files: tree(files), Shown: "conf", Name: "config", Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(warned, "\n")
	for _, want := range []string{"conf/config.yaml:2: YAML 1.1 reads 0755 as 493", "1:30 as 90", "conf/g/a.yaml:2: '# @package _global_' has no effect",
		"conf/config.yaml:1: 'hydra/launcher' is for Hydra", "conf/config.yaml:5: the key hydra"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning says %q: %s", want, all)
		}
	}
	if len(warned) != 5 {
		t.Errorf("want five warnings, got %d: %s", len(warned), all)
	}
	if composed.Root.Get("hydra") != nil {
		t.Error("Hydra's own key is part of the configuration")
	}
}
