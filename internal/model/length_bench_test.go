package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// d256 is the shape of the benchmark's size d256, and full_d256 with every part,
// but for a working memory of one segment: width 256, 4 blocks, segments of 128.
func d256(full bool) config.Model {
	cfg := textOnly()
	cfg.DModel, cfg.NLayers, cfg.NHeads, cfg.DFF, cfg.MemorySize, cfg.MaxSeqLen = 256, 4, 4, 1024, 500, 128
	cfg.Dropout, cfg.MaxSegmentLen = 0, ptr(int64(128))
	if full {
		cfg.NExperts, cfg.ExpertTypes, cfg.UseLinearAttention = 4, slices.Clone(kinds), true
		cfg.UseIntrospection, cfg.MaxIterations = true, 3
		cfg.Introspection = config.Introspection{LossWeight: 0.5, PonderWeight: 0.001}
	}
	return cfg
}

// fastestStep runs step once to warm up and then as often as b wants, and returns
// the least processor time that it took.
func fastestStep(b *testing.B, step func()) time.Duration {
	step()
	fastest := time.Duration(math.MaxInt64)
	for b.Loop() {
		used := cpuTime()
		step()
		fastest = min(fastest, cpuTime()-used)
	}
	return fastest
}

// stepper returns a function that makes a training step, but for the optimizer,
// on lanes of the model's segment length; each goes on with the lanes' streams and
// adds to the gradients of the one before.
func stepper(m *model.Model, lanes int, recompute bool) (step, done func()) {
	n := int(m.Config().MaxSeqLen)
	rng := rand.New(rand.NewPCG(1, 1))
	segments := make([]segment, lanes)
	for i := range segments {
		segments[i] = fresh(randomText(rng, n))
	}
	in, state := input(rng, n, segments...), m.NewState(lanes)
	return func() {
		scope := torch.Enter()
		defer scope.Exit()
		o, c := model.Options{Train: true}, &torch.Checkpoints{}
		if recompute {
			o.Checkpoints = c
		}
		out := m.Forward(in, state, o)
		loss := m.Loss(out, in.IDs, 1/float64(n*lanes))
		if out.LoadBalancing != nil {
			loss = loss.Add(out.LoadBalancing)
		}
		torch.NoAutocast(torch.CPUType, func() { c.Backward([]*torch.Tensor{loss}, nil) })
	}, state.Free
}

// BenchmarkStepLength is a training step on 4096 tokens cut into ever longer
// segments, of models that differ in what attends: nothing but a linear attention,
// with and without memory, the experts too, and softmax attention everywhere. The
// fastest round counts.
//
//	go test ./internal/model -run '^$' -bench StepLength -benchtime 3x -cpu 1
func BenchmarkStepLength(b *testing.B) {
	for _, c := range []struct {
		name           string
		linear, memory bool
		experts        []string
	}{
		{"linear, dense experts", true, false, []string{"dense", "dense"}},
		{"linear, dense experts, memory", true, true, []string{"dense", "dense"}},
		{"linear, language and logic", true, false, []string{"language", "logic"}},
		{"softmax, language and logic", false, false, []string{"language", "logic"}},
	} {
		for t := int64(256); t <= 4096; t *= 4 {
			b.Run(fmt.Sprintf("%s/T=%d", c.name, t), func(b *testing.B) {
				cfg := d256(false)
				cfg.NLayers, cfg.MaxSeqLen, cfg.UseLinearAttention, cfg.UseMemory, cfg.ExpertTypes = 2, t, c.linear, c.memory, c.experts
				if err := torch.Do(func() { benchmarkStepLength(b, cfg) }); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func benchmarkStepLength(b *testing.B, cfg config.Model) {
	m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Free()
	step, done := stepper(m, int(4096/cfg.MaxSeqLen), false)
	defer done()
	fastest := fastestStep(b, step)
	b.ReportMetric(4096/fastest.Seconds(), "tokens/cpu-s")
	b.ReportMetric(float64(torch.TensorMemory(step))/4096/1024, "peak-KiB/token")
}

// BenchmarkDecodeLength is a decoded token's time in the first, the fourth and the
// sixteenth segment of 128 tokens, each segment's mean.
//
//	go test ./internal/model -run '^$' -bench DecodeLength -benchtime 3x -cpu 1
func BenchmarkDecodeLength(b *testing.B) {
	for _, name := range []string{"text_only", "full"} {
		b.Run(name, func(b *testing.B) {
			if err := torch.Do(func() { torch.NoGrad(func() { benchmarkDecodeLength(b, d256(name == "full")) }) }); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func benchmarkDecodeLength(b *testing.B, cfg config.Model) {
	m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Free()
	ids := randomText(rand.New(rand.NewPCG(1, 1)), 16*int(cfg.MaxSeqLen))
	var fastest [17]time.Duration // of segments 1 to 16
	for b.Loop() {
		d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
		for s := 1; s <= 16; s++ {
			used := cpuTime()
			for _, id := range ids[(s-1)*len(ids)/16 : s*len(ids)/16] {
				scope := torch.Enter()
				d.Feed([]int32{id})
				scope.Exit()
			}
			if used = cpuTime() - used; fastest[s] == 0 || used < fastest[s] {
				fastest[s] = used
			}
		}
		d.Free()
	}
	for _, s := range []int{1, 2, 4, 16} {
		b.ReportMetric(fastest[s].Seconds()*1e3/float64(cfg.MaxSeqLen), fmt.Sprintf("cpu-ms/token-%dx", s))
	}
}
