package gpucheck_test

import (
	"errors"
	"math"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// forward returns, on the CPU, the logits [B, T, V-1] of the streams' third segment, which reads what the memory kept of
// two, and the gradients of its loss by parameter name.
func forward(t *testing.T, shape config.Model, where torch.Device) (logits []float32, gradients map[string][]float32) {
	b := batch(3, 32)
	l := newLearner(t, shape, b.B, train.Precision{Device: where, DType: torch.Float32})
	defer l.free()
	options := model.Options{Train: true} // capacity binds in training
	torch.NoGrad(func() {
		for range 2 {
			l.model.Forward(model.NewInput(b, where), l.state, options)
		}
	})
	out := l.model.Forward(model.NewInput(b, where), l.state, options)
	l.model.Loss(out, model.TargetsOf(b, where), 1/float64(b.TargetCount)).Backward()
	gradients = map[string][]float32{}
	for _, p := range l.model.Parameters() {
		if g := p.Tensor.Grad(); g != nil {
			gradients[p.Name] = torch.Data[float32](g)
		}
	}
	v := out.Logits.Size(-1)
	return torch.Data[float32](out.Logits.Narrow(-1, 1, v-1)), gradients // id 0's logit is -inf
}

// TestNumbersEqualCPU: the same weights and text give the CPU's logits and gradients, but for float32's rounding.
func TestNumbersEqualCPU(t *testing.T) { eachModel(t, numbersEqualCPU) }

func numbersEqualCPU(t *testing.T, shape config.Model) {
	job(t, func() {
		wantLogits, wantGradients := forward(t, shape, torch.CPU)
		logits, gradients := forward(t, shape, device)
		for i := range wantLogits {
			if d := math.Abs(float64(logits[i] - wantLogits[i])); !(d <= 1e-3) {
				t.Fatalf("logit %d is %g on %s and %g on the CPU", i, logits[i], device, wantLogits[i])
			}
		}
		if len(gradients) != len(wantGradients) {
			t.Fatalf("%d parameters have a gradient on %s, %d on the CPU", len(gradients), device, len(wantGradients))
		}
		for name, want := range wantGradients {
			difference, size := 0.0, 0.0
			for i := range want {
				difference += math.Pow(float64(gradients[name][i]-want[i]), 2)
				size += math.Pow(float64(want[i]), 2)
			}
			if !(math.Sqrt(difference) <= 1e-3*(math.Sqrt(size)+1e-4)) {
				t.Errorf("gradient of %s: difference %g of norm %g", name, math.Sqrt(difference), math.Sqrt(size))
			}
		}
	})
}

// TestDecodingEqualsParallel: on the device too, feeding tokens one by one gives the parallel pass's logits.
func TestDecodingEqualsParallel(t *testing.T) { eachModel(t, decodingEqualsParallel) }

func decodingEqualsParallel(t *testing.T, shape config.Model) {
	job(t, func() {
		m, err := model.New(shape, 256, device, torch.Float32, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		ids := tokenizer.NewByte().Encode([]byte(text))[:40] // rolls over a segment of 32
		torch.NoGrad(func() {
			whole, single := m.NewDecoder(tokenizer.NewByte().NewLabeler()), m.NewDecoder(tokenizer.NewByte().NewLabeler())
			defer whole.Free()
			defer single.Free()
			want := torch.Data[float32](whole.Feed(ids))
			v := len(want) / len(ids)
			for i, id := range ids {
				got := torch.Data[float32](single.Feed([]int32{id}))
				for token := 1; token < v; token++ {
					if d := math.Abs(float64(got[token] - want[i*v+token])); !(d <= 1e-3) {
						t.Fatalf("after token %d the logit of id %d is %g, in parallel %g", i, token, got[token], want[i*v+token])
					}
				}
			}
		})
	})
}

// TestMixedPrecisionLearns: in half precision the loss falls as in float32.
func TestMixedPrecisionLearns(t *testing.T) { eachModel(t, mixedPrecisionLearns) }

func mixedPrecisionLearns(t *testing.T, shape config.Model) {
	precisions := []train.Precision{{Device: device, DType: torch.BFloat16}}
	if device.Type == torch.CUDAType {
		precisions = append(precisions, train.Precision{Device: device, DType: torch.Float16, Scaled: true})
	}
	const steps, lr = 40, 3e-3
	job(t, func() {
		b := batch(4, 32)
		learn := func(p train.Precision) (first, last float64) {
			l := newLearner(t, shape, b.B, p)
			defer l.free()
			for i := range steps {
				last = l.step(b, lr)
				if i == 0 {
					first = last
				}
			}
			return first, last
		}
		first, want := learn(train.Precision{Device: device, DType: torch.Float32})
		if !(want < 0.6*first) {
			t.Fatalf("float32 does not learn a single batch: from %.3f to %.3f nats in %d steps", first, want, steps)
		}
		for _, p := range precisions {
			begin, last := learn(p)
			if !(math.Abs(begin-first) <= 0.03*first) {
				t.Errorf("%s starts at %.4f nats, float32 at %.4f", p.DType, begin, first)
			}
			if !(math.Abs(last-want) <= 0.15*first) {
				t.Errorf("%s ends at %.4f nats, float32 at %.4f", p.DType, last, want)
			}
		}
	})
}

// TestMemoryStaysFlat: after the first steps, further ones take no more of the device's memory.
func TestMemoryStaysFlat(t *testing.T) { eachModel(t, memoryStaysFlat) }

func memoryStaysFlat(t *testing.T, shape config.Model) {
	job(t, func() {
		b := batch(4, 32)
		l := newLearner(t, shape, b.B, train.Precision{Device: device, DType: torch.Float32})
		defer l.free()
		for range 5 {
			l.step(b, 1e-4)
		}
		live := torch.Live()
		torch.ResetPeakMemory(device)
		l.step(b, 1e-4)
		peak := torch.PeakMemory(device)
		for range 50 {
			l.step(b, 1e-4)
		}
		if torch.Live() != live {
			t.Errorf("%d tensors are alive after 51 steps, %d after none", torch.Live(), live)
		}
		// Other tokens for an expert are other sizes, a thousandth more or less; a tensor lost at every step is a tenth.
		if device.Type == torch.CUDAType && float64(torch.PeakMemory(device)) > 1.01*float64(peak) {
			t.Errorf("the device's peak memory grew from %d to %d bytes", peak, torch.PeakMemory(device))
		}
	})
}

// TestOutOfMemory: more than the device has is an error of its own type, and the next job works.
func TestOutOfMemory(t *testing.T) {
	err := torch.Do(func() { torch.Empty(torch.Float32, device, 1<<50) })
	var typed *torch.Error
	if !errors.As(err, &typed) || !typed.OutOfMemory {
		t.Fatalf("2^52 bytes on %s: %v", device, err)
	}
	job(t, func() {
		if got := torch.Ones(torch.Float32, device, 3).Sum().Item(); got != 3 {
			t.Errorf("after the error 1+1+1 is %g", got)
		}
	})
}
