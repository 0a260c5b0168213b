package main

import (
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// trainer is what a training step needs beside the model.
type trainer struct {
	optimizer *train.Optimizer
	state     *model.State
}

// newTrainer is called inside a job.
func (w *worker) newTrainer() *trainer {
	settings := config.Training{LearningRate: learningRate, WeightDecay: 0.01, Betas: []float64{0.9, 0.999}, Eps: 1e-8}
	return &trainer{
		optimizer: train.NewOptimizer(settings, w.model.Parameters(), w.precision),
		state:     w.model.NewState(w.batches[0].B),
	}
}

// learningRate and the settings beside it are worker.py's.
const learningRate = 1e-4

// step is an optimizer step as training takes it; it returns the mean
// cross-entropy, which outlives the job. Called inside a job.
func (w *worker) step(t *trainer, i int) *torch.Tensor {
	b := w.batches[i%len(w.batches)]
	train.ResetLanes(t.state, b)
	losses := train.Backward(w.model, w.precision, b, t.state, train.TotalsOf([]*data.Batch{b}), t.optimizer.Scaler)
	t.optimizer.Step(learningRate, 1, nil)
	w.wait()
	return losses.CrossEntropy.DivScalar(float64(b.TargetCount)).Keep()
}

// train times optimizer steps on the batches in turn, streams carried on.
func (w *worker) train() (map[string]any, error) {
	var t *trainer
	if err := torch.Do(func() { t = w.newTrainer() }); err != nil {
		return nil, err
	}
	var kept []*torch.Tensor
	var times, cpu []float64
	for i := range w.warmup + w.steps {
		start, startCPU := time.Now(), cpuSeconds()
		if err := torch.Do(func() { kept = append(kept, w.step(t, i)) }); err != nil {
			return nil, err
		}
		times = append(times, milliseconds(start))
		cpu = append(cpu, 1000*(cpuSeconds()-startCPU))
		if i == 0 {
			w.result["first_step_at"] = float64(time.Now().UnixNano()) / 1e9
		}
	}
	if w.profile != "" { // one more step, which does not count
		err := torch.Do(func() { torch.Profile(w.device, w.profile, func() { w.step(t, w.warmup+w.steps).Free() }) })
		if err != nil {
			return nil, err
		}
	}
	losses := make([]float64, len(kept))
	err := torch.Do(func() {
		for i, loss := range kept {
			losses[i] = loss.Item()
		}
	})
	if err != nil {
		return nil, err
	}
	w.result["step_ms"], w.result["step_cpu_ms"] = times[w.warmup:], cpu[w.warmup:]
	w.result["losses"], w.result["loaded_mb"] = losses, w.loadedMB
	if w.result["peak_mb"], err = w.peakMB(); err != nil {
		return nil, err
	}
	w.result["gemm_gflops"], err = w.gemm()
	return w.result, err
}

// generate makes greedy tokens after a prompt, at batch 1 with caches.
func (w *worker) generate() (map[string]any, error) {
	b := w.batches[0]
	prompt := make([]int32, min(w.prompt, b.T))
	for i := range prompt {
		prompt[i] = int32(b.IDs[i])
	}
	var speeds, cpu []float64
	var ids []int32
	for range w.steps {
		// As generate does it: one job, one autocast and one NoGrad a run, so that autocast casts each
		// weight once. Without the NoGrad around all of them the casts go with each token's own.
		err := torch.Do(func() {
			w.precision.Forward(func() {
				torch.NoGrad(func() {
					decoder := w.model.NewDecoder(tokenizer.NewByte().NewLabeler())
					defer decoder.Free()
					ids = nil
					next := w.greedy(decoder, prompt)
					start, startCPU := time.Now(), cpuSeconds()
					for range w.tokens {
						ids = append(ids, next)
						next = w.greedy(decoder, []int32{next})
					}
					speeds = append(speeds, float64(w.tokens)/time.Since(start).Seconds())
					cpu = append(cpu, 1000*(cpuSeconds()-startCPU)/float64(w.tokens))
				})
			})
		})
		if err != nil {
			return nil, err
		}
	}
	w.result["tokens_per_second"], w.result["token_cpu_ms"], w.result["ids"] = speeds, cpu, ids
	var err error
	w.result["peak_mb"], err = w.peakMB()
	return w.result, err
}

// greedy feeds ids and returns the most probable next token.
func (w *worker) greedy(d *model.Decoder, ids []int32) int32 {
	scope := torch.Enter()
	defer scope.Exit()
	logits := d.Feed(ids)
	return model.Sample(logits.Select(0, logits.Size(0)-1), model.SampleOptions{}, nil)
}

// infer times a forward pass without gradients at each batch size.
func (w *worker) infer() (map[string]any, error) {
	medians := map[string]float64{}
	for _, size := range w.sizes {
		b := resized(w.batches[0], size)
		var times []float64
		for range w.warmup + w.steps {
			var took float64
			err := torch.Do(func() {
				in := model.NewInput(b, w.device)
				w.wait()
				start := time.Now()
				torch.NoGrad(func() {
					w.precision.Forward(func() { w.model.Forward(in, nil, model.Options{}) })
				})
				w.wait()
				took = milliseconds(start) / float64(size)
			})
			if err != nil {
				return nil, err
			}
			times = append(times, took)
		}
		times = times[w.warmup:]
		slices.Sort(times)
		medians[strconv.Itoa(size)] = times[len(times)/2]
	}
	w.result["ms_per_sequence"] = medians
	var err error
	w.result["peak_mb"], err = w.peakMB()
	return w.result, err
}

// gemm is the rate of products of the model's size, [tokens, d] by [d, F], in
// GFLOP/s: the best of a few.
func (w *worker) gemm() (best float64, err error) {
	cfg, tokens := w.model.Config(), int64(w.batches[0].B*w.batches[0].T)
	err = torch.Do(func() {
		random := func(rows int64) *torch.Tensor {
			t := torch.Empty(torch.Float32, w.device, rows, cfg.DModel)
			t.Normal_(0, 1, nil)
			return t.ToDType(w.dtype)
		}
		a, b := random(tokens), random(cfg.DFF)
		work := 4 * 2 * float64(tokens) * float64(cfg.DModel) * float64(cfg.DFF)
		for until := time.Now().Add(700 * time.Millisecond); time.Now().Before(until); {
			scope := torch.Enter()
			w.wait()
			start := time.Now()
			for range 4 {
				torch.Linear(a, b, nil)
			}
			w.wait()
			best = max(best, work/float64(time.Since(start).Nanoseconds()))
			scope.Exit()
		}
	})
	return best, err
}

// cpuSeconds is the time that all threads of this process have computed.
func cpuSeconds() float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func milliseconds(since time.Time) float64 { return float64(time.Since(since).Nanoseconds()) / 1e6 }
