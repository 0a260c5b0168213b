package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/exit"
)

// bestRun is the file run.compare_with: the best finished run so far.
type bestRun struct {
	BitsPerByte float64 `json:"bits_per_byte"`
	Run         string  `json:"run"`
	Step        int64   `json:"step"`
}

// compare holds a finished run against the best one so far (run.compare_with):
// a better run takes its place, another one ends with exit code 3.
func compare(cfg *config.Config, folder *runFolder) error {
	if cfg.Run.CompareWith == nil {
		return nil
	}
	path := *cfg.Run.CompareWith
	dir, err := filepath.Abs(folder.dir)
	if err != nil {
		return err
	}
	c, err := checkpoint.Open(folder.dir)
	if err != nil {
		return err
	}
	best := c.State().Best
	if best == nil {
		return fmt.Errorf("run.compare_with=%s: the run was never evaluated, so there is nothing to compare; give it validation text", path)
	}
	now := bestRun{BitsPerByte: best.BitsPerByte, Run: dir, Step: best.Step}
	var before bestRun
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		folder.say("%.4f bits/byte: the first run in %s", now.BitsPerByte, path)
		return writeBest(path, now)
	case err != nil:
		return err
	}
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("run.compare_with=%s is no JSON file with the best run: mend or remove it: %w", path, err)
	}
	again := before.Run == dir && now.BitsPerByte == before.BitsPerByte // it had ended before
	if again || now.BitsPerByte < before.BitsPerByte {
		folder.say("%.4f bits/byte: the best run so far (before: %.4f, %s)", now.BitsPerByte, before.BitsPerByte, before.Run)
		return writeBest(path, now)
	}
	return exit.With(exit.NotBetter, fmt.Errorf("the run ended with %.4f bits/byte at best, %s has %.4f: it is not better", now.BitsPerByte, before.Run, before.BitsPerByte))
}

// writeBest replaces the file in one step.
func writeBest(path string, b bestRun) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	aside := path + ".aside"
	if err := os.WriteFile(aside, append(data, '\n'), 0o666); err != nil {
		return err
	}
	return os.Rename(aside, path)
}
