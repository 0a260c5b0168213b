package torch_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/torch"
)

// Our own kernels share libtorch's team of threads: a second OpenMP library would
// keep a second team, and both would spin for the same cores.
func TestOneOpenMPIsLoaded(t *testing.T) {
	t.Parallel()
	if err := torch.Do(func() {}); err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(maps)) {
		if fields := strings.Fields(line); len(fields) >= 6 && strings.Contains(fields[5], "libgomp") {
			found[fields[5]] = true
		}
	}
	if len(found) != 1 {
		t.Errorf("the process has %d OpenMP libraries, one is wanted: %v", len(found), found)
	}
}

// Each of our kernels that shares work out among threads, at a size of which every thread gets some, gives the same bits
// on any number of them. Not in parallel with other tests: the number belongs to the process.
func TestKernelsAreTheSameOnEveryNumberOfThreads(t *testing.T) {
	set := func(n int) {
		if err := torch.SetThreads(n); err != nil {
			t.Fatal(err)
		}
	}
	usual := 1
	do(t, func() { usual = torch.Threads() })
	t.Cleanup(func() { set(usual) })
	for name, run := range threadedKernels() {
		var before [][]float64
		for _, threads := range []int{1, 2, 4} {
			set(threads)
			do(t, func() {
				var now [][]float64
				for _, x := range run() {
					now = append(now, values(x))
				}
				for i := range before {
					if !slices.Equal(before[i], now[i]) {
						t.Errorf("%s: result %d differs on %d threads", name, i, threads)
					}
				}
				before = now
			})
		}
	}
}

func threadedKernels() map[string]func() []*torch.Tensor {
	leaf := func(shift float64, shape ...int64) *torch.Tensor {
		return ramp(torch.Float32, 1, shift, shape...).SetRequiresGrad(true)
	}
	withGrads := func(y *torch.Tensor, leaves ...*torch.Tensor) []*torch.Tensor {
		target := ramp(torch.Float32, 1, 9, y.Shape()...)
		return append(torch.Grad([]*torch.Tensor{y.Mul(target).Sum()}, leaves, nil), y)
	}
	all := map[string]func() []*torch.Tensor{
		"attention of one head, whose queries are shared out": func() []*torch.Tensor {
			q, k, v := leaf(0, 1, 1, 500, 32), leaf(1, 1, 1, 500, 32), leaf(2, 1, 1, 500, 32)
			return withGrads(torch.Attention(q, k, v, nil, true, 0.2), q, k, v)
		},
		"a product with one row": func() (y []*torch.Tensor) {
			torch.NoGrad(func() {
				y = []*torch.Tensor{torch.Project(ramp(torch.Float32, 1, 0, 1, 1, 512), ramp(torch.Float32, 1, 1, 2048, 512))}
			})
			return y
		},
		"attention of one row": func() (y []*torch.Tensor) {
			torch.NoGrad(func() {
				k := ramp(torch.Float32, 1, 1, 1, 8, 3000, 64)
				y = []*torch.Tensor{torch.AttendRow(ramp(torch.Float32, 1, 0, 1, 8, 1, 64), k, k, 0.125)}
			})
			return y
		},
		"rotation": func() []*torch.Tensor {
			x := leaf(0, 2, 1024, 3*4*32)
			cos, sin := ramp(torch.Float32, 1, 1, 1024, 16), ramp(torch.Float32, 1, 2, 1024, 16)
			q, k, v := torch.RotaryHeads(x.MulScalar(1), 4, cos, sin, nil, nil, nil)
			return withGrads(torch.Cat([]*torch.Tensor{q, k, v}, 0), x)
		},
		"the gradient of gathering some rows": func() []*torch.Tensor {
			const n = 4096
			index, inverse := make([]int64, n), make([]int64, n)
			for i := range index {
				index[i] = int64(i * 7 % n)
				if inverse[index[i]] = int64(i); i%5 == 0 { // its copy counts for nothing
					inverse[index[i]] = -1
				}
			}
			x := leaf(0, n, 64)
			counts := torch.FromSlice(inverse, n, 1).GeScalar(0).ToDType(torch.Float32).IndexSelect(0, torch.FromSlice(index, n))
			return withGrads(torch.GatherRows(x, torch.FromSlice(index, n), torch.FromSlice(inverse, n), true).Mul(counts), x)
		},
	}
	if attendsItself {
		all["attention of one head's runs, one of which is shared out"] = func() []*torch.Tensor {
			q, k, v := leaf(0, 1, 1, 600, 16), leaf(1, 1, 1, 600, 16), leaf(2, 1, 1, 600, 16)
			return withGrads(torch.AttentionOfRuns(q, k, v, []torch.Run{{Start: 0, Length: 1}, {Start: 7, Length: 593}}, 0.2), q, k, v)
		}
	}
	return all
}
