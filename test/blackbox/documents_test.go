package blackbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// small shrinks the training commands of the documents to a second each.
const small = "model.d_model=32 model.n_layers=1 model.n_heads=2 model.d_ff=64 model.memory_size=8 model.max_seq_len=32 " +
	"training.batch_size=2 training.max_steps=2 hardware=cpu data.split=blank_line data.eval_tokens=256"

// shell runs a script in a new folder with the program on the path.
func shell(t *testing.T, folder, script string) string {
	t.Helper()
	command := exec.Command("bash", "-euo", "pipefail", "-c", script)
	command.Dir = folder
	command.Env = append(environment(false), "AGIFORMER="+binary)
	for i, variable := range command.Env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			command.Env[i] = "PATH=" + filepath.Dir(binary) + ":" + path
		}
	}
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v; the script and its output:\n%s\n%s", err, script, output)
	}
	return string(output)
}

var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

// Every command of the README works as it stands there. Training is shrunk by
// further overrides, and make only says what it would do.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	texts := filepath.Join(folder, "texts")
	if err := os.Mkdir(texts, 0o755); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(texts, "book.txt"), documents(4, 40))
	blocks := block.FindAllSubmatch(readme, -1)
	if len(blocks) < 5 {
		t.Fatalf("README.md has %d blocks of commands", len(blocks))
	}
	var script strings.Builder
	fmt.Fprintf(&script, `
make() { command make --dry-run -C %q "$@" > /dev/null; }
agiformer() {
	if [ "$1" = train ] && [ "$2" != --help ]; then command agiformer "$@" %s; else command agiformer "$@"; fi
}
`, repository, small)
	for _, b := range blocks {
		script.Write(b[1])
	}
	output := shell(t, folder, script.String())
	if _, err := os.Stat(filepath.Join(folder, "runs", "first", "plot.png")); err != nil {
		t.Errorf("the README's commands left no plot: %v\n%s", err, output)
	}
}

// The examples run as they are, on a small run.
func TestExamples(t *testing.T) {
	t.Parallel()
	t.Run("text generation", func(t *testing.T) {
		t.Parallel()
		output := shell(t, t.TempDir(), filepath.Join(repository, "examples/text_generation.sh")+" "+trainedRun(t))
		for _, want := range []string{"temperature 0.7", `"logprobs":[`} {
			if !strings.Contains(output, want) {
				t.Errorf("the output lacks %q:\n%s", want, output)
			}
		}
	})
	t.Run("training", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		output := shell(t, folder, filepath.Join(repository, "examples/training.sh")+" "+trainText+" run "+small)
		for _, want := range []string{"bits per byte", "plot.png"} {
			if !strings.Contains(output, want) {
				t.Errorf("the output lacks %q:\n%s", want, output)
			}
		}
	})
	goRun := `cd ` + repository + ` && export GOFLAGS= HOME=` + os.Getenv("HOME") + ` XDG_CACHE_HOME=` + os.Getenv("XDG_CACHE_HOME") + ` && eval "$(scripts/env.sh)" && go run `
	t.Run("tokenizer", func(t *testing.T) {
		t.Parallel()
		output := shell(t, t.TempDir(), goRun+"./examples/tokenizer 'Göl kıyısı.'")
		for _, want := range []string{"word starts", "ö ü", "decoded: Göl kıyısı."} {
			if !strings.Contains(output, want) {
				t.Errorf("the output lacks %q:\n%s", want, output)
			}
		}
	})
	t.Run("memory analysis", func(t *testing.T) {
		t.Parallel()
		output := shell(t, t.TempDir(), goRun+"./examples/memory_analysis --checkpoint "+trainedRun(t)+" --text '"+strings.Repeat("Ali evde. ", 8)+"'")
		for _, want := range []string{`"step_count": 3`, `"expert_usage"`, `"load_balancing_loss"`, "segment from byte 64: logits [1 16 256]"} {
			if !strings.Contains(output, want) {
				t.Errorf("the output lacks %q:\n%s", want, output)
			}
		}
	})
}
