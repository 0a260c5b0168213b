package torch_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"agiformer/internal/torch"
)

func TestValuesComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	do(t, func() {
		roundTrip(t, []float32{1.5, -2, float32(math.Inf(1)), 0}, torch.Float32)
		roundTrip(t, []float64{math.Pi, math.Copysign(0, -1), 1e300, 3}, torch.Float64)
		roundTrip(t, []int64{1 << 62, -1, 0, 7}, torch.Int64)
		roundTrip(t, []int32{1 << 30, -1, 0, 7}, torch.Int32)
		roundTrip(t, []uint8{255, 1, 0, 7}, torch.Uint8)
		roundTrip(t, []bool{true, false, false, true}, torch.Bool)
		if x := torch.FromSlice([]float32{}, 0, 3); len(torch.Data[float32](x)) != 0 || x.Size(1) != 3 {
			t.Errorf("empty tensor came back as %v", x)
		}
		if v := torch.Scalar(int64(1) << 60); v.Dim() != 0 || v.ItemInt() != 1<<60 {
			t.Errorf("scalar came back as %v", v)
		}
	})
}

func roundTrip[T torch.Element](t *testing.T, data []T, dt torch.DType) {
	t.Helper()
	x := torch.FromSlice(data, 2, 2)
	if x.DType() != dt || !slices.Equal(x.Shape(), []int64{2, 2}) || x.Device() != torch.CPU || x.Numel() != 4 {
		t.Errorf("%T became %v", data, x)
	}
	if got := torch.Data[T](x); !slices.Equal(got, data) {
		t.Errorf("%T came back as %v", data, got)
	}
	if got := torch.Data[T](x.T()); !slices.Equal(got, []T{data[0], data[2], data[1], data[3]}) {
		t.Errorf("transposed %T came back as %v", data, got)
	}
	raw := x.Bytes()
	if int64(len(raw)) != 4*dt.Size() || !bytes.Equal(torch.FromBytes(raw, dt, 4).Bytes(), raw) {
		t.Errorf("raw %s came back as % x", dt, raw)
	}
}

func TestConstructors(t *testing.T) {
	t.Parallel()
	do(t, func() {
		if got := torch.Data[int64](torch.Arange(4, torch.Int64, torch.CPU)); !slices.Equal(got, []int64{0, 1, 2, 3}) {
			t.Errorf("Arange is %v", got)
		}
		if got := torch.Full(2.5, torch.BFloat16, torch.CPU, 3).Float().Sum().Item(); got != 7.5 {
			t.Errorf("sum of Full is %v", got)
		}
		x := torch.FromSlice([]float32{1, 2}).SetRequiresGrad(true)
		if z := torch.ZerosLike(x); z.RequiresGrad() || z.Sum().Item() != 0 {
			t.Errorf("ZerosLike is %v", z)
		}
		x.CopyFrom(torch.FromSlice([]float64{5, 6}))
		if got := torch.Data[float32](x); !slices.Equal(got, []float32{5, 6}) || !x.IsLeaf() {
			t.Errorf("after CopyFrom %v, leaf %v", got, x.IsLeaf())
		}
		ids := torch.FromSlice([]int64{1, 2})
		if y := ids.AddScalar(1).MulScalar(3); y.DType() != torch.Int64 {
			t.Errorf("whole numbers made %v of int64", y)
		}
		if y := ids.MulScalar(0.5); y.DType() != torch.Float32 {
			t.Errorf("a fraction made %v of int64", y)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"} {
		if d, err := torch.ParseDType(name); err != nil || d.String() != name || d.Size() < 1 {
			t.Errorf("%s parses to %v, %v", name, d, err)
		}
	}
	_, err := torch.ParseDType("float33")
	wantError(t, err, "float33", "bfloat16")
	for _, name := range []string{"cpu", "cuda:0", "cuda:3"} {
		if d, err := torch.ParseDevice(name); err != nil || d.String() != name {
			t.Errorf("%s parses to %v, %v", name, d, err)
		}
	}
	for _, name := range []string{"gpu", "cuda:", "cuda:-1", "cpu:0"} {
		_, err := torch.ParseDevice(name)
		wantError(t, err, name, "cuda:N")
	}
}

func TestListResults(t *testing.T) {
	t.Parallel()
	do(t, func() {
		x := torch.Arange(6, torch.Float32, torch.CPU).View(3, 2)
		if parts := x.Unbind(0); len(parts) != 3 || parts[2].Sum().Item() != 9 {
			t.Errorf("Unbind gave %v", parts)
		}
		if parts := x.Split(2, 0); len(parts) != 2 || parts[1].Size(0) != 1 {
			t.Errorf("Split gave %v", parts)
		}
		v, i := x.Topk(1, 0, true, true)
		if got := torch.Data[int64](i); !slices.Equal(got, []int64{2, 2}) || v.Sum().Item() != 9 {
			t.Errorf("Topk gave %v", got)
		}
		if got := torch.Data[float32](torch.Cat([]*torch.Tensor{x.Select(0, 0), x.Select(0, 2)}, 0)); !slices.Equal(got, []float32{0, 1, 4, 5}) {
			t.Errorf("Cat gave %v", got)
		}
		if n := torch.ForeachNorm([]*torch.Tensor{torch.FromSlice([]float32{3, 4}), x}); len(n) != 2 || n[0].Item() != 5 {
			t.Errorf("ForeachNorm gave %v", n)
		}
	})
}
