package blackbox

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// refused holds an end to the contract for a user's mistake: exit code 2, one
// sentence on standard error that names what is wrong, and nothing else.
func refused(t *testing.T, e ended, mentions ...string) {
	t.Helper()
	if e.code != 2 {
		t.Fatalf("exit code %d, want 2; standard error:\n%s", e.code, e.stderr)
	}
	oneSentence(t, e, mentions...)
}

func oneSentence(t *testing.T, e ended, mentions ...string) {
	t.Helper()
	message := strings.TrimSpace(e.stderr)
	if message == "" || strings.Count(message, "\n") > 0 {
		t.Errorf("standard error is not one line:\n%s", e.stderr)
	}
	for _, trace := range []string{"goroutine ", "panic", "C++", "Usage:", "\n\tat "} {
		if strings.Contains(e.stderr, trace) {
			t.Errorf("standard error holds %q:\n%s", trace, e.stderr)
		}
	}
	for _, mention := range mentions {
		if !strings.Contains(e.stderr, mention) {
			t.Errorf("standard error does not mention %q:\n%s", mention, e.stderr)
		}
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	run := "run.dir=" + filepath.Join(t.TempDir(), "run")
	text := "data.train=" + trainText
	cases := map[string]struct {
		arguments []string
		mentions  []string
	}{
		"no such command":           {[]string{"trian"}, []string{"trian"}},
		"no such flag":              {[]string{"train", "--fast"}, []string{"--fast"}},
		"no such key":               {[]string{"train", run, text, "training.batchsize=2"}, []string{"batchsize"}},
		"no such option":            {[]string{"train", run, text, "model=text_onyl"}, []string{"text_onyl", "text_only"}},
		"wrong type":                {[]string{"train", run, text, "training.max_steps=many"}, []string{"training.max_steps", "many"}},
		"out of range":              {[]string{"train", run, text, "model.dropout=1.5"}, []string{"model.dropout", "1.5"}},
		"contradiction":             {[]string{"train", run, text, "model.n_heads=7"}, []string{"n_heads", "d_model"}},
		"experts do not match":      {[]string{"train", run, text, "model.n_experts=3"}, []string{"expert_types", "n_experts"}},
		"no such expert":            {[]string{"train", run, text, "model.expert_types=[language,logik]"}, []string{"logik", "logic"}},
		"text that is not there":    {[]string{"train", run, "data.train=no/such/text.txt"}, []string{"no/such/text.txt"}},
		"more memory than is there": {[]string{"train", "run.dir=" + t.TempDir(), text, "training.batch_size=1000000"}, []string{"training.batch_size", "memory"}},
		"a folder that cannot be":   {[]string{"train", "run.dir=/proc/no/such", text}, []string{"run.dir=/proc/no/such"}},
		"no such device":            {[]string{"train", "run.dir=" + t.TempDir(), text, "hardware.device=cuda:99"}, []string{"hardware.device=cuda:99"}},
		"a later version's part":    {[]string{"train", run, text, "model.use_multimodal=true"}, []string{"model.use_multimodal"}},
		"eval without checkpoint":   {[]string{"eval"}, []string{"--checkpoint"}},
		"eval of nothing":           {[]string{"eval", "--checkpoint", "no/such/run"}, []string{"no/such/run"}},
		"generate from nothing":     {[]string{"generate", "--checkpoint", "no/such/run", "--prompt", "a"}, []string{"no/such/run"}},
		"plot without a run":        {[]string{"plot"}, []string{"plot"}},
		"plot of nothing":           {[]string{"plot", "no/such/run"}, []string{"no/such/run"}},
		"info of a bad model":       {[]string{"info", "model.d_model=100", "model.n_heads=3"}, []string{"d_model"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, agiformer(t, c.arguments...), c.mentions...)
		})
	}
}

// A folder that the environment names and that is not there is a mistake of usage.
func TestMistakesInTheEnvironment(t *testing.T) {
	t.Parallel()
	run := trainedRun(t)
	for name, arguments := range map[string][]string{
		"train":    tiny(filepath.Join(t.TempDir(), "run")),
		"eval":     {"eval", "--checkpoint", run, "--data", validText},
		"generate": {"generate", "--checkpoint", run, "--prompt", "a"},
	} {
		for _, variable := range []string{"LIBTORCH", "AGIFORMER_LIB"} {
			t.Run(name+" "+variable, func(t *testing.T) {
				t.Parallel()
				refused(t, program{arguments: arguments, set: []string{variable + "=/no/such/folder"}}.run(t), variable, "/no/such/folder")
			})
		}
	}
}

