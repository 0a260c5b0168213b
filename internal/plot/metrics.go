package plot

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"agiformer/internal/metrics"
)

// Run is what is drawn of one run.
type Run struct {
	Name  string
	Train []metrics.Train
	Eval  []metrics.Eval
	// Experts are the experts' names, as far as the run's configuration tells.
	Experts []string
}

// Read reads the metrics of the run in folder dir. A last line that is cut off
// (the run is writing it, or was killed) is left out; a broken line before it
// is an error that names file and line.
func Read(dir string) (*Run, error) {
	path := filepath.Join(dir, metrics.FileName)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no %s: give the folder of a run (outputs/DATE/TIME, or its run.dir)", dir, metrics.FileName)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the run's metrics: %w", err)
	}
	defer file.Close()
	run := &Run{Name: runName(dir), Experts: expertNames(dir)}
	if err := run.read(file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(run.Train) == 0 && len(run.Eval) == 0 {
		return nil, fmt.Errorf("%s holds no metrics yet: the run has to take its first logged step", path)
	}
	return run, nil
}

func (r *Run) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // complete, or a last line without its end
		}
		if err != nil {
			return err
		}
		if err := r.add(line); err != nil {
			return fmt.Errorf("line %d is not a JSON object of metrics: %w", number, err)
		}
	}
}

// add takes one line; events that are neither train nor eval are left out.
func (r *Run) add(line []byte) error {
	var kind struct {
		Event string `json:"event"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	switch kind.Event {
	case "train":
		var point metrics.Train
		if err := json.Unmarshal(line, &point); err != nil {
			return err
		}
		r.Train = append(r.Train, point)
	case "eval":
		var point metrics.Eval
		if err := json.Unmarshal(line, &point); err != nil {
			return err
		}
		r.Eval = append(r.Eval, point)
	}
	return nil
}

// expertNames reads model.expert_types of the run's configuration, and that
// alone: curves are drawn of any run, also of one whose configuration is gone or
// that another version wrote.
func expertNames(dir string) []string {
	var tree struct {
		Model struct {
			ExpertTypes []string `yaml:"expert_types"`
		} `yaml:"model"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil || yaml.Unmarshal(text, &tree) != nil {
		return nil
	}
	return tree.Model.ExpertTypes
}

// expert names an expert by its number too, since two may be of one kind.
func (r *Run) expert(i int) string {
	if i < len(r.Experts) {
		return fmt.Sprintf("expert %d: %s", i, r.Experts[i])
	}
	return fmt.Sprintf("expert %d", i)
}

// runName is the folder's last two parts, as DATE/TIME of outputs/DATE/TIME.
func runName(dir string) string {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		absolute = filepath.Clean(dir)
	}
	return filepath.Join(filepath.Base(filepath.Dir(absolute)), filepath.Base(absolute))
}
