package model

import (
	"agiformer/internal/data"
	"agiformer/internal/torch"
)

// NewInput copies the inputs of a batch to dev, into the current scope.
func NewInput(b *data.Batch, dev torch.Device) Input {
	shape := []int64{int64(b.B), int64(b.T)}
	put := func(values []int64) *torch.Tensor { return torch.FromSlice(values, shape...).ToDevice(dev) }
	return Input{IDs: put(b.IDs), Types: put(b.Types), Places: put(b.Places),
		Vowels: put(b.Vowels), Words: put(b.Words), Lengths: b.Lengths, Documents: b.Documents}
}

// TargetsOf copies the targets [B, T] int64 of a batch to dev; 0 is ignored.
func TargetsOf(b *data.Batch, dev torch.Device) *torch.Tensor {
	return torch.FromSlice(b.Targets, int64(b.B), int64(b.T)).ToDevice(dev)
}
