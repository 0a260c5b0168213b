package blackbox

import (
	"encoding/json"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigOfATrainingRunIsPrintedNotRun(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	out := program{folder: folder, arguments: []string{"train", "model=minimal", "training.max_steps=7", "data.train=" + trainText, "--cfg", "job"}}.run(t).ok(t).stdout
	for _, want := range []string{"d_model: 256", "max_steps: 7", "n_experts: 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("--cfg job does not print %q:\n%s", want, out)
		}
	}
	empty(t, folder)
}

func TestDryRunPlansOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	out := program{folder: folder, arguments: tiny("run", "--dry-run")}.run(t).ok(t).stdout
	for _, want := range []string{"parameters", "FLOPs", "memory", "20"} {
		if !strings.Contains(strings.ToLower(out), strings.ToLower(want)) {
			t.Errorf("--dry-run does not speak of %q:\n%s", want, out)
		}
	}
	empty(t, folder)
}

// empty fails where a command that only plans has left something.
func empty(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("the command made %s", entry.Name())
	}
}

func TestInfoCountsTheModel(t *testing.T) {
	t.Parallel()
	var info struct {
		Parameters struct {
			Total, Trainable, Active int64
			ByComponent              map[string]int64 `json:"by_component"`
		}
		FLOPsPerToken    map[string]float64 `json:"flops_per_token"`
		Memory           map[string]any
		StreamStateBytes int64 `json:"stream_state_bytes"`
	}
	out := succeed(t, "info", "model=text_only", "--json")
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		t.Fatalf("info --json printed %q: %v", out, err)
	}
	sum := int64(0)
	for _, count := range info.Parameters.ByComponent {
		sum += count
	}
	if sum != info.Parameters.Total || info.Parameters.Total < 20e6 {
		t.Errorf("%d parameters, the components' sum is %d", info.Parameters.Total, sum)
	}
	if info.Parameters.Active >= info.Parameters.Total || info.Parameters.Active <= 0 {
		t.Errorf("%d of %d parameters are active a token with one of two experts", info.Parameters.Active, info.Parameters.Total)
	}
	if info.Parameters.Trainable != info.Parameters.Total {
		t.Errorf("%d of %d parameters are trainable, want all", info.Parameters.Trainable, info.Parameters.Total)
	}
	// A stream holds at least its working memory, 512 states of 512 floats.
	if info.StreamStateBytes < 512*512*4 {
		t.Errorf("a stream's state takes %d bytes", info.StreamStateBytes)
	}
	people := succeed(t, "info", "model=text_only")
	for _, want := range []string{"total", "active", "language", "FLOPs", "training", "inference", "stream"} {
		if !strings.Contains(people, want) {
			t.Errorf("info does not speak of %q:\n%s", want, people)
		}
	}
}

func TestPlotDrawsARun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "curves.png")
	succeed(t, "plot", trainedRun(t), trainedRun(t), "--out", path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if picture.Bounds().Dx() < 600 {
		t.Errorf("two runs side by side are %d pixels wide", picture.Bounds().Dx())
	}
}

func TestSweepRunsEveryJobInItsOwnFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	arguments := tiny("x", "training.max_steps=2", "training.eval_interval=0", "-m", "training.learning_rate=0.001,0.002")
	arguments = without(arguments, "run.dir=x")
	program{folder: folder, arguments: arguments}.run(t).ok(t)
	runs := glob(t, folder, "multirun/*/*/[0-9]")
	if len(runs) != 2 {
		t.Fatalf("%d run folders, want 2: %v", len(runs), runs)
	}
	rates := map[string]bool{}
	for _, run := range runs {
		if steps := losses(t, run); len(steps) != 2 {
			t.Errorf("%s holds %d steps, want 2", run, len(steps))
		}
		overrides, err := os.ReadFile(filepath.Join(run, "overrides.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, rate := range []string{"0.001", "0.002"} {
			if strings.Contains(string(overrides), "learning_rate="+rate) {
				rates[rate] = true
			}
		}
	}
	if len(rates) != 2 {
		t.Errorf("the two jobs had the learning rates %v", rates)
	}
}

func TestSweepComposesAllJobsBeforeTheFirst(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	arguments := without(tiny("x", "-m", "model.dropout=0,1.5"), "run.dir=x")
	refused(t, program{folder: folder, arguments: arguments}.run(t), "model.dropout")
	if runs := glob(t, folder, "multirun/*/*/*"); len(runs) != 0 {
		t.Errorf("jobs were started before all were composed: %v", runs)
	}
}

