package torch_test

import (
	"testing"

	"agiformer/internal/torch"
)

// benchmark measures one operation whose result a scope frees every 256 times.
func benchmark(b *testing.B, make func() func()) {
	do(b, func() {
		op := make()
		b.ReportAllocs()
		i := 0
		s := torch.Enter()
		for b.Loop() {
			op()
			if i++; i%256 == 0 {
				s.Exit()
				s = torch.Enter()
			}
		}
		s.Exit()
	})
}

// BenchmarkAdd is the cost of an operation on so little data that only the way
// to it counts: about 1 µs (libtorch itself takes 0.7).
func BenchmarkAdd(b *testing.B) {
	benchmark(b, func() func() {
		x := ones(2, 2)
		return func() { x.Add(x) }
	})
}

// BenchmarkAddRecorded is BenchmarkAdd with autograd.
func BenchmarkAddRecorded(b *testing.B) {
	benchmark(b, func() func() {
		x := ones(2, 2).SetRequiresGrad(true)
		return func() { x.Add(x) }
	})
}

// BenchmarkView is the cost of an operation that only makes another view.
func BenchmarkView(b *testing.B) {
	benchmark(b, func() func() {
		x := ones(2, 2)
		return func() { x.View(4) }
	})
}

// BenchmarkShape is the cost of asking a fresh tensor for its shape, after BenchmarkView's.
func BenchmarkShape(b *testing.B) {
	benchmark(b, func() func() {
		x := ones(2, 2)
		return func() { _ = x.View(4).Shape() }
	})
}

// BenchmarkDo is the cost of handing a job to the worker and waiting for it.
func BenchmarkDo(b *testing.B) {
	for b.Loop() {
		do(b, func() {})
	}
}
