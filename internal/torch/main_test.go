package torch_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"agiformer/internal/torch"
)

// TestMain checks what every program must keep: no tensor is left at the end,
// and none was lost without being freed. A program that will use a GPU asks for it
// first of all, before any backward pass.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		torch.CUDAAvailable()
	}
	code := m.Run()
	runtime.GC()
	if n := torch.Live(); n != 0 {
		fmt.Println("FAIL: tensors alive after the tests:", n)
		code = 1
	}
	if n := torch.Leaked(); n != 0 {
		fmt.Println("FAIL: kept tensors that nobody freed:", n)
		code = 1
	}
	os.Exit(code)
}

// do runs fn as a job that must succeed.
func do(t testing.TB, fn func()) {
	t.Helper()
	if err := torch.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// wantError checks that an error tells each of the parts, in one sentence.
func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one about %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not tell %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "Exception raised") {
		t.Errorf("error %q is more than a sentence", err)
	}
}

// ramp makes the values that testdata/make_golden.py makes: ((7i) mod 11 - 5)/5·scale + shift.
func ramp(dt torch.DType, scale, shift float64, shape ...int64) *torch.Tensor {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	data := make([]float64, n)
	for i := range data {
		data[i] = (float64(7*i%11)-5)/5*scale + shift
	}
	return torch.FromSlice(data, shape...).ToDType(dt)
}

// values reads any floating tensor as float64.
func values(t *torch.Tensor) []float64 { return torch.Data[float64](t.ToDType(torch.Float64)) }

// near compares with a golden list; tolerance is absolute plus relative.
func near(t testing.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*(1+math.Abs(want[i]))) {
			t.Errorf("%s[%d] = %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// golden reads one entry of testdata/golden.json.
func golden[T any](t testing.TB, name string) T {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	var entry T
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[name], &entry); err != nil {
		t.Fatal(err)
	}
	return entry
}

// nearInNorm compares tensors of the same numbers, whatever their shape: the norm of
// the difference is at most so much of want's.
func nearInNorm(t *testing.T, what string, got, want *torch.Tensor, tolerance float64) {
	t.Helper()
	if diff, norm := got.View(want.Shape()...).Sub(want).ToDType(torch.Float64).Norm().Item(), want.ToDType(torch.Float64).Norm().Item(); !(diff <= tolerance*norm) {
		t.Errorf("%s is off by %g of %g", what, diff, norm)
	}
}
