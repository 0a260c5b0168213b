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
// moments and streams, in values of four bytes a token, with what the allocator
// cannot give back. Those of float32 are fitted to the peak resident memory of 17
// training processes of width 128 and 256 (within 11 %); those of bfloat16 are older
// than the lookup of kept tokens and the experts' rows without padding.
type footprint struct {
	process float64 // bytes: libtorch, its kernels, the program
	block   float64 // times d_model, each block
	linear  float64 // times d_model, each block with linear attention
	row     float64 // times d_model, each block and row of an expert that attends
	feed    float64 // times d_ff, each block and row of an expert
	score   float64 // times n_heads · max_seq_len, each block: softmax attention in the open
	shared  float64 // times d_model, once: embedding, memory, the largest backward pass
	slot    float64 // times memory_size, where the model has memory
	kept    float64 // times d_model, for each token that the working memory holds
	thought float64 // times d_model, each iteration of introspection, where the model has it
	head    float64 // times the vocabulary
	// gradients is the share of them that is there at the peak: they come as
	// the backward pass frees activations.
	gradients float64
}

// Footprints of steps on a CPU.
var (
	float32Step  = footprint{process: 174 << 20, block: 4, linear: 5.2, row: 6.7, feed: 2, shared: 73, slot: 18, kept: 18.4, thought: 4.1, head: 6}
	bfloat16Step = footprint{process: 217 << 20, row: 6.3, feed: 0.75, score: 1.65, shared: 65, slot: 9.8, kept: 18.4, thought: 14, head: 6, gradients: 0.47}
)

// trainingMemory estimates a training process on a CPU.
func trainingMemory(cfg *config.Config, c model.Counts, vocab int64) Memory {
	weights := c.Parameters * valueBytes
	step := float32Step
	if cfg.Training.UseAMP && torch.CPUSupportsBFloat16() {
		step = bfloat16Step
	}
	tokens := cfg.Training.BatchSize * cfg.Model.SegmentLen()
	activations := int64(valueBytes * float64(tokens) * step.values(cfg, vocab))
	gradients := max(int64(step.gradients*float64(weights)), weights-activations)
	if cfg.Training.GradientAccumulationSteps > 1 {
		gradients = weights // the first micro-batch's are there all along the second's
	}
	return Memory{
		Parameters: weights, Gradients: gradients, Optimizer: 2 * weights, Activations: activations,
		Streams: cfg.Training.Lanes() * c.StreamBytes,
		Process: int64(step.process),
	}
}

// values counts the values a token. With gradient checkpointing one block, or the
// introspection, at a time holds its own, the others their inputs.
func (f footprint) values(cfg *config.Config, vocab int64) float64 {
	m := cfg.Model
	d, layers := float64(m.DModel), float64(m.NLayers)
	rows, attending := expertRows(m)
	block := f.block*d + attending*f.row*d + rows*f.feed*float64(m.DFF)
	if m.UseLinearAttention {
		block += f.linear * d
	} else {
		block += f.score * float64(m.NHeads*m.SegmentLen())
	}
	thoughts := 0.0
	if m.UseIntrospection {
		thoughts = f.thought * d * float64(m.MaxIterations)
	}
	blocks := layers*block + thoughts
	if cfg.Training.GradientCheckpointing {
		blocks = max(block, thoughts) + layers*d
	}
	total := blocks + f.shared*d + f.head*float64(vocab)
	if m.UseMemory {
		total += f.slot * float64(m.MemorySize)
		if m.MemoryParts != "bank" {
			total += f.kept * d * float64(m.WorkingMemoryLen()) / float64(m.SegmentLen())
		}
	}
	return total
}

// expertRows is the number of an expert's rows a token, the mean over the blocks,
// and of those in experts that attend, where tokens spread evenly. In training rows
// are rounded up by at most a sixteenth.
func expertRows(m config.Model) (rows, attending float64) {
	const rounding = 17.0 / 16
	for i := range m.NLayers {
		experts := m.ExpertsOf(i)
		n := math.Min(float64(len(experts)), rounding*float64(m.TopKOf(i)))
		dense := 0
		for _, e := range experts {
			if m.ExpertTypes[e] == "dense" {
				dense++
			}
		}
		rows += n
		attending += n * (1 - float64(dense)/float64(len(experts)))
	}
	return rows / float64(m.NLayers), attending / float64(m.NLayers)
}

// inferenceMemory estimates a process on a CPU that reads one stream in float32.
func inferenceMemory(cfg *config.Config, c model.Counts, vocab int64) Memory {
	m := cfg.Model
	rows, _ := expertRows(m)
	widest := 6*float64(m.DModel) + rows*(2*float64(m.DModel)+2*float64(m.DFF)) + 3*float64(vocab)
	return Memory{
		Parameters:  c.Parameters * valueBytes,
		Activations: int64(valueBytes * float64(m.SegmentLen()) * widest),
		Streams:     2 * c.StreamBytes, // the old states live until the new ones are made
		Process:     int64(float32Step.process),
	}
}
