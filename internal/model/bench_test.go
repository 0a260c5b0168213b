package model_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// textOnly is the shape of conf/model/text_only.yaml.
func textOnly() config.Model {
	return config.Model{
		DModel: 512, NLayers: 8, NHeads: 8, DFF: 2048, NExperts: 2, ExpertTypes: []string{"language", "logic"},
		MemorySize: 1000, MaxSeqLen: 512, MemoryUpdateFreq: 1, EmbeddingContext: 5, Dropout: 0.1, UseMemory: true,
		MoE: config.MoE{LoadBalancingLossWeight: 0.01, LoadBalancingScope: "batch"},
	}
}

func benchmarkModel(b *testing.B) *model.Model {
	m, err := model.New(textOnly(), 256, torch.CPU, torch.Float32, 1)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// cpuTime is what the process has used: on a busy machine it says more than
// the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds processor time an iteration and the peak of resident memory.
func report(b *testing.B, since time.Duration) {
	b.ReportMetric(float64((cpuTime()-since).Milliseconds())/float64(b.N), "cpu-ms/op")
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
		b.ReportMetric(float64(u.Maxrss)/1024, "peak-MiB")
	}
}

// inPrecisions runs a benchmark in float32 and under bfloat16 autocast.
func inPrecisions(b *testing.B, run func(b *testing.B)) {
	b.Run("float32", func(b *testing.B) {
		if err := torch.Do(func() { run(b) }); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("bfloat16", func(b *testing.B) {
		if err := torch.Do(func() { torch.Autocast(torch.CPUType, torch.BFloat16, func() { run(b) }) }); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkStep is forward and backward of text_only on 4 lanes of 512.
func BenchmarkStep(b *testing.B) {
	inPrecisions(b, func(b *testing.B) {
		m := benchmarkModel(b)
		defer m.Free()
		rng := rand.New(rand.NewPCG(1, 1))
		in := input(rng, 512, fresh(randomText(rng, 512)), fresh(randomText(rng, 512)), fresh(randomText(rng, 512)), fresh(randomText(rng, 512)))
		state := m.NewState(4)
		defer state.Free()
		step := func() {
			scope := torch.Enter()
			defer scope.Exit()
			out := m.Forward(in, state, model.Options{Train: true})
			loss := m.Loss(out, in.IDs, 1.0/2048).Add(out.LoadBalancing)
			torch.NoAutocast(torch.CPUType, loss.Backward)
			for _, p := range m.Parameters() {
				p.Tensor.SetGrad(nil)
			}
		}
		step()
		start := cpuTime()
		for b.Loop() {
			step()
		}
		report(b, start)
	})
}

// BenchmarkDecode is one token of text_only after a prompt of 100.
func BenchmarkDecode(b *testing.B) {
	inPrecisions(b, func(b *testing.B) {
		m := benchmarkModel(b)
		defer m.Free()
		d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
		defer d.Free()
		d.Feed(randomText(rand.New(rand.NewPCG(1, 1)), 100))
		start := cpuTime()
		torch.NoGrad(func() { // around all tokens, so that autocast casts a weight once
			for b.Loop() {
				scope := torch.Enter()
				d.Feed([]int32{'a'})
				scope.Exit()
			}
		})
		report(b, start)
	})
}
