package model_test

import (
	"fmt"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// eightLayers is a model whose activations are mostly its blocks'.
func eightLayers(width, length int64) config.Model {
	cfg := tiny("text_only")
	cfg.NLayers, cfg.DModel, cfg.NHeads, cfg.DFF, cfg.MaxSeqLen = 8, width, 4, 4*width, length
	return cfg
}

// stepMemory is the most bytes that the tensors of one training step of a lane
// take at once: activations and what the backward pass works with, without
// parameters and their gradients, which are there before.
func stepMemory(m *model.Model, recompute bool) int64 {
	step, done := stepper(m, 1, recompute)
	defer done()
	step()
	return torch.TensorMemory(step)
}

// TestCheckpointsHalveMemory: a step that computes its blocks again takes less
// than half the memory at its peak, with either attention.
func TestCheckpointsHalveMemory(t *testing.T) {
	t.Parallel()
	for _, linear := range []bool{false, true} {
		job(t, func() {
			cfg := eightLayers(64, 128)
			cfg.UseLinearAttention = linear
			m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			plain, recomputed := stepMemory(m, false), stepMemory(m, true)
			if 2*recomputed > plain {
				t.Errorf("linear attention %v: a step takes %d bytes, with gradient checkpointing %d", linear, plain, recomputed)
			}
		})
	}
}

// BenchmarkCheckpoints is a step of text_only and of full with four experts, each
// of the benchmark's shape d256 and with as many blocks as at full size, on 8
// lanes of 128 tokens, and the most that its tensors take at once:
//
//	go test ./internal/model -run '^$' -bench Checkpoints -benchtime 3x -cpu 1
func BenchmarkCheckpoints(b *testing.B) {
	for _, full := range []bool{false, true} {
		for _, layers := range []int64{4, 8} {
			for _, recompute := range []bool{false, true} {
				name := map[bool]string{false: "text_only", true: "full"}[full] + fmt.Sprintf("/%d blocks", layers) +
					map[bool]string{false: "/kept", true: "/recomputed"}[recompute]
				b.Run(name, func(b *testing.B) {
					if err := torch.Do(func() { benchmarkCheckpoints(b, full, layers, recompute) }); err != nil {
						b.Fatal(err)
					}
				})
			}
		}
	}
}

func benchmarkCheckpoints(b *testing.B, full bool, layers int64, recompute bool) {
	cfg := d256(full)
	cfg.NLayers = layers
	m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Free()
	step, done := stepper(m, 8, recompute)
	defer done()
	fastest := fastestStep(b, step)
	b.ReportMetric(float64(torch.TensorMemory(step))/(1<<20), "activations-MiB")
	b.ReportMetric(float64(fastest.Milliseconds()), "cpu-ms/step")
}