func TestSweepReportsFailuresAtTheEnd(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	// The first job's text is not there, which only the job itself finds.
	arguments := without(tiny("x", "training.max_steps=1", "training.eval_interval=0", "-m", "data.train=no.txt,"+trainText), "run.dir=x")
	arguments = without(arguments, "data.train="+trainText)
	end := program{folder: folder, arguments: arguments}.run(t)
	if end.code != 1 || !strings.Contains(end.stderr, "1 of 2 jobs") {
		t.Errorf("exit code %d, want 1 and the failed job named:\n%s", end.code, end.stderr)
	}
	if runs := glob(t, folder, "multirun/*/*/1/metrics.jsonl"); len(runs) != 1 {
		t.Errorf("the job after the one that failed did not run")
	}
}

func without(arguments []string, one string) []string {
	var rest []string
	for _, argument := range arguments {
		if argument != one {
			rest = append(rest, argument)
		}
	}
	return rest
}

func glob(t *testing.T, folder, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// lonely copies the binary alone into a folder where no library can be found.
func lonely(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agiformer")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// What does not compute works without libtorch and with an empty environment.
func TestCommandsThatNeedNoLibtorch(t *testing.T) {
	t.Parallel()
	alone := lonely(t)
	home := "HOME=" + t.TempDir()
	for name, c := range map[string]struct {
		arguments []string
		stdin     string
		want      string
	}{
		"help":          {[]string{"--help"}, "", "train"},
		"train help":    {[]string{"train", "--help"}, "", "--dry-run"},
		"eval help":     {[]string{"eval", "--help"}, "", "--token-losses"},
		"generate help": {[]string{"generate", "--help"}, "", "--top-p"},
		"info help":     {[]string{"info", "--help"}, "", "--json"},
		"plot help":     {[]string{"plot", "--help"}, "", "--out"},
		"config":        {[]string{"config", "model=minimal"}, "", "d_model: 256"},
		"config json":   {[]string{"config", "--format", "json"}, "", `"seed"`},
		"data stats":    {[]string{"data", "stats", trainText, "data.split=blank_line"}, "", "60"},
		"data prepare":  {[]string{"data", "prepare", trainText}, "", "1 document"},
		"encode":        {[]string{"tokenizer", "encode"}, "Göl\n", "71 195 182 108\n"},
		"decode":        {[]string{"tokenizer", "decode"}, "71 195 182 108\n", "Göl\n"},
		"inspect":       {[]string{"tokenizer", "inspect"}, "Göl\n", "71"},
		"info":          {[]string{"info", "model=minimal"}, "", "4696577"},
		"cfg job":       {[]string{"train", "--cfg", "job"}, "", "max_steps"},
		"plot":          {[]string{"plot", trainedRun(t), "--out", filepath.Join(t.TempDir(), "x.png")}, "", "x.png"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end := program{file: alone, arguments: c.arguments, bare: true, set: []string{home}, stdin: c.stdin}.run(t).ok(t)
			if !strings.Contains(end.stdout, c.want) {
				t.Errorf("the output lacks %q:\n%s", c.want, end.stdout)
			}
		})
	}
	t.Run("train says what is missing", func(t *testing.T) {
		t.Parallel()
		end := program{file: alone, arguments: tiny(filepath.Join(t.TempDir(), "run")), bare: true, set: []string{home}}.run(t)
		if end.code == 0 {
			t.Fatal("training worked without libtorch")
		}
		oneSentence(t, end, "libtorch")
	})
	t.Run("doctor says what is missing", func(t *testing.T) {
		t.Parallel()
		end := program{file: alone, arguments: []string{"doctor"}, bare: true, set: []string{home}}.run(t)
		if !strings.Contains(end.stdout+end.stderr, "libtorch") {
			t.Errorf("doctor does not speak of libtorch:\n%s%s", end.stdout, end.stderr)
		}
	})
}

// A checkpoint needs nothing but itself: the text, the run folder and the
// configuration may all be gone.
func TestACheckpointStandsAlone(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "alone")
	copyFolder(t, filepath.Join(trainedRun(t), "checkpoints", "latest"), folder)
	succeed(t, "generate", "--checkpoint", folder, "--prompt", "Ali", "--max-new-tokens", "3")
	succeed(t, "eval", "--checkpoint", folder, "--data", validText)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&fs.ModeSymlink != 0 {
			t.Errorf("%s is a link", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// float16, which is the default, means another number format on a CPU. Who asks
// for it is told; a run that leaves it at that is not.
func TestWhatPrecisionMeansHereIsToldWhoAskedForIt(t *testing.T) {
	t.Parallel()
	const note = "training.amp_dtype=float16 means "
	log, err := os.ReadFile(filepath.Join(trainedRun(t), "train.log"))
	if err != nil || strings.Contains(string(log), note) {
		t.Errorf("a run with the default (%v) is told of it:\n%s", err, log)
	}
	for _, asked := range []string{"training.amp_dtype=float16", "training.use_amp=true"} {
		run := filepath.Join(t.TempDir(), "run")
		out := succeed(t, tiny(run, "training.max_steps=1", "training.save_interval=0", asked)...)
		if strings.Count(out, note) != 1 {
			t.Errorf("%s: the run says\n%s", asked, out)
		}
	}
}
