package train

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/model"
)

// RunFolderOf returns the folder of the run that --resume names, so that the run
// goes on there where the command line chooses no run.dir; false for "", none
// and auto, and for a checkpoint that lies in no run folder.
func RunFolderOf(resume string) (string, bool) {
	if resume == "" || resume == "none" || resume == "auto" {
		return "", false
	}
	dir, err := checkpoint.Find(resume)
	if err != nil {
		return "", false // Run says what is wrong with it
	}
	return runOf(dir)
}

// findCheckpoint decides what a run goes on from: nil is a new start.
func findCheckpoint(cfg *config.Config, resume string) (*checkpoint.Checkpoint, error) {
	var path string
	switch resume {
	case "", "none":
		return nil, refuseUsedFolder(cfg.Run.Dir)
	case "auto":
		_, found, err := checkpoint.RunFolder(cfg.Run.Dir).Newest()
		if err != nil || !found {
			return nil, err
		}
		path = cfg.Run.Dir
	default:
		path = resume
	}
	c, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	then, err := c.Config(model.Known())
	if err != nil {
		return nil, err
	}
	if err := checkResumable(cfg, then); err != nil {
		return nil, err
	}
	home, inRun := runOf(c.Dir())
	if same, err := sameFolder(home, cfg.Run.Dir); err != nil || inRun && same {
		return c, err
	}
	return c, refuseUsedFolder(cfg.Run.Dir)
}

// takeBlockExperts returns the configuration, and its YAML, of a run that goes on
// from a checkpoint whose experts were pruned: a configuration that does not say
// which experts the blocks have takes the checkpoint's.
func takeBlockExperts(cfg *config.Config, tree []byte, from *checkpoint.Checkpoint) (*config.Config, []byte, error) {
	if from == nil || len(cfg.Model.BlockExperts) > 0 {
		return cfg, tree, nil
	}
	then, err := from.Config(model.Known())
	if err != nil || len(then.Model.BlockExperts) == 0 {
		return cfg, tree, err
	}
	pruned := *cfg
	pruned.Model.BlockExperts = then.Model.BlockExperts
	tree, err = config.WithBlockExperts(tree, "the configuration", pruned.Model.BlockExperts)
	return &pruned, tree, err
}

// refuseUsedFolder keeps a new run from mixing with an old one's checkpoints.
func refuseUsedFolder(dir string) error {
	steps, err := checkpoint.RunFolder(dir).Steps()
	if err != nil || len(steps) == 0 {
		return err
	}
	return fmt.Errorf("run.dir=%s already holds checkpoints (the last of step %d): go on from it with --resume auto, or choose another run.dir", dir, steps[len(steps)-1])
}

// runOf returns the run folder that a checkpoint's folder lies in.
func runOf(dir string) (string, bool) {
	parent := filepath.Dir(dir)
	return filepath.Dir(parent), filepath.Base(parent) == "checkpoints"
}

func sameFolder(a, b string) (bool, error) {
	var paths [2]string
	for i, p := range []string{a, b} {
		absolute, err := filepath.Abs(p)
		if err != nil {
			return false, err
		}
		if real, err := filepath.EvalSymlinks(absolute); err == nil { // b need not exist
			absolute = real
		}
		paths[i] = absolute
	}
	return paths[0] == paths[1], nil
}

// checkResumable refuses a configuration that cannot go on from a checkpoint
// made under another one: the weights would not fit, or the data's order would
// be another. data.train is compared by what it holds, once it is read.
func checkResumable(now, then *config.Config) error {
	shape := func(m config.Model) config.Model {
		m.Name, m.VocabSize = "", nil
		if len(now.Model.BlockExperts) == 0 { // takeBlockExperts takes the checkpoint's
			m.BlockExperts = nil
		}
		return m
	}
	var diffs []string
	diffs = append(diffs, differences("model", reflect.ValueOf(shape(now.Model)), reflect.ValueOf(shape(then.Model)))...)
	// Where the tokenizer's file lies does not matter: storedTokenizer compares what it holds.
	unplaced := func(t config.Tokenizer) config.Tokenizer {
		t.Path = nil
		return t
	}
	diffs = append(diffs, differences("tokenizer", reflect.ValueOf(unplaced(now.Tokenizer)), reflect.ValueOf(unplaced(then.Tokenizer)))...)
	for _, c := range []struct {
		key       string
		now, then int64
	}{
		{"seed", now.Seed, then.Seed},
		{"training.batch_size", now.Training.BatchSize, then.Training.BatchSize},
		{"training.gradient_accumulation_steps", now.Training.GradientAccumulationSteps, then.Training.GradientAccumulationSteps},
	} {
		if c.now != c.then {
			diffs = append(diffs, fmt.Sprintf("%s is %d, the checkpoint's is %d", c.key, c.now, c.then))
		}
	}
	if len(diffs) == 0 {
		return nil
	}
	return fmt.Errorf("cannot go on from the checkpoint: %s; use its value, or start another run", strings.Join(diffs, "; "))
}

// differences lists the keys in which two values of a configuration's struct
// differ, by their names in the configuration.
func differences(key string, now, then reflect.Value) []string {
	if now.Kind() == reflect.Struct {
		var all []string
		for i := range now.NumField() {
			name := now.Type().Field(i).Tag.Get("mapstructure")
			all = append(all, differences(key+"."+name, now.Field(i), then.Field(i))...)
		}
		return all
	}
	if reflect.DeepEqual(now.Interface(), then.Interface()) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %s, the checkpoint's is %s", key, show(now), show(then))}
}

// show prints a value as the configuration writes it.
func show(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "null"
		}
		v = v.Elem()
	}
	return fmt.Sprint(v.Interface())
}