// The validation text of a run has the path that it had where the run was started.
func TestEvalElsewhereSaysWhereItsTextIs(t *testing.T) {
	t.Parallel()
	home, run := t.TempDir(), filepath.Join(t.TempDir(), "run")
	text, err := os.ReadFile(validText)
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(home, "own.txt"), string(text))
	train := append(without(tiny(run, "training.max_steps=1"), "data.valid="+validText), "data.valid=own.txt")
	program{folder: home, arguments: train}.run(t).ok(t)
	eval := []string{"eval", "--checkpoint", run}
	program{folder: home, arguments: eval}.run(t).ok(t)
	refused(t, agiformer(t, eval...), "data.valid", "own.txt", "from the folder where the run was started", "--data PATH")
}

// What is stopped and has nothing to save has failed: eval and generate alike.
func TestStoppedCommandsThatSaveNothingFail(t *testing.T) {
	t.Parallel()
	run := trainedRun(t)
	long := writeFile(t, "long.txt", []byte(documents(3, 12000)))
	for name, arguments := range map[string][]string{
		"eval":     {"eval", "--checkpoint", run, "--data", long},
		"generate": {"generate", "--checkpoint", run, "--prompt", "Ali evde ", "--temperature", "0", "--max-new-tokens", "10000000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command, stdout, stderr := program{arguments: arguments}.command(t)
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // past the start
			_ = command.Process.Signal(syscall.SIGINT)
			e := ended{code: exitCode(t, command.Wait())}
			if e.stdout, e.stderr = stdout.String(), stderr.String(); e.code != 1 {
				t.Fatalf("exit code %d, want 1:\n%s", e.code, e.stderr)
			}
			oneSentence(t, e, "stopped by a signal", "the same command starts it again")
		})
	}
}

func TestMistakesAtGenerating(t *testing.T) {
	t.Parallel()
	run := trainedRun(t)
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ arguments, mentions []string }{
		"no prompt":         {nil, []string{"prompt"}},
		"an empty prompt":   {[]string{"--prompt", ""}, []string{"empty"}},
		"an empty file":     {[]string{"--prompt-file", empty}, []string{"empty", empty}},
		"two prompts":       {[]string{"--prompt", "a", "--prompt-file", empty}, []string{"--prompt-file"}},
		"a bad temperature": {[]string{"--prompt", "a", "--temperature", "-1"}, []string{"--temperature"}},
		"a bad top-p":       {[]string{"--prompt", "a", "--top-p", "0"}, []string{"--top-p"}},
		"a bad top-k":       {[]string{"--prompt", "a", "--top-k", "-2"}, []string{"--top-k"}},
		"no tokens":         {[]string{"--prompt", "a", "--max-new-tokens", "0"}, []string{"--max-new-tokens"}},
		"no number":         {[]string{"--prompt", "a", "--seed", "x"}, []string{"--seed"}},
		"an image":          {[]string{"--prompt", "a", "--image", "cat.png"}, []string{"image"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, agiformer(t, append([]string{"generate", "--checkpoint", run}, c.arguments...)...), c.mentions...)
		})
	}
}

// A file that was cut off or altered is named, and nothing is done with it.
func TestDamagedCheckpointsAreRefusedByFile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"model.safetensors", "streams.safetensors", "state.json"} {
		for damage, mend := range map[string]func([]byte) []byte{
			"truncated": func(b []byte) []byte { return b[:len(b)*2/3] },
			"altered":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		} {
			t.Run(name+" "+damage, func(t *testing.T) {
				t.Parallel()
				folder := filepath.Join(t.TempDir(), "checkpoint")
				copyFolder(t, filepath.Join(trainedRun(t), "checkpoints", "latest"), folder)
				path := filepath.Join(folder, name)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, mend(data), 0o644); err != nil {
					t.Fatal(err)
				}
				refused(t, agiformer(t, "generate", "--checkpoint", folder, "--prompt", "a"), name)
			})
		}
	}
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	resolved, err := filepath.EvalSymlinks(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(resolved)); err != nil {
		t.Fatal(err)
	}
}
