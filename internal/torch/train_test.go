package torch_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"agiformer/internal/torch"
)

// tiny is a two-layer network that is trained by AdamW on a made-up task.
type tiny struct {
	w1, b1, w2 *torch.Tensor
	adamw      *torch.AdamW
}

func newTiny() *tiny {
	g := torch.NewGenerator(torch.CPU, 3)
	defer g.Free()
	parameter := func(shape ...int64) *torch.Tensor {
		return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0, 0.3, g).SetRequiresGrad(true).Keep()
	}
	m := &tiny{w1: parameter(32, 16), b1: parameter(32), w2: parameter(4, 32)}
	m.adamw = torch.NewAdamW([]torch.ParamGroup{{Params: m.params(), LR: 0.01, WeightDecay: 0.01}}, 0.9, 0.99, 1e-8)
	return m
}

func (m *tiny) params() []*torch.Tensor { return []*torch.Tensor{m.w1, m.b1, m.w2} }

func (m *tiny) free() {
	m.adamw.Free()
	torch.FreeAll(m.params())
}

func (m *tiny) loss(x, target *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		h := torch.Dropout(torch.Linear(x, m.w1, m.b1).Gelu("none"), 0.1, true)
		return torch.CrossEntropyLoss(torch.Linear(h, m.w2, nil), target, nil, 1, -100, 0)
	})
}

// step is one training step: the sign of a row's first two values is its class.
func (m *tiny) step(g *torch.Generator) *torch.Tensor {
	x := torch.Empty(torch.Float32, torch.CPU, 8, 16).Normal_(0, 1, g)
	sign := x.GtScalar(0).ToDType(torch.Int64)
	target := sign.Select(1, 0).MulScalar(2).Add(sign.Select(1, 1))
	loss := m.loss(x, target)
	loss.Backward()
	torch.ClipGradNorm(m.params(), 1)
	m.adamw.Step(0.01, nil, nil)
	m.adamw.ZeroGrad()
	return loss.Detach()
}

// threads counts the process's OS threads.
func threads(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	return len(entries)
}

func TestFiveThousandSteps(t *testing.T) { // alone: it looks at the process's memory and threads
	var m *tiny
	var g *torch.Generator
	var first, last float64
	train := func(steps int) (sum float64) {
		for range steps {
			do(t, func() { sum += m.step(g).Item() })
		}
		return sum / float64(steps)
	}
	do(t, func() {
		m, g = newTiny(), torch.NewGenerator(torch.CPU, 5)
	})
	first = train(500)
	liveBefore, threadsBefore := torch.Live(), threads(t)
	debug.FreeOSMemory() // what Go's collector left, so that the figures are libtorch's
	rss := torch.ResidentMemory()
	train(4000)
	last = train(500)
	debug.FreeOSMemory()
	if grown := torch.ResidentMemory() - rss; grown > 12<<20 {
		t.Errorf("4500 steps grew the process by %d kB", grown>>10)
	}
	if live := torch.Live(); live != liveBefore {
		t.Errorf("%d tensors live after 500 steps, %d after 5000", liveBefore, live)
	}
	// Go's scheduler may add some threads of its own; libtorch's hopping between
	// threads, which this guards against, adds hundreds.
	if now := threads(t); now > threadsBefore+min(runtime.NumCPU(), 8) {
		t.Errorf("%d threads after 500 steps, %d after 5000", threadsBefore, now)
	}
	if last > first/2 {
		t.Errorf("the loss went from %v to %v only: nothing was learned", first, last)
	}
	do(t, func() {
		m.free()
		g.Free()
	})
}

func TestAnExceptionInAnyPhaseLeavesTheNextStepWorking(t *testing.T) {
	t.Parallel()
	var m *tiny
	var g *torch.Generator
	do(t, func() { m, g = newTiny(), torch.NewGenerator(torch.CPU, 5) })
	defer do(t, func() { m.free(); g.Free() })

	phases := map[string]func(){
		"forward": func() { m.loss(ones(8, 15), torch.Arange(8, torch.Int64, torch.CPU)) },
		"backward": func() { // a tensor that backward needs was changed
			x := torch.Linear(ones(8, 16), m.w1, m.b1).Sigmoid()
			y := x.Sum()
			x.MulScalar_(2)
			y.Backward()
		},
		"checkpointed region, forward": func() {
			var c torch.Checkpoints
			c.Run(func(in []*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{in[0].Matmul(m.w1)} }, []*torch.Tensor{ones(8, 15)})
		},
		"checkpointed region, backward": func() {
			var c torch.Checkpoints
			out := c.Run(func(in []*torch.Tensor) []*torch.Tensor {
				x := torch.Linear(in[0], m.w1, m.b1).Sigmoid()
				y := x.Sum()
				x.MulScalar_(2)
				return []*torch.Tensor{y}
			}, []*torch.Tensor{ones(8, 16)})
			c.Backward(out, nil)
		},
		"optimizer": func() {
			m.w1.SetGrad(torch.ZerosLike(m.w1))
			m.adamw.Step(0.01, nil, ones(3))
		},
	}
	messages := map[string]string{
		"forward": "Linear of [8 15]", "backward": "modified by an inplace operation",
		"checkpointed region, forward": "Matmul of [8 15]", "checkpointed region, backward": "modified by an inplace operation",
		"optimizer": "Reshape",
	}
	for name, phase := range phases {
		wantError(t, torch.Do(phase), messages[name])
		do(t, func() {
			m.adamw.ZeroGrad()
			if loss := m.step(g).Item(); !(loss > 0 && loss < 20) {
				t.Errorf("the step after an exception in %s has loss %v", name, loss)
			}
		})
	}
}
