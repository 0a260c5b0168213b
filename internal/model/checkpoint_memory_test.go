package model_test

import (
	"math/rand/v2"
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
	n := int(m.Config().MaxSeqLen)
	step := func() {
		scope := torch.Enter()
		defer scope.Exit()
		in := input(rand.New(rand.NewPCG(1, 1)), n, fresh(randomText(rand.New(rand.NewPCG(2, 2)), n)))
		c := &torch.Checkpoints{}
		o := model.Options{Train: true}
		if recompute {
			o.Checkpoints = c
		}
		out := m.Forward(in, nil, o)
		loss := m.Loss(out, in.IDs, 1/float64(n)).Add(out.LoadBalancing)
		torch.NoAutocast(torch.CPUType, func() { c.Backward([]*torch.Tensor{loss}, nil) })
	}
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

// BenchmarkCheckpoints is a step of eight layers of width 256 on one lane of
// 512 tokens, and the most that its tensors take at once:
//
//	go test ./internal/model -run '^$' -bench Checkpoints -benchtime 5x
func BenchmarkCheckpoints(b *testing.B) {
	for _, linear := range []bool{false, true} {
		for _, recompute := range []bool{false, true} {
			name := map[bool]string{false: "softmax", true: "linear"}[linear] + map[bool]string{false: "/plain", true: "/recomputed"}[recompute]
			b.Run(name, func(b *testing.B) {
				inPrecisions(b, func(b *testing.B) {
					cfg := eightLayers(256, 512)
					cfg.UseLinearAttention = linear
					m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
					if err != nil {
						b.Fatal(err)
					}
					defer m.Free()
					var peak int64
					start := cpuTime()
					for b.Loop() {
						peak = stepMemory(m, recompute)
					}
					b.ReportMetric(float64(peak)/(1<<20), "tensors-MiB")
					b.ReportMetric(float64((cpuTime()-start).Milliseconds())/float64(2*b.N), "cpu-ms/step")
				})
			})
		}
	}
}
