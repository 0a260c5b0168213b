package model

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"agiformer/internal/config"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// BenchmarkAttention is forward and backward of a block's attention, its norm
// and projections included, on one lane of T tokens at width 256 with 4 heads,
// softmax attention against linear attention, on as many threads as -cpu says.
// The fastest round counts: other work on the machine only makes it slower.
//
//	go test ./internal/model -run '^$' -bench Attention -benchtime 5x -cpu 1,2
func BenchmarkAttention(b *testing.B) {
	for _, precision := range []string{"float32", "bfloat16"} {
		for _, kind := range []string{"softmax", "linear"} {
			for t := int64(512); t <= 16384; t *= 2 {
				b.Run(fmt.Sprintf("%s/%s/T=%d", precision, kind, t), func(b *testing.B) {
					if err := torch.Do(func() { benchmarkAttention(b, kind == "linear", precision == "bfloat16", t) }); err != nil {
						b.Fatal(err)
					}
				})
			}
		}
	}
}

func benchmarkAttention(b *testing.B, linear, half bool, t int64) {
	threads := torch.Threads()
	set := func(n int) {
		if err := torch.SetThreads(n); err != nil {
			b.Fatal(err)
		}
	}
	set(runtime.GOMAXPROCS(0))
	defer set(threads)
	cfg := config.Model{DModel: 256, NHeads: 4, NLayers: 1, UseLinearAttention: linear}
	all := map[string]*torch.Tensor{}
	for _, s := range attentionSpecs(cfg) {
		all[s.Name] = s.Make(torch.Float32, torch.CPU, 1)
		defer all[s.Name].Free()
	}
	params := nn.NewParams(all)
	norm, layer := nn.NewLayerNorm(params.Sub("attention_norm")), newSelfAttention(cfg, params.Sub("attention"))
	rotary := nn.NewRotary(cfg.HeadDim(), t, torch.Float32, torch.CPU)
	defer rotary.Free()
	p := &pass{}
	p.cos, p.sin = rotary.At(0, t)
	x := torch.Empty(torch.Float32, torch.CPU, 1, t, cfg.DModel).Normal_(0, 1, nil).SetRequiresGrad(true)
	step := func() {
		scope := torch.Enter()
		defer scope.Exit()
		var y *torch.Tensor
		compute := func() { y = layer.forward(x, norm, p, nil) }
		if half {
			torch.Autocast(torch.CPUType, torch.BFloat16, compute)
		} else {
			compute()
		}
		y.Sum().Backward()
	}
	step()
	wall, cpu := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for b.Loop() {
		start, used := time.Now(), processorTime()
		step()
		wall, cpu = min(wall, time.Since(start)), min(cpu, processorTime()-used)
	}
	b.ReportMetric(float64(wall.Nanoseconds())/1e3/float64(t), "us/token")
	b.ReportMetric(float64(cpu.Nanoseconds())/1e3/float64(t), "cpu-us/token")
	b.ReportMetric(float64(torch.TensorMemory(step))/float64(t*cfg.DModel*4), "peak-widths/token")
}

// processorTime is what all threads of the process have used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
