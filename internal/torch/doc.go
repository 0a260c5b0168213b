// Package torch is the one door to libtorch: tensors, generated operations,
// autograd, mixed precision, random generators, the optimizer. gotorch is its
// base (tensors of gotorch enter by [Adopt], leave as views by
// [Tensor.Gotorch]); what gotorch lacks is added here. No other package of the
// program uses cgo.
//
// # Jobs
//
// libtorch's modes and thread pool belong to an OS thread, so everything runs on
// one: a function given to [Do] is a job on it, and Do waits for its end. The
// first Do loads the libraries; programs that never call it need none.
//
//	err := torch.Do(func() {
//		x := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
//		y := x.Matmul(x).Sum()
//		fmt.Println(y.Item())
//	})
//
// A job is a whole training step or a decoded token, never one operation:
// handing it over costs some ten microseconds. Every function of this package
// that touches a tensor must run inside a job, and says so otherwise.
//
// # Errors
//
// An operation that fails, in C++ or by a misused tensor, panics with an
// [*Error]; Do returns it as an error, after freeing what the job made. So code
// inside a job reads as formulas, without `if err != nil` after each. An error
// of another kind leaves a job by [Fail]. After an error the next job works.
//
// # Who frees a tensor
//
// Never Go's collector: memory has to follow the program, not the collector's
// mood. A tensor lives in one of three ways.
//
//   - In a scope. Every tensor that an operation returns belongs to the
//     innermost open scope and is freed when that ends. A job is a scope. Open
//     smaller ones around parts that make much and return little, one a block of
//     the model for instance; only results that are named leave them:
//
//     y := torch.Scoped(func() *torch.Tensor {
//     h := torch.Linear(x, w, b)
//     return h.Gelu("none")    // h is freed here, y belongs to the outer scope
//     })
//
//     or [Enter] and [Scope.Exit], with `defer s.Exit()` for the error path.
//     What autograd still needs for the backward pass stays alive inside
//     libtorch; a scope frees handles, not the recorded graph.
//
//   - Kept. [Tensor.Keep] takes a tensor out of all scopes: parameters, moments,
//     states that go on from job to job. Its owner calls [Tensor.Free], once.
//
//   - Borrowed. [Tensor.Grad] and the optimizer's moments are what they say;
//     Grad's handle belongs to the current scope, the gradient to its tensor.
//
// Views (View, Select, Transpose, Detach, ...) are tensors of their own with
// shared memory: freeing one leaves the others whole. In-place operations (their
// names end in _) return the tensor they were called on.
//
// A freed tensor that is used, or freed again, is an *Error that names the
// operation which made it. [Live] counts the tensors that exist; a test's
// TestMain checks that it ends at 0. [Leaked] counts kept tensors that were
// dropped without Free.
//
// # Values
//
// [FromSlice] copies in, [Data] and [Tensor.Item] copy out; the last two wait
// for a GPU, so a training step has none of them. Numbers given to operations
// (AddScalar(1)) are whole numbers to libtorch when they have no fraction: they
// leave integer tensors integer.
//
// # Adding an operation
//
// Name it in csrc/ops.txt, run `go generate ./internal/torch` and `make libs`.
package torch
