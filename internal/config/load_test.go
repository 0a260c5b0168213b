package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"agiformer/conf"
	"agiformer/internal/config"
)

// TestMistakesAreNamed gives one mistake at a time; the message must name the
// key, the override, and what is expected.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		line string
		want []string
	}{
		{"+model.d_modle=3", []string{"model.d_modle", "+model.d_modle=3", "did you mean 'd_model'"}},
		{"+sede=3", []string{"sede", "did you mean 'seed'"}},
		{"training.learning_rate=fast", []string{"training.learning_rate", "fast", "a finite number"}},
		{"training.learning_rate=nan", []string{"training.learning_rate", "a finite number"}},
		{"training.learning_rate=0", []string{"greater than 0"}},
		{"training.use_amp=1", []string{"training.use_amp", "true or false"}},
		{"training.max_steps=1.5", []string{"a whole number"}},
		{"training.max_steps=0", []string{"at least 1"}},
		{"training.amp_dtype=float15", []string{"did you mean 'float16'"}},
		{"training.betas=[0.9]", []string{"two numbers"}},
		{"training.betas=[0.9,1]", []string{"training.betas[1]", "below 1"}},
		{"training.optimizer=null", []string{"training.optimizer", "text"}},
		{"model.n_heads=7", []string{"model.n_heads is 7", "the override 'model.n_heads=7'", "divide model.d_model (512)"}},
		{"model.n_heads=64", []string{"8 wide", "at least 16"}},
		{"model.expert_types=[language]", []string{"1 expert,", "model.n_experts is 2"}},
		{"model.expert_types=[language,lojik]", []string{"model.expert_types[1]", "lojik", "did you mean 'logic'"}},
		{"model.expert_types=[language,causl]", []string{"model.expert_types[1] is \"causl\"", "the override", "causal or dense or language or logic or plain or spatial", "did you mean 'causal'"}},
		{"model.moe.router_z_loss_weight=-1", []string{"at least 0"}},
		{"model.block_experts=5", []string{"model.block_experts", "a list of lists of whole numbers"}},
		{"model.block_experts=[[0],[1]]", []string{"2 blocks", "model.n_layers is 8"}},
		{"model.block_experts=[[0],[1],[],[0],[0],[0],[0],[0]]", []string{"model.block_experts[2]", "at least one"}},
		{"model.block_experts=[[0],[1],[0,2],[0],[0],[0],[0],[0]]", []string{"model.block_experts[2]", "0 to 1"}},
		{"model.block_experts=[[0],[1],[1,0],[0],[0],[0],[0],[0]]", []string{"model.block_experts[2]", "ascending"}},
		{"model.dropout=1", []string{"below 1"}},
		{"model.moe.top_k=3", []string{"between 1 and model.n_experts (2)"}},
		{"model.moe.load_balancing_scope=lane", []string{"batch or sequence"}},
		{"model.vocab_size=300", []string{"256"}},
		{"model.moe=5", []string{"model.moe", "it is a map"}},
		{"model.memory_size=[1]", []string{"model.memory_size", "a whole number"}},
		{"tokenizer.path=x.json", []string{"null"}},
		{"tokenizer.name=morphopiece", []string{"tokenizer.vocab_size", "tokenizer=morphopiece"}},
		{"tokenizer.name=bite", []string{"did you mean 'byte'"}},
		{"data.train=[a,'']", []string{"data.train", "empty"}},
		{"data.train=5", []string{"data.train", "a list of texts"}},
		{"data.split=lines", []string{"did you mean 'line'"}},
		{"hardware.device=gpu", []string{"auto, cpu, cuda or cuda:N"}},
		{"hardware.threads=0", []string{"at least 1"}},
		{"hardware.threads=9999999999", []string{"at most 1024"}},
		{"run.requeue_exit_code=300", []string{"between 1 and 255"}},
		{"run.dir=''", []string{"a folder"}},
		{"seed=-1", []string{"seed is -1"}},
		{"~seed", []string{"'seed' is missing"}},
		{"seed=???", []string{"???", "seed"}},
		{"checkpoint.keep_last=0", []string{"at least 1"}},
		{"model.d_model=1000000000000", []string{"model.d_model is 1000000000000", "at most 65536"}},
		{"model.n_layers=1000000", []string{"at most 1024"}},
		{"training.gradient_accumulation_steps=1000000000", []string{"1000000000", "at most"}},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(compose(t, c.line), known)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the message does not say %q: %v", w, err)
				}
			}
		})
	}
}

