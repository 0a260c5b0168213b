package evaluate_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/conf"
	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/evaluate"
	"agiformer/internal/exit"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// options evaluate a tiny untrained model of bytes on two short documents.
func options(t *testing.T) evaluate.Options {
	t.Helper()
	return optionsFor(t, tokenizer.NewByte())
}

// optionsFor is options with another tokenizer.
func optionsFor(t *testing.T, tok tokenizer.Tokenizer) evaluate.Options {
	t.Helper()
	dir := t.TempDir()
	tree, err := config.Compose(config.Options{Builtin: conf.Files, Overrides: []string{
		"model=minimal", "model.d_model=32", "model.n_layers=1", "model.n_heads=2", "model.d_ff=32", "model.memory_size=4",
		"model.max_seq_len=16", "run.dir=run",
	}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(tree, model.Known())
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var m *model.Model
	snapshot := checkpoint.Snapshot{Config: tree.YAML(), Tokenizer: text}
	err = torch.Do(func() {
		if m, err = model.New(cfg.Model, tok.VocabSize(), torch.CPU, torch.Float32, 1); err != nil {
			torch.Fail(err)
		}
		snapshot.Model = checkpoint.FromTensors(train.Weights(m))
	})
	if err != nil {
		t.Fatal(err)
	}
	path := checkpoint.RunFolder(dir).Path(1)
	if err := checkpoint.Save(path, snapshot); err != nil {
		t.Fatal(err)
	}
	if err := torch.Do(m.Free); err != nil {
		t.Fatal(err)
	}
	o := evaluate.Options{Checkpoint: path, Device: "cpu", CacheDir: filepath.Join(dir, "cache")}
	for _, name := range []string{"a.txt", "b.txt"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("bir varmış bir yokmuş "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		o.Data = append(o.Data, file)
	}
	return o
}

func TestTokenLossesAreAWholeFileOrNone(t *testing.T) {
	t.Parallel()
	o := options(t)
	dir := t.TempDir()
	o.TokenLosses = filepath.Join(dir, "losses.jsonl")
	const older = "an older file"
	if err := os.WriteFile(o.TokenLosses, []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	err := evaluate.Run(stopped, o, &out, &out)
	if exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "stopped") || out.Len() > 0 {
		t.Errorf("a stopped evaluation: error %v, output %q", err, &out)
	}
	if text, err := os.ReadFile(o.TokenLosses); err != nil || string(text) != older {
		t.Errorf("a stopped evaluation left %q, %v", text, err)
	}
	if err := evaluate.Run(context.Background(), o, &out, &out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.TokenLosses)
	if lines := strings.Count(string(text), "\n"); err != nil || lines != 2*(len("bir varmış bir yokmuş a.txt")-1) {
		t.Errorf("%d lines, %v:\n%s", lines, err, text)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// A file that cannot be written is refused before the checkpoint is read.
func TestTokenLossesAreCheckedFirst(t *testing.T) {
	t.Parallel()
	o := evaluate.Options{Checkpoint: "nowhere", TokenLosses: filepath.Join(t.TempDir(), "none", "losses.jsonl")}
	err := evaluate.Run(context.Background(), o, &bytes.Buffer{}, &bytes.Buffer{})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "--token-losses="+o.TokenLosses) {
		t.Errorf("error %v", err)
	}
	o.TokenLosses = filepath.Join(t.TempDir(), "losses.jsonl")
	if err := evaluate.Run(context.Background(), o, &bytes.Buffer{}, &bytes.Buffer{}); exit.Code(err) != exit.BadInput {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(o.TokenLosses + ".aside"); err == nil {
		t.Error("a refused evaluation left a file")
	}
}
