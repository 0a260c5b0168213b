package train

import (
	"fmt"
	"strings"

	"agiformer/internal/config"
	"agiformer/internal/model"
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

// String prints the total and its parts, the largest words first.
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

// What the estimate takes for granted (measured, see docs/performance.md).
const (
	processBytes = 400 << 20 // resident after libtorch is loaded and has computed
	valueBytes   = 4         // float32
)

// trainingMemory estimates a training process on the CPU in float32.
func trainingMemory(cfg *config.Config, c model.Counts, vocab int64) Memory {
	weights := c.Parameters * valueBytes
	return Memory{
		Parameters: weights, Gradients: weights, Optimizer: 2 * weights,
		Activations: valueBytes * cfg.Training.BatchSize * cfg.Model.SegmentLen() * savedValues(cfg.Model, vocab),
		Streams:     cfg.Training.Lanes() * c.StreamBytes,
		Process:     processBytes,
	}
}

// savedValues counts the values a token that the backward pass needs.
func savedValues(m config.Model, vocab int64) int64 {
	d, f, k := m.DModel, m.DFF, m.TopK()
	attention := 8 * d
	expert := 10*d + 2*f
	memory := int64(0)
	if m.UseMemory {
		memory = 16 * d
	}
	return m.NLayers*(attention+k*expert) + memory + 3*vocab + 2*d
}

// inferenceMemory estimates a process that reads one stream in float32.
func inferenceMemory(cfg *config.Config, c model.Counts, vocab int64) Memory {
	m := cfg.Model
	return Memory{
		Parameters:  c.Parameters * valueBytes,
		Activations: valueBytes * m.SegmentLen() * (8*m.DModel + 2*m.DFF + 3*vocab),
		Streams:     c.StreamBytes,
		Process:     processBytes,
	}
}
