package prune

import (
	"fmt"
	"strings"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
)

// tensorFiles are the open files of a checkpoint's tensors; nil for one that it
// does not have.
type tensorFiles struct{ model, optimizer, streams *checkpoint.File }

func openTensors(c *checkpoint.Checkpoint) (t tensorFiles, err error) {
	for _, f := range []struct {
		name string
		file **checkpoint.File
	}{
		{checkpoint.ModelFile, &t.model}, {checkpoint.OptimizerFile, &t.optimizer}, {checkpoint.StreamsFile, &t.streams},
	} {
		if !c.Has(f.name) {
			continue
		}
		if *f.file, err = c.OpenTensors(f.name); err != nil {
			t.close()
			return t, err
		}
	}
	return t, nil
}

func (t tensorFiles) close() {
	for _, f := range []*checkpoint.File{t.model, t.optimizer, t.streams} {
		if f != nil {
			f.Close()
		}
	}
}

// snapshot is what a checkpoint holds once its blocks have the experts of after
// instead of those of before. The tensors are read while it is written.
func snapshot(from *checkpoint.Checkpoint, files tensorFiles, before, after config.Model) (checkpoint.Snapshot, error) {
	s := checkpoint.Snapshot{State: from.State()}
	// The best result so far was another model's.
	s.State.Best, s.State.Evaluated = nil, 0
	text, err := from.ConfigYAML()
	if err != nil {
		return s, err
	}
	if s.Config, err = config.WithBlockExperts(text, from.Dir(), after.BlockExperts); err != nil {
		return s, err
	}
	if s.Tokenizer, err = from.TokenizerJSON(); err != nil {
		return s, err
	}
	changes := changesOf(before, after)
	s.Model = entries(files.model, func(e *checkpoint.Entry) bool { return changes.apply(e, e.Name, routerChange.weight) })
	s.Optimizer = entries(files.optimizer, func(e *checkpoint.Entry) bool {
		// The state has its parameter's name after the name of the state.
		_, parameter, _ := strings.Cut(e.Name, ".")
		return changes.apply(e, parameter, routerChange.moment)
	})
	s.Streams = entries(files.streams, func(*checkpoint.Entry) bool { return true })
	return s, nil
}

// entries lists the tensors of a file that stay, as change leaves them.
func entries(f *checkpoint.File, change func(*checkpoint.Entry) (stays bool)) []checkpoint.Entry {
	if f == nil {
		return nil
	}
	var all []checkpoint.Entry
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		entry := checkpoint.Entry{Name: name, DType: info.DType, Shape: info.Shape,
			Data: func() ([]byte, error) { return f.Read(name) }}
		if change(&entry) {
			all = append(all, entry)
		}
	}
	return all
}

// changes says what happens to which parameters.
type changes struct {
	removed []string                // prefixes of the names that go
	routers map[string]routerChange // by name
}

func changesOf(before, after config.Model) changes {
	c := changes{routers: map[string]routerChange{}}
	for i := range before.NLayers {
		moe := fmt.Sprintf("blocks.%d.moe.", i)
		left := map[int64]bool{}
		for _, e := range after.ExpertsOf(i) {
			left[e] = true
		}
		r := routerChange{vacant: after.RemovedOf(i)}
		for row, e := range before.ExpertsOf(i) {
			if left[e] {
				r.kept = append(r.kept, row)
			} else {
				r.removed = append(r.removed, row)
				c.removed = append(c.removed, fmt.Sprintf("%sexperts.%d.", moe, e))
			}
		}
		switch {
		case len(r.removed) == 0: // the block stays as it is
		case after.RoutedIn(i):
			c.routers[moe+"router.weight"] = r
		default:
			c.removed = append(c.removed, moe+"router.")
		}
	}
	return c
}

// apply says whether a tensor stays that belongs to a parameter, and gives a
// router's tensor to cut.
func (c changes) apply(e *checkpoint.Entry, parameter string, cut func(routerChange, *checkpoint.Entry)) bool {
	for _, prefix := range c.removed {
		if strings.HasPrefix(parameter, prefix) {
			return false
		}
	}
	if r, ok := c.routers[parameter]; ok {
		cut(r, e)
	}
	return true
}