// TestOriginIsAFile takes a wrong value from a file and looks for its line.
func TestOriginIsAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, conf.Files); err != nil {
		t.Fatal(err)
	}
	extra := "# @package _global_\nmodel:\n  d_model: 100\n"
	if err := os.WriteFile(filepath.Join(dir, "experiment", "odd.yaml"), []byte(extra), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Compose(config.Options{Dir: dir, Overrides: []string{"experiment=odd"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = config.Load(tree, known); err == nil || !strings.Contains(err.Error(), "n_heads") {
		t.Fatalf("the error is %v", err)
	}
	text, err := config.Explain(tree, "model.d_model")
	if err != nil || !strings.Contains(text, "experiment/odd.yaml:3") || !strings.Contains(text, "replaces 512 from") {
		t.Errorf("the explanation is %q, %v", text, err)
	}
}

// TestSeveralMistakesTogether reports all at once.
func TestSeveralMistakesTogether(t *testing.T) {
	t.Parallel()
	_, err := config.Load(compose(t, "model.n_heads=7", "training.batch_size=0"), known)
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want two lines, got %v", err)
	}
}

func TestTrainedTokenizer(t *testing.T) {
	t.Parallel()
	for mistake, want := range map[string]string{
		"tokenizer.mode=fast":       "plain or fused",
		"tokenizer.vocab_size=256":  "at least 259",
		"tokenizer.vocab_size=null": "number of ids",
		"model.vocab_size=256":      "tokenizer.vocab_size is 32000",
	} {
		_, err := config.Load(compose(t, "tokenizer=morphopiece", mistake), known)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mistake, err, want)
		}
	}
	cfg, err := config.Load(compose(t, "tokenizer=unigram", "tokenizer.path=x.json", "model.vocab_size=256"), known)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Tokenizer.Name != "unigram" || *cfg.Tokenizer.Path != "x.json" || *cfg.Tokenizer.VocabSize != 32000 {
		t.Errorf("the tokenizer is %+v", cfg.Tokenizer)
	}
}

func TestConvenientValues(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(compose(t, "training.max_steps=1e3", "data.train=a.txt", "data.valid=[b,c]", "training.gradient_clip=2", "model.vocab_size=null"), known)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Training.MaxSteps != 1000 || len(cfg.Data.Train) != 1 || len(cfg.Data.Valid) != 2 || cfg.Training.GradientClip != 2 || cfg.Model.VocabSize != nil {
		t.Errorf("got %+v %+v", cfg.Training, cfg.Data)
	}
}

func TestLaterVersions(t *testing.T) {
	t.Parallel()
	for line, part := range map[string]string{
		"model=full": "use_multimodal", "model=multimodal": "use_multimodal",
	} {
		cfg, err := config.Load(compose(t, line), known)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := config.CheckSupported(cfg); err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "later version") {
			t.Errorf("%s: %v", line, err)
		}
	}
	cfg, err := config.Load(compose(t), known)
	if err != nil {
		t.Fatal(err)
	}
	if err := config.CheckSupported(cfg); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
}

// TestResolvedConfigReadsBack stores a configuration as a run does and loads
// it again, with text that looks like an interpolation in it.
func TestResolvedConfigReadsBack(t *testing.T) {
	t.Parallel()
	tree := compose(t, "data.text_field='\\${seed}'", "run.dir=yes", "experiment=nightly")
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, tree.YAML(), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := config.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := config.Diff(tree, again); d != "" {
		t.Errorf("it changed:\n%s", d)
	}
	cfg, err := config.Parse(tree.YAML(), "memory", known)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Data.TextField != "${seed}" || cfg.Run.Dir != "yes" || *cfg.Run.RequeueExitCode != 75 {
		t.Errorf("got %+v %+v", cfg.Data, cfg.Run)
	}
}

