package train_test

import (
	"math/rand/v2"
	"testing"

	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// randomBatch makes lanes of random bytes that predict unequal numbers of
// tokens: lane i's last i targets are left out.
func randomBatch(lanes, length int) *data.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	n := lanes * length
	b := &data.Batch{
		B: lanes, T: length, IDs: make([]int64, n), Targets: make([]int64, n), Types: make([]int64, n), Places: make([]int64, n),
		Vowels: make([]int64, n), Words: make([]int64, n), Lengths: make([]int64, lanes), Reset: make([]bool, lanes),
	}
	for i := range n {
		b.IDs[i], b.Targets[i] = 32+rng.Int64N(90), 32+rng.Int64N(90)
		b.Types[i], b.Places[i], b.Vowels[i], b.Words[i] = 2+rng.Int64N(6), rng.Int64N(16), rng.Int64N(5), int64(i%length)/4
		if length-i%length <= i/length {
			b.Targets[i] = 0
		}
	}
	for lane := range lanes {
		b.Lengths[lane] = int64(length)
	}
	count(b)
	return b
}

func count(b *data.Batch) {
	b.TargetCount = 0
	for _, id := range b.Targets {
		if id != 0 {
			b.TargetCount++
		}
	}
	b.ByteCount = b.TargetCount
}

// split cuts a batch into micro-batches of so many lanes.
func split(b *data.Batch, lanes int) []*data.Batch {
	var parts []*data.Batch
	for first := 0; first < b.B; first += lanes {
		cut := func(x []int64) []int64 { return x[first*b.T : (first+lanes)*b.T] }
		p := &data.Batch{
			B: lanes, T: b.T, IDs: cut(b.IDs), Targets: cut(b.Targets), Types: cut(b.Types), Places: cut(b.Places),
			Vowels: cut(b.Vowels), Words: cut(b.Words), Lengths: b.Lengths[first : first+lanes], Reset: b.Reset[first : first+lanes],
		}
		count(p)
		parts = append(parts, p)
	}
	return parts
}

// TestAccumulationHasTheGradientOfTheWholeBatch compares 1x8, 2x4, 4x2 and 8x1
// lanes, parameter by parameter, for two steps so that memory is in play, with the
// introspection's loss terms.
func TestAccumulationHasTheGradientOfTheWholeBatch(t *testing.T) {
	cfg := introspective(tinyConfig(t, "")).Model
	cfg.Dropout, cfg.MoE.LoadBalancingScope = 0, "sequence"
	batch := randomBatch(8, 12)
	gradients := func(lanes int) map[string][]float64 {
		all := make(map[string][]float64)
		err := torch.Do(func() {
			m, err := model.New(cfg, 256, torch.CPU, torch.Float64, 3)
			if err != nil {
				torch.Fail(err)
			}
			defer m.Free()
			micro := split(batch, lanes)
			states := make([]*model.State, len(micro))
			for i := range micro {
				states[i] = m.NewState(lanes)
				defer states[i].Free()
			}
			for range 2 {
				for i, b := range micro {
					train.Backward(m, train.Precision{Device: torch.CPU, DType: torch.Float32}, b, states[i], train.TotalsOf(micro), nil)
				}
			}
			for _, p := range m.Parameters() {
				all[p.Name] = torch.Data[float64](p.Tensor.Grad())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := gradients(8)
	for _, lanes := range []int{4, 2, 1} {
		for name, got := range gradients(lanes) {
			if d := distance(got, want[name]); d > 1e-9 {
				t.Errorf("%d lanes a micro-batch: the gradient of %s differs by %.3g of its norm", lanes, name, d)
			}
		}
	}
	if n := torch.Live(); n != 0 {
		t.Errorf("%d tensors left", n)
	}
}
