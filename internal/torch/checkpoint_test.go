package torch_test

import (
	"slices"
	"testing"

	"agiformer/internal/torch"
)

// deep is a few blocks with dropout, a shared auxiliary loss and a parameter
// used by every block.
type deep struct{ weights, shared []*torch.Tensor }

func newDeep() *deep {
	g := torch.NewGenerator(torch.CPU, 11)
	defer g.Free()
	d := &deep{}
	for range 3 {
		d.weights = append(d.weights, torch.Empty(torch.Float32, torch.CPU, 8, 8).Normal_(0, 0.5, g).SetRequiresGrad(true))
	}
	d.shared = []*torch.Tensor{torch.Empty(torch.Float32, torch.CPU, 8).Normal_(0, 1, g).SetRequiresGrad(true)}
	return d
}

func (d *deep) params() []*torch.Tensor { return append(slices.Clone(d.weights), d.shared...) }

// block maps (x, memory) to (y, auxiliary loss).
func (d *deep) block(i int) func([]*torch.Tensor) []*torch.Tensor {
	return func(in []*torch.Tensor) []*torch.Tensor {
		h := torch.Dropout(torch.Linear(in[0], d.weights[i], nil).Float().Gelu("none"), 0.3, true)
		y := in[0].Add(h.Mul(d.shared[0])).Add(in[1])
		return []*torch.Tensor{y, h.Square().Mean()}
	}
}

// run gives the loss and all gradients, the input's first.
func (d *deep) run(t *testing.T, checkpointed bool, under func(func())) (loss float64, grads [][]float32) {
	t.Helper()
	torch.DefaultGenerator(torch.CPU).Seed(99)
	torch.ClearGrads(d.params())
	leaf := ramp(torch.Float32, 1, 0, 4, 8).SetRequiresGrad(true)
	var c torch.Checkpoints
	var total *torch.Tensor
	under(func() {
		x := leaf.MulScalar(1.5) // not a leaf: its own graph continues
		memory := ramp(torch.Float32, 0.1, 0, 8)
		var auxiliary *torch.Tensor
		for i := range d.weights {
			var out []*torch.Tensor
			if in := []*torch.Tensor{x, memory}; checkpointed {
				out = c.Run(d.block(i), in)
			} else {
				out = d.block(i)(in)
			}
			x = out[0]
			if auxiliary == nil {
				auxiliary = out[1]
			} else {
				auxiliary = auxiliary.Add(out[1])
			}
		}
		total = torch.Dropout(x, 0.2, true).Square().Mean().Add(auxiliary)
	})
	c.Backward([]*torch.Tensor{total}, nil)
	grads = append(grads, torch.Data[float32](leaf.Grad()))
	for _, p := range d.params() {
		grads = append(grads, torch.Data[float32](p.Grad()))
	}
	return total.Item(), grads
}

func TestCheckpointedGradientsAreBitEqual(t *testing.T) {
	t.Parallel()
	modes := map[string]func(func()){
		"float32": func(fn func()) { fn() },
		"autocast": func(fn func()) {
			torch.Autocast(torch.CPUType, torch.BFloat16, fn)
		},
	}
	for name, under := range modes {
		do(t, func() {
			d := newDeep()
			loss, grads := d.run(t, false, under)
			lossC, gradsC := d.run(t, true, under)
			if loss != lossC {
				t.Errorf("%s: loss %v, checkpointed %v", name, loss, lossC)
			}
			for i := range grads {
				if !slices.Equal(grads[i], gradsC[i]) {
					t.Errorf("%s: gradient %d differs: %v, checkpointed %v", name, i, grads[i][:4], gradsC[i][:4])
				}
			}
		})
	}
}

func TestCheckpointsKeepLittleAndMoveTheGeneratorOnce(t *testing.T) {
	t.Parallel()
	do(t, func() {
		d := newDeep()
		var c torch.Checkpoints
		in := []*torch.Tensor{ramp(torch.Float32, 1, 0, 4, 8), ramp(torch.Float32, 0.1, 0, 8)}
		before := torch.Live()
		out := c.Run(d.block(0), in)
		if made := torch.Live() - before; made != 2 {
			t.Errorf("a region left %d tensors, want its two results", made)
		}
		state := torch.DefaultGenerator(torch.CPU).State()
		c.Backward(out, []*torch.Tensor{ones(4, 8), nil})
		if !slices.Equal(state, torch.DefaultGenerator(torch.CPU).State()) {
			t.Error("the recomputation moved the generator")
		}
		torch.NoGrad(func() {
			if y := c.Run(d.block(0), in)[0]; y.RequiresGrad() {
				t.Error("a region under NoGrad wants a gradient")
			}
		})
	})
}
