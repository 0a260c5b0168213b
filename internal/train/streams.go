package train

import (
	"fmt"

	"agiformer/internal/checkpoint"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// streamEntries makes one tensor a name of the micro-batches' streams, their
// lanes one after the other along the first dimension: lanes are global, and
// how they are cut into micro-batches is not the file's business. Called
// inside a job; the values are read later, micro-batch by micro-batch.
func streamEntries(streams []*model.State) []checkpoint.Entry {
	var entries []checkpoint.Entry
	for _, first := range checkpoint.FromTensors(streams[0].Tensors()) {
		whole := checkpoint.Entry{Name: first.Name, DType: first.DType, Shape: append([]int64{}, first.Shape...)}
		whole.Shape[0] *= int64(len(streams)) // the micro-batches have equal numbers of lanes
		whole.Data = func() ([]byte, error) { return laneBytes(streams, whole.Name) }
		entries = append(entries, whole)
	}
	return entries
}

// laneBytes returns the bytes of the streams' tensors of one name, one after
// the other: in row-major order that joins them along the first dimension. A
// stream's tensors live for one job only, so they are asked for anew.
func laneBytes(streams []*model.State, name string) (all []byte, err error) {
	for _, s := range streams {
		err = torch.Do(func() { all = append(all, s.Tensors()[name].Bytes()...) })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// restoreStreams gives every micro-batch its lanes back. Called inside a job.
func restoreStreams(from *checkpoint.Checkpoint, streams []*model.State) error {
	all, err := from.StreamTensors()
	if err != nil {
		return err
	}
	var lane int64
	for _, s := range streams {
		part, lanes := make(map[string]*torch.Tensor), int64(s.Lanes())
		for name := range s.Tensors() {
			saved, ok := all[name]
			if !ok {
				return fmt.Errorf("%s has no %s, which the model's streams need: another model's, or an older version's", checkpoint.StreamsFile, name)
			}
			if saved.Size(0) < lane+lanes {
				return fmt.Errorf("%s: %s holds %d lanes, training needs more", checkpoint.StreamsFile, name, saved.Size(0))
			}
			part[name] = saved.Narrow(0, lane, lanes)
		}
		if err := s.Restore(part); err != nil {
			return err
		}
		lane += lanes
	}
	return nil
}
