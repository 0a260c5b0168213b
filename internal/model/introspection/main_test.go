package introspection

import (
	"fmt"
	"math"
	"os"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// TestMain ends with the check that no test left a tensor alive.
func TestMain(m *testing.M) {
	torch.SetThreads(1)
	code := m.Run()
	if n := torch.Live(); n != 0 {
		fmt.Fprintf(os.Stderr, "%d tensors are still alive after all tests\n", n)
		code = 1
	}
	os.Exit(code)
}

// job runs fn on the torch worker.
func job(t *testing.T, fn func()) {
	t.Helper()
	if err := torch.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// build makes a loop of width 32 with random heads whose halting bias is given;
// done frees it.
func build(iterations int64, haltBias float64) (l *Loop, done func()) {
	s := Shape{DModel: 32, Width: 16, Heads: 1, Head: 16, Layers: 1, SegmentLen: 12, Iterations: iterations}
	all := map[string]*torch.Tensor{}
	for _, spec := range Specs(s) {
		switch spec.Name {
		case "heads.weight":
			spec.Init = nn.Normal(3 / math.Sqrt(32))
		case "heads.bias":
			spec.Init = nn.Values(0, 0, haltBias)
		}
		all[spec.Name] = spec.Make(torch.Float64, torch.CPU, 3)
	}
	l = New(s, nn.NewParams(all), torch.Float64, torch.CPU)
	return l, func() {
		l.Free()
		for _, p := range all {
			p.Free()
		}
	}
}

// random draws [shape] float64 from a seed.
func random(seed uint64, shape ...int64) *torch.Tensor {
	g := torch.NewGenerator(torch.CPU, seed)
	defer g.Free()
	return torch.Zeros(torch.Float64, torch.CPU, shape...).Normal_(0, 1, g)
}

func wantNear(t *testing.T, what string, got *torch.Tensor, want ...float64) {
	t.Helper()
	values := torch.Data[float64](got)
	if len(values) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(values), len(want))
	}
	for i, v := range values {
		if !(math.Abs(v-want[i]) <= 1e-12) {
			t.Errorf("%s: value %d is %g, want %g", what, i, v, want[i])
		}
	}
}