func TestSweepOfTheShippedTree(t *testing.T) {
	t.Parallel()
	jobs, err := config.SweepJobs(config.Options{Builtin: conf.Files, Overrides: []string{"model=base,minimal", "seed=range(2)"}})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, j := range jobs {
		lines = append(lines, strings.Join(j.Overrides, " "))
	}
	if s := strings.Join(lines, "; "); s != "model=base seed=0; model=base seed=1; model=minimal seed=0; model=minimal seed=1" {
		t.Errorf("the jobs are %s", s)
	}
}

func TestDerivedSizes(t *testing.T) {
	t.Parallel()
	three := int64(3)
	cases := []struct {
		model config.Model
		k, w  int64
	}{
		{config.Model{NExperts: 1, MaxSeqLen: 8}, 1, 32},
		{config.Model{NExperts: 2, MaxSeqLen: 8}, 1, 32},
		{config.Model{NExperts: 4, MaxSeqLen: 8, MaxSegmentLen: &three}, 2, 3},
		{config.Model{NExperts: 4, MaxSeqLen: 8, MoE: config.MoE{TopK: &three}}, 3, 32},
	}
	for _, c := range cases {
		if k, w := c.model.TopK(), c.model.WorkingMemoryLen(); k != c.k || w != c.w {
			t.Errorf("%+v: top_k %d, working memory %d; want %d, %d", c.model, k, w, c.k, c.w)
		}
	}
}

// TestSettings checks that flags win over the environment and that over the
// settings file. It sets the environment, so it does not run beside others.
func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.yaml")
	t.Setenv("AGIFORMER_SETTINGS", file)
	if err := os.WriteFile(file, []byte("cache_dir: /from/file\nlog_format: json\nconfig_name: file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AGIFORMER_LOG_FORMAT", "plain")
	t.Setenv("AGIFORMER_CONFIG_NAME", "environment")
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddSettingsFlags(flags)
	if err := flags.Parse([]string{"--config-name", "flag"}); err != nil {
		t.Fatal(err)
	}
	got, err := config.LoadSettings(flags)
	want := config.Settings{ConfigName: "flag", LogFormat: "plain", CacheDir: "/from/file"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	t.Setenv("AGIFORMER_LOG_FORMAT", "loud")
	if _, err := config.LoadSettings(flags); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("a log format that does not exist: %v", err)
	}
	t.Setenv("AGIFORMER_LOG_FORMAT", "")
	if err := os.WriteFile(file, []byte("cachedir: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadSettings(flags); err == nil || !strings.Contains(err.Error(), "cachedir") {
		t.Errorf("an unknown setting: %v", err)
	}
}

// TestCacheWithoutAHome: a cache that may be emptied any time is named.
func TestCacheWithoutAHome(t *testing.T) {
	t.Setenv("AGIFORMER_SETTINGS", filepath.Join(t.TempDir(), "none.yaml"))
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddSettingsFlags(flags)
	temporary := filepath.Join(os.TempDir(), fmt.Sprintf("agiformer-%d", os.Getuid()))
	for _, c := range []struct{ cache, home, want string }{
		{"/cache", "/home/a", "/cache/agiformer"},
		{"relative", "/home/a", "/home/a/.cache/agiformer"},
		{"", "", temporary},
	} {
		t.Setenv("XDG_CACHE_HOME", c.cache)
		t.Setenv("HOME", c.home)
		got, err := config.LoadSettings(flags)
		if err != nil || got.CacheDir != c.want {
			t.Errorf("XDG_CACHE_HOME=%q HOME=%q: %q, %v; want %q", c.cache, c.home, got.CacheDir, err, c.want)
		}
		if says := strings.Contains(got.CacheNote, temporary); says != (c.want == temporary) {
			t.Errorf("XDG_CACHE_HOME=%q HOME=%q: the note is %q", c.cache, c.home, got.CacheNote)
		}
	}
}
