// Package quickstart provides the small Turkish corpus that training falls back
// to where the user names no text, so that the first command just works.
package quickstart

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"agiformer/scripts"
)

// Corpus names the files of the quickstart corpus.
type Corpus struct{ Train, Valid string }

// Open returns the corpus kept under cacheDir, which scripts/fetch_corpus.sh
// makes at the first call: a 3 MB download, or generated sentences where there
// is none. The script's progress goes to out. It needs bash and python3.
func Open(ctx context.Context, cacheDir string, out io.Writer) (Corpus, error) {
	dir := filepath.Join(cacheDir, "corpus", "quickstart")
	c := Corpus{Train: filepath.Join(dir, "train.jsonl"), Valid: filepath.Join(dir, "valid.jsonl")}
	// The script writes SOURCE last.
	if _, err := os.Stat(filepath.Join(dir, "SOURCE")); err == nil {
		return c, nil
	}
	if err := fetch(ctx, dir, out); err != nil {
		return Corpus{}, fmt.Errorf("data.train is null and the quickstart corpus cannot be made (%w): name the training text with data.train=PATH, a file, a folder or a glob, or a list of them", err)
	}
	return c, nil
}

// fetch runs the embedded script, which replaces what is in dir.
func fetch(ctx context.Context, dir string, out io.Writer) error {
	folder, err := os.MkdirTemp("", "agiformer-scripts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := os.CopyFS(folder, scripts.Corpus); err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", filepath.Join(folder, "fetch_corpus.sh"), dir)
	cmd.Stdout, cmd.Stderr = out, io.MultiWriter(out, &said)
	if err := cmd.Run(); err != nil {
		if lines := strings.Split(strings.TrimSpace(said.String()), "\n"); lines[len(lines)-1] != "" {
			return fmt.Errorf("%s", lines[len(lines)-1])
		}
		return err
	}
	return nil
}
