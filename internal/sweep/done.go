package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/plot"
)

// complete tells whether dir holds the whole run of a job: a checkpoint after
// its last step, and that step's evaluation. A complete run of another
// configuration is an error, since the table would show it as this job's.
func complete(dir string, job *config.Tree) (bool, error) {
	steps, err := checkpoint.RunFolder(dir).Steps()
	if err != nil || len(steps) == 0 {
		return false, err
	}
	cfg, err := config.Load(job, model.Known())
	if err != nil {
		return false, err
	}
	last := steps[len(steps)-1]
	if last < cfg.Training.MaxSteps {
		return false, nil
	}
	run, err := plot.Read(dir)
	if err != nil {
		return false, nil // the run itself says what is wrong
	}
	if n := len(run.Eval); n == 0 || run.Eval[n-1].Step != last {
		return false, nil
	}
	then, err := config.ReadFile(filepath.Join(dir, "config.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if changed := differences(job, then); len(changed) > 0 {
		return false, fmt.Errorf("%s holds a complete run of another configuration (%s): choose another sweep.dir, or remove the run", dir, strings.Join(changed, "; "))
	}
	return true, nil
}

// results are the sections of a configuration that decide what a run reaches.
var results = []string{"model", "tokenizer", "training", "data", "seed"}

// withoutResult are keys of those sections that only say what is looked at or kept
// on the way.
var withoutResult = []string{"training.eval_interval", "training.save_interval"}

// differences lists the keys that decide the result and are not the same in a
// job and in a run that was. Left out are keys that only the run has, of another
// version, and text that the job leaves to the program (null).
func differences(job, run *config.Tree) []string {
	var changed []string
	for _, key := range job.Keys() {
		section, _, _ := strings.Cut(key, ".")
		if !slices.Contains(results, section) || slices.Contains(withoutResult, key) {
			continue
		}
		now, err := job.Lookup(key)
		if err != nil || now.Len() > 0 && len(now.Keys()) > 0 { // of a map, its keys are looked at
			continue
		}
		if (key == "data.train" || key == "data.valid") && now.Brief() == "null" {
			continue
		}
		then, err := run.Lookup(key)
		if err != nil {
			changed = append(changed, fmt.Sprintf("%s is %s, the run is of a version without it", key, now.Brief()))
			continue
		}
		if string(now.JSON()) == string(then.JSON()) {
			continue
		}
		changed = append(changed, fmt.Sprintf("%s is %s, the run's is %s", key, now.Brief(), then.Brief()))
	}
	return changed
}
