package train

import (
	"fmt"
	"math"
	"strings"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// Memory is an estimate of the memory that a process takes at its peak, in
// bytes.
type Memory struct {
	Parameters  int64 `json:"parameters"`
	Gradients   int64 `json:"gradients"`
	Optimizer   int64 `json:"optimizer"`
	Activations int64 `json:"activations"`
	Streams     int64 `json:"streams"`
	Process     int64 `json:"process"` // libtorch and the program itself
}

// Total returns the sum.
func (m Memory) Total() int64 {
	return m.Parameters + m.Gradients + m.Optimizer + m.Activations + m.Streams + m.Process
}

// String prints the total and its parts.
func (m Memory) String() string {
	var parts []string
	for _, p := range []struct {
		name string
		size int64
	}{
		{"parameters", m.Parameters}, {"gradients", m.Gradients}, {"optimizer", m.Optimizer},
		{"activations", m.Activations}, {"streams", m.Streams}, {"process", m.Process},
	} {
		if p.size > 0 {
			parts = append(parts, p.name+" "+bytesText(p.size))
		}
	}
	return fmt.Sprintf("%s (%s)", bytesText(m.Total()), strings.Join(parts, ", "))
}

// bytesText prints bytes in MiB or GiB.
func bytesText(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// valueBytes is the size of a float32.
const valueBytes = 4

// footprint says what a training step holds at its peak beside weights,
// gradients, moments and streams, in values of four bytes a token, what the
// allocator cannot give back included. The figures are fitted to the resident
// memory of training processes (docs/performance.md, Memory).
type footprint struct {
	process float64 // bytes: libtorch, its kernels, the program
	block   float64 // times d_model, each block
	row     float64 // times d_model, each token that an expert has place for
	feed    float64 // times d_ff, likewise
	memory  float64 // times d_model, where the model has memory
	slot    float64 // times memory_size, likewise
	head    float64 // times the vocabulary
}

// Footprints of steps on a CPU.
var (
	float32Step  = footprint{process: 172 << 20, block: 4, row: 4.7, feed: 3.1, memory: 30, slot: 9.3, head: 22}
	bfloat16Step = footprint{process: 190 << 20, block: 6.5, row: 5.3, feed: 1.9, memory: 9, slot: 13, head: 2}
)

// trainingMemory estimates a training process on a CPU.
func trainingMemory(cfg *config.Config, c model.Counts, vocab int64) Memory {
	weights := c.Parameters * valueBytes
	step := float32Step
	if cfg.Training.UseAMP && torch.CPUSupportsBFloat16() {
		step = bfloat16Step
	}
	tokens := cfg.Training.BatchSize * cfg.Model.SegmentLen()
	return Memory{
		Parameters: weights, Gradients: weights, Optimizer: 2 * weights,
		Activations: int64(valueBytes * float64(tokens) * step.values(cfg, vocab)),
		Streams:     cfg.Training.Lanes() * c.StreamBytes,
		Process:     int64(step.process),
	}
}

// values counts the values a token. With gradient checkpointing one block at a
// time holds its own, the others their inputs.
func (f footprint) values(cfg *config.Config, vocab int64) float64 {
	m := cfg.Model
	d, layers := float64(m.DModel), float64(m.NLayers)
	rows := expertRows(m)
	block := f.block*d + rows*(f.row*d+f.feed*float64(m.DFF))
	total := f.head*float64(vocab) + layers*block
	if cfg.Training.GradientCheckpointing {
		total = f.head*float64(vocab) + block + (layers-1)*d
	}
	if m.UseMemory {
		total += f.memory*d + f.slot*float64(m.MemorySize)
	}
	return total
}

// expertRows is the number of places in experts a token. Every expert has
// place for the lane that sends it most, so with fewer choices than experts
// there are more places than choices.
func expertRows(m config.Model) float64 {
	const spread = 1.8
	return math.Min(float64(m.NExperts), spread*float64(m.TopK()))
}

// inferenceMemory estimates a process on a CPU that reads one stream in float32.
func inferenceMemory(cfg *config.Config, c model.Counts, vocab int64) Memory {
	m := cfg.Model
	widest := 6*float64(m.DModel) + expertRows(m)*(2*float64(m.DModel)+2*float64(m.DFF)) + 3*float64(vocab)
	return Memory{
		Parameters:  c.Parameters * valueBytes,
		Activations: int64(valueBytes * float64(m.SegmentLen()) * widest),
		Streams:     2 * c.StreamBytes, // the old states live until the new ones are made
		Process:     int64(float32Step.process),
	}
}
