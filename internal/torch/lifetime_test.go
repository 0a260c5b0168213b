package torch_test

import (
	"runtime"
	"testing"

	"github.com/wangkuiyi/gotorch"
	"github.com/wangkuiyi/gotorch/nn/initializer"

	"agiformer/internal/torch"
)

func ones(shape ...int64) *torch.Tensor { return torch.Ones(torch.Float32, torch.CPU, shape...) }

func TestMisuseIsToldByName(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		call  func()
		parts []string
	}{
		{"nil self", func() { (*torch.Tensor)(nil).Exp() }, []string{"Exp", "nil tensor", "self"}},
		{"nil argument", func() { ones(2).Add(nil) }, []string{"Add", "nil tensor", "other"}},
		{"nil in a list", func() { torch.Cat([]*torch.Tensor{ones(2), nil}, 0) }, []string{"Cat", "nil tensor", "tensors[1]"}},
		{"double free", func() { x := ones(2).Keep(); x.Free(); x.Free() }, []string{"Free", "made by Full", "was freed by Free"}},
		{"use after free", func() { x := ones(2).Exp(); x.Free(); x.Neg() }, []string{"Neg", "made by Exp", "was freed by Free"}},
		{"use after scope", func() {
			var inner *torch.Tensor
			torch.Scoped(func() *torch.Tensor { inner = ones(2).Sin(); return inner.Exp() })
			ones(2).Mul(inner)
		}, []string{"Mul", "other", "made by Sin", "end of its scope", "Keep"}},
		{"freed result kept", func() {
			s := torch.Enter()
			x := ones(2)
			x.Free()
			s.Exit(x)
		}, []string{"Exit", "keep", "freed"}},
		{"nil in Backward", func() { torch.Backward([]*torch.Tensor{nil}, nil) }, []string{"Backward", "outputs[0]"}},
		{"dimension", func() { ones(2, 3).Size(2) }, []string{"Size", "dimension 2", "[2 3]"}},
		{"type", func() { torch.Data[float64](ones(2)) }, []string{"Data", "float32", "ToDType"}},
		{"count", func() { torch.FromSlice([]float32{1, 2, 3}, 2, 2) }, []string{"FromSlice", "3 values", "[2 2]"}},
		{"freed generator", func() { g := torch.NewGenerator(torch.CPU, 1); g.Free(); ones(2).Normal_(0, 1, g) }, []string{"Normal_", "generator was freed"}},
		{"in-place on a leaf", func() { ones(2).SetRequiresGrad(true).Zero_() }, []string{"Zero_", "leaf"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantError(t, torch.Do(c.call), c.parts...)
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	do(t, func() {
		before := torch.Live()
		outer := torch.Enter()
		kept := ones(2)
		s := torch.Enter()
		a, b := ones(3), ones(4)
		s.Exit(b, nil)
		s.Exit(a) // a second Exit does nothing
		if a.Alive() || !b.Alive() || !kept.Alive() {
			t.Errorf("after the scope: a %v, b %v, kept %v", a.Alive(), b.Alive(), kept.Alive())
		}
		if n := torch.Live() - before; n != 2 {
			t.Errorf("%d tensors live, want 2", n)
		}
		free := b.Exp().Keep()
		torch.Enter() // left open: closed with the outer one
		ones(5)
		outer.Exit()
		if b.Alive() || !free.Alive() || torch.Live()-before != 1 {
			t.Errorf("after the outer scope: b %v, free %v, %d live", b.Alive(), free.Alive(), torch.Live()-before)
		}
		free.Free()
	})
}

func TestAJobThatFailsFreesWhatItMade(t *testing.T) {
	var before, after int64
	do(t, func() { before = torch.Live() })
	err := torch.Do(func() {
		s := torch.Enter()
		defer s.Exit()
		torch.Scoped(func() *torch.Tensor {
			torch.NoGrad(func() { ones(2, 3).Add(ones(4)) })
			return nil
		})
	})
	wantError(t, err, "Add of [2 3], [4]")
	do(t, func() {
		after = torch.Live()
		if !torch.GradEnabled() {
			t.Error("the failed job left recording switched off")
		}
	})
	if after != before {
		t.Errorf("%d tensors live before, %d after", before, after)
	}
}

func TestGotorchTensors(t *testing.T) {
	t.Parallel()
	do(t, func() {
		for range 50 { // a finalizer left in place would free them twice
			x := torch.Adopt(gotorch.RandN([]int64{4, 8}, false))
			if x.Size(1) != 8 || x.DType() != torch.Float32 {
				t.Fatalf("adopted %v", x)
			}
			view := x.Gotorch()
			initializer.Ones(&view)
			if got := x.Sum().Item(); got != 32 {
				t.Fatalf("gotorch's initialiser left the sum at %v", got)
			}
		}
		runtime.GC()
		runtime.GC()
	})
}

func TestGotorchBeforeLoadingIsHarmless(t *testing.T) {
	// gotorch's init has called SetNumThreads by now, long before any job; a
	// binary that only imports it must have started.
	do(t, func() {
		if torch.Threads() < 1 {
			t.Errorf("%d threads", torch.Threads())
		}
	})
}
