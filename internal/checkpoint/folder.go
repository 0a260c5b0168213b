package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Folder is a run's checkpoints folder: step-00000100 and the like, and the
// links latest and best.
type Folder struct{ Dir string }

// The links of a Folder.
const (
	LatestLink = "latest"
	BestLink   = "best"
)

const stepPrefix = "step-"

// RunFolder returns the checkpoints folder of a run folder.
func RunFolder(run string) Folder { return Folder{Dir: filepath.Join(run, "checkpoints")} }

// Path returns the folder of the checkpoint after a step.
func (f Folder) Path(step int64) string {
	return filepath.Join(f.Dir, fmt.Sprintf("%s%08d", stepPrefix, step))
}

// Steps returns the steps of the finished checkpoints, ascending.
func (f Folder) Steps() ([]int64, error) {
	entries, err := os.ReadDir(f.Dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var steps []int64
	for _, e := range entries {
		digits, found := strings.CutPrefix(e.Name(), stepPrefix)
		step, err := strconv.ParseInt(digits, 10, 64)
		if !found || err != nil || !finished(filepath.Join(f.Dir, e.Name())) {
			continue
		}
		steps = append(steps, step)
	}
	sort.Slice(steps, func(i, j int) bool { return steps[i] < steps[j] })
	return steps, nil
}

// Has tells whether the checkpoint after a step is there and finished.
func (f Folder) Has(step int64) bool { return finished(f.Path(step)) }

// finished tells whether a folder has the manifest, which is written last.
func finished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ManifestFile))
	return err == nil
}

// Link makes name (LatestLink or BestLink) point at the checkpoint after a step, in
// one rename, so that there is no moment without the link.
func (f Folder) Link(name string, step int64) error {
	aside := filepath.Join(f.Dir, "."+name+asideSuffix)
	if err := os.Remove(aside); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(filepath.Base(f.Path(step)), aside); err != nil {
		return err
	}
	if err := os.Rename(aside, filepath.Join(f.Dir, name)); err != nil {
		return err
	}
	return syncDir(f.Dir)
}

// Unlink removes a link, if it is there.
func (f Folder) Unlink(name string) error {
	if err := os.Remove(filepath.Join(f.Dir, name)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// Linked returns the step a link points at; false where there is no link or
// no folder behind it. A folder without its manifest counts: it got its name
// whole, so it was damaged later, and opening it says so.
func (f Folder) Linked(name string) (int64, bool) {
	target, err := os.Readlink(filepath.Join(f.Dir, name))
	if err != nil {
		return 0, false
	}
	step, err := strconv.ParseInt(strings.TrimPrefix(filepath.Base(target), stepPrefix), 10, 64)
	if err != nil {
		return 0, false
	}
	stat, err := os.Stat(f.Path(step))
	return step, err == nil && stat.IsDir()
}

// Newest returns the step to go on from: the one that latest points at, or,
// where that link leads nowhere, the highest finished one.
func (f Folder) Newest() (int64, bool, error) {
	if step, ok := f.Linked(LatestLink); ok {
		return step, true, nil
	}
	steps, err := f.Steps()
	if err != nil || len(steps) == 0 {
		return 0, false, err
	}
	return steps[len(steps)-1], true, nil
}

// Prune removes the checkpoints up to step now but for the last keep and those
// that the links point at. Later ones (of a run that was taken up again from an
// earlier step) stay until they are overwritten.
func (f Folder) Prune(now, keep int64) error {
	steps, err := f.Steps()
	if err != nil {
		return err
	}
	steps = steps[:sort.Search(len(steps), func(i int) bool { return steps[i] > now })]
	latest, hasLatest := f.Linked(LatestLink)
	best, hasBest := f.Linked(BestLink)
	for i, step := range steps {
		kept := int64(len(steps)-i) <= keep || hasLatest && step == latest || hasBest && step == best
		if kept {
			continue
		}
		if err := f.remove(step); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a checkpoint. It is renamed first: a half-deleted folder never
// carries a checkpoint's name.
func (f Folder) remove(step int64) error {
	path := f.Path(step)
	aside := filepath.Join(f.Dir, "."+filepath.Base(path)+asideSuffix)
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	return os.RemoveAll(aside)
}

// Clean removes what a killed process left half-written or half-deleted.
func (f Folder) Clean() error {
	entries, err := os.ReadDir(f.Dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), asideSuffix) {
			errs = append(errs, os.RemoveAll(filepath.Join(f.Dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
