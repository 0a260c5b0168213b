package checkpoint

import (
	"fmt"
	"slices"

	"agiformer/internal/torch"
)

// dtypeNames pairs libtorch's dtypes with the format's names.
var dtypeNames = map[torch.DType]string{
	torch.Float32: "F32", torch.Float64: "F64", torch.Float16: "F16", torch.BFloat16: "BF16",
	torch.Int64: "I64", torch.Int32: "I32", torch.Uint8: "U8", torch.Bool: "BOOL",
}

// FromTensors makes entries of tensors by name. Their values are read when the
// entries are written: Save does that, one tensor at a time, each in a job of
// its own, so the tensors must live until then and Save is called outside
// jobs; FromTensors inside one.
func FromTensors(tensors map[string]*torch.Tensor) []Entry {
	entries := make([]Entry, 0, len(tensors))
	for name, t := range tensors {
		entries = append(entries, Entry{
			Name: name, DType: dtypeNames[t.DType()], Shape: t.Shape(),
			Data: func() (data []byte, err error) {
				err = torch.Do(func() { data = t.Bytes() })
				return data, err
			},
		})
	}
	return entries
}

// CopyTensors copies the tensors of one of the checkpoint's files into places of
// the same names and shapes, one at a time, so that no second copy of the file
// is held. Names and shapes are checked before anything is copied: they must be
// exactly those of places. Called inside a job.
func (c *Checkpoint) CopyTensors(file string, places map[string]*torch.Tensor) error {
	f, err := c.OpenTensors(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for name, place := range places {
		info, ok := f.Info(name)
		if !ok {
			return fmt.Errorf("%s has no tensor %s, which the configuration's model needs", f.path, name)
		}
		if !slices.Equal(info.Shape, place.Shape()) {
			return fmt.Errorf("%s: tensor %s has shape %v, the configuration's model needs %v", f.path, name, info.Shape, place.Shape())
		}
	}
	for _, name := range f.Names() {
		if _, ok := places[name]; !ok {
			return fmt.Errorf("%s: tensor %s belongs to nothing that the configuration's model has", f.path, name)
		}
	}
	return f.each(func(name string, t *torch.Tensor) error {
		places[name].CopyFrom(t)
		return nil
	})
}

// each calls fn with every tensor by name; it is freed when fn returns.
func (f *File) each(fn func(name string, t *torch.Tensor) error) error {
	for _, name := range f.Names() {
		scope := torch.Enter()
		t, err := f.tensor(name)
		if err == nil {
			err = fn(name, t)
		}
		scope.Exit()
		if err != nil {
			return err
		}
	}
	return nil
}

// tensor copies one tensor into fresh memory.
func (f *File) tensor(name string) (*torch.Tensor, error) {
	data, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	info := f.tensors[name]
	for dtype, known := range dtypeNames {
		if known == info.DType {
			return torch.FromBytes(data, dtype, info.Shape...), nil
		}
	}
	return nil, fmt.Errorf("%s: tensor %s has dtype %s, which no model here uses", f.path, name, info.DType)
}

// tensors reads a whole file. The tensors belong to the caller's scope.
func (c *Checkpoint) tensors(file string) (map[string]*torch.Tensor, error) {
	f, err := c.OpenTensors(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tensors := make(map[string]*torch.Tensor)
	for _, name := range f.Names() {
		if tensors[name], err = f.tensor(name); err != nil {
			return nil, err
		}
	}
	return tensors, nil
}

// ModelTensors returns the parameters by name, in fresh CPU memory that
// belongs to the caller's scope. Called inside a job, like the two below.
func (c *Checkpoint) ModelTensors() (map[string]*torch.Tensor, error) { return c.tensors(ModelFile) }

// OptimizerTensors returns the optimizer's state by name.
func (c *Checkpoint) OptimizerTensors() (map[string]*torch.Tensor, error) {
	return c.tensors(OptimizerFile)
}

// StreamTensors returns the lanes' streams by name, the lanes of all
// micro-batches along the first dimension.
func (c *Checkpoint) StreamTensors() (map[string]*torch.Tensor, error) { return c.tensors(StreamsFile) }
