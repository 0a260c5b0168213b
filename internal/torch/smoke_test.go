package torch_test

import (
	"os"
	"testing"

	"agiformer/internal/torch"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if n := torch.Live(); n != 0 {
		println("live tensors at the end:", n)
		code = 1
	}
	os.Exit(code)
}

func TestSmoke(t *testing.T) {
	err := torch.Do(func() {
		w := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2).SetRequiresGrad(true)
		x := torch.FromSlice([]float32{1, 1}, 1, 2)
		y := torch.Linear(x, w, nil).Square().Sum()
		y.Backward()
		t.Log(y.Item(), torch.Data[float32](w.Grad()), w, torch.Threads())
	})
	if err != nil {
		t.Fatal(err)
	}
	err = torch.Do(func() {
		torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2).Matmul(torch.FromSlice([]float32{1, 2, 3}))
	})
	t.Log(err)
	if err == nil {
		t.Fatal("no error")
	}
}

func BenchmarkAdd(b *testing.B) {
	err := torch.Do(func() {
		x := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
		b.ReportAllocs()
		for b.Loop() {
			x.Add(x).Free()
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}
