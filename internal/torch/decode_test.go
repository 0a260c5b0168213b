package torch_test

import (
	"testing"

	"agiformer/internal/torch"
)

// rowCase is attention of one position: lengths around the kernel's parts, widths
// with and without rests.
type rowCase struct {
	heads, length, width int64
	dtype                torch.DType
}

func (c rowCase) normal(g *torch.Generator, shape ...int64) *torch.Tensor {
	return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0, 1, g)
}

func rowCases() []rowCase {
	var all []rowCase
	for _, dt := range []torch.DType{torch.Float32, torch.BFloat16} {
		for _, length := range []int64{1, 63, 64, 65, 200} {
			all = append(all, rowCase{4, length, 64, dt}, rowCase{3, length, 24, dt}, rowCase{1, length, 200, dt})
		}
	}
	return all
}

// TestAttendRow holds the kernel to softmax(q·kᵀ)·v in float32 of the same values.
func TestAttendRow(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() {
		g := torch.NewGenerator(torch.CPU, 5)
		defer g.Free()
		for _, c := range rowCases() {
			q := c.normal(g, 1, c.heads, 1, c.width)
			k := c.normal(g, 1, c.heads, c.length, c.width).ToDType(c.dtype)
			v := c.normal(g, 1, c.length, c.heads, c.width).ToDType(c.dtype).Transpose(1, 2)
			want := q.MulScalar(0.3).Matmul(k.Float().Transpose(-2, -1)).Softmax(-1).Matmul(v.Float())
			got := torch.AttendRow(q, k, v, 0.3)
			if diff, norm := got.Sub(want).Norm().Item(), want.Norm().Item(); !(diff <= 1e-5*norm) {
				t.Errorf("%+v: off by %g of %g", c, diff, norm)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAttendStep: one operation gives what RotaryHeads, two copies into the cache
// and attention give, and leaves the same cache.
func TestAttendStep(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() {
		g := torch.NewGenerator(torch.CPU, 6)
		defer g.Free()
		torch.NoGrad(func() {
			for _, c := range rowCases() {
				pairs := c.width/2 - 4
				packed := c.normal(g, 1, 1, 3*c.heads*c.width)
				angle := c.normal(g, 1, pairs)
				cos, sin := angle.Cos(), angle.Sin()
				bias := c.normal(g, 1, 1, c.heads*8)
				cache := func() *torch.Tensor { return c.normal(g, 1, c.heads, c.length+2, c.width).ToDType(c.dtype) }
				keys, values := cache(), cache()
				wantKeys, wantValues := keys.Clone(), values.Clone()
				q, k, v := torch.RotaryHeads(packed.Clone(), c.heads, cos, sin, bias, bias, nil)
				at := c.length - 1
				wantKeys.Narrow(2, at, 1).Copy_(k)
				wantValues.Narrow(2, at, 1).Copy_(v)
				want := torch.AttendRow(q, wantKeys.Narrow(2, 0, c.length), wantValues.Narrow(2, 0, c.length), 0.2)
				got := torch.AttendStep(packed, cos, sin, bias, bias, keys, values, at, c.length, 0.2)
				if diff := got.View(want.Shape()...).Sub(want).Norm().Item(); !(diff <= 1e-4*want.Norm().Item()) {
					t.Errorf("%+v: off by %g", c, diff)
				}
				if d := keys.Sub(wantKeys).Float().Norm().Item() + values.Sub(wantValues).Float().Norm().Item(); !(d <= 1e-2) {
					t.Errorf("%+v: the caches are off by %g", c, d)
				}
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
