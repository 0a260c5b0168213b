package torch_test

import (
	"fmt"
	"testing"

	"agiformer/internal/torch"
)

// row is a position's projection, a row of angles for all but rest dimensions of a
// head, and keys and values that are kept.
type row struct {
	packed, cos, sin, keys, values *torch.Tensor
}

func (c rowCase) row(g *torch.Generator, rest int64) row {
	angle := c.normal(g, 1, (c.width-rest)/2)
	cache := func() *torch.Tensor { return c.normal(g, 1, c.heads, c.length+2, c.width).ToDType(c.dtype) }
	return row{c.normal(g, 1, 1, 3*c.heads*c.width), angle.Cos(), angle.Sin(), cache(), cache()}
}

// append writes key and value to a place of copies of what is kept.
func (r row) append(k, v *torch.Tensor, place int64) (keys, values *torch.Tensor) {
	keys, values = r.keys.Clone(), r.values.Clone()
	keys.Narrow(2, place, 1).Copy_(k)
	values.Narrow(2, place, 1).Copy_(v)
	return keys, values
}

// TestAttendStepSeesLess: the position writes its key and value, and sees those
// before it only; a query alone writes nothing.
func TestAttendStepSeesLess(t *testing.T) {
	t.Parallel()
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 8)
		defer g.Free()
		torch.NoGrad(func() {
			for _, c := range rowCases() {
				r := c.row(g, 0)
				q, k, v := torch.RotaryHeads(r.packed.Clone(), c.heads, r.cos, r.sin, nil, nil, nil)
				seen := func(x *torch.Tensor) *torch.Tensor { return x.Narrow(2, 0, c.length) }
				want := torch.AttendRow(q, seen(r.keys), seen(r.values), 0.2)
				query := r.packed.Narrow(2, 0, c.heads*c.width).Clone()
				alone := torch.QueryStep(query, r.cos, r.sin, r.keys, r.values, c.length, 0.2)
				nearInNorm(t, fmt.Sprintf("%+v: a query", c), alone, want, 1e-5)
				wantKeys, wantValues := r.append(k, v, c.length)
				got := torch.AttendStep(r.packed, r.cos, r.sin, nil, nil, r.keys, r.values, c.length, c.length, 0.2)
				nearInNorm(t, fmt.Sprintf("%+v: a position", c), got, want, 1e-5)
				nearInNorm(t, fmt.Sprintf("%+v: keys", c), r.keys, wantKeys, 1e-3)
				nearInNorm(t, fmt.Sprintf("%+v: values", c), r.values, wantValues, 1e-3)
			}
		})
	})
}

// spatialHeads is what SpatialStep reads places from and makes of them, by plain
// operations: what is added to queries and to keys and values [1, 1, 8·heads], and
// how the means [1, 1, heads, 8] of what was attended to lie to the token.
func spatialHeads(points, distance, direction *torch.Tensor, scale float64, dt torch.DType) (ofQuery, ofKey *torch.Tensor, relate func(means *torch.Tensor) *torch.Tensor) {
	rounded := func(x *torch.Tensor) *torch.Tensor { return x.ToDType(dt).Float() }
	sum := func(x *torch.Tensor) *torch.Tensor { return x.SumDim([]int64{-1}, true) }
	p := rounded(points.Tanh().MulScalar(2)).View(1, 1, -1, 3)
	square := sum(p.Square())
	e := p.Div(square.AddScalar(1e-6).Sqrt())
	near, along := distance.Exp().DivScalar(scale).View(1, 1, -1, 1), direction.DivScalar(scale).View(1, 1, -1, 1)
	ofQuery = torch.Cat([]*torch.Tensor{p.Mul(near).MulScalar(2), near.Neg(), near.Neg(), e.Mul(along)}, -1).Flatten(2, 3)
	ofKey = torch.Cat([]*torch.Tensor{p, rounded(square), square.Sub(rounded(square)), e}, -1).Flatten(2, 3)
	return ofQuery, ofKey, func(means *torch.Tensor) *torch.Tensor {
		m, s, w := means.Narrow(3, 0, 3), sum(means.Narrow(3, 3, 2)), means.Narrow(3, 5, 3)
		apart := square.Sub(sum(p.Mul(m)).MulScalar(2)).Add(s)
		return torch.Cat([]*torch.Tensor{m.Sub(p), apart, sum(e.Mul(w)), p}, -1)
	}
}

// TestSpatialStep holds it to RotaryHeads, attention and the places' arithmetic.
func TestSpatialStep(t *testing.T) {
	t.Parallel()
	const place, scale = 8, 0.2
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 9)
		defer g.Free()
		torch.NoGrad(func() {
			for _, c := range rowCases() {
				r, at, content := c.row(g, place), c.length-1, c.width-place
				for part := range int64(3) { // the map leaves the places' dimensions 0
					r.packed.View(3, c.heads, c.width).Select(0, part).Narrow(1, content, place).MulScalar_(0)
				}
				points, distance, direction := c.normal(g, 1, 1, 3*c.heads), c.normal(g, c.heads), c.normal(g, c.heads)
				ofQuery, ofKey, relate := spatialHeads(points, distance, direction, scale, c.dtype)
				q, k, v := torch.RotaryHeads(r.packed.Clone(), c.heads, r.cos, r.sin, ofQuery, ofKey, ofKey)
				keys, values := r.append(k, v, at)
				attended := torch.AttendRow(q, keys.Narrow(2, 0, c.length), values.Narrow(2, 0, c.length), scale).Transpose(1, 2)
				want := torch.Cat([]*torch.Tensor{attended.Narrow(3, 0, content), relate(attended.Narrow(3, content, place))}, -1)
				got := torch.SpatialStep(r.packed, points, r.cos, r.sin, distance, direction, r.keys, r.values, at, scale)
				tolerance := 1e-4
				if c.dtype == torch.BFloat16 { // a point next to the middle of two numbers is rounded to either
					tolerance = 1e-2
				}
				nearInNorm(t, fmt.Sprintf("%+v: the result", c), got, want, tolerance)
				nearInNorm(t, fmt.Sprintf("%+v: keys", c), r.keys, keys, 1e-3)
				nearInNorm(t, fmt.Sprintf("%+v: values", c), r.values, values, 1e-3)
			}
		})
	})
}

// TestRetainStep: token by token it gives what Retention gives at once, and its
// state.
func TestRetainStep(t *testing.T) {
	t.Parallel()
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 10)
		defer g.Free()
		torch.NoGrad(func() {
			for _, c := range []rowCase{{4, 70, 64, torch.Float32}, {3, 9, 24, torch.Float32}, {1, 5, 10, torch.Float32}} {
				packed, angles := c.normal(g, 1, c.length, 3*c.heads*c.width), c.normal(g, c.length, c.width/2)
				cos, sin, decay := angles.Cos(), angles.Sin(), c.normal(g, c.heads)
				q, k, v := torch.RotaryHeads(packed.Clone(), c.heads, cos, sin, nil, nil, nil)
				want, last := torch.Retention(q, k, v, decay, 16, true)
				state := torch.Zeros(torch.Float32, torch.CPU, 1, c.heads, c.width, c.width)
				var parts []*torch.Tensor
				for i := range c.length {
					token := packed.Narrow(1, i, 1).Clone()
					parts = append(parts, torch.RetainStep(token, cos.Narrow(0, i, 1), sin.Narrow(0, i, 1), decay, state))
				}
				got := torch.Cat(parts, 1).View(1, c.length, c.heads, c.width).Transpose(1, 2)
				nearInNorm(t, fmt.Sprintf("%+v: the result", c), got, want, 1e-5)
				nearInNorm(t, fmt.Sprintf("%+v: the state", c), state, last, 1e-5)
			}
		})
	})
}

// TestStepsRefuseWrongInputs: what does not fit together is an error, not a read
// beyond the end.
func TestStepsRefuseWrongInputs(t *testing.T) {
	t.Parallel()
	zeros := func(shape ...int64) *torch.Tensor { return torch.Zeros(torch.Float32, torch.CPU, shape...) }
	cache := func() *torch.Tensor { return zeros(1, 2, 4, 16) }
	angles := func() *torch.Tensor { return zeros(1, 4) }
	attend := func(width, place, seen int64) func() {
		return func() {
			torch.AttendStep(zeros(1, 1, width), angles(), angles(), nil, nil, cache(), cache(), place, seen, 1)
		}
	}
	spatial := func(points, heads int64) func() {
		return func() {
			torch.SpatialStep(zeros(1, 1, 96), zeros(1, 1, points), angles(), angles(), zeros(heads), zeros(heads), cache(), cache(), 0, 1)
		}
	}
	retain := func(width, heads int64) func() {
		return func() { torch.RetainStep(zeros(1, 1, width), angles(), angles(), zeros(heads), zeros(1, 2, 16, 16)) }
	}
	biased := func(values int64) func() {
		return func() {
			torch.AttendStep(zeros(1, 1, 96), angles(), angles(), zeros(1, 1, values), nil, cache(), cache(), 0, 1, 1)
		}
	}
	fine := []func(){biased(16), attend(96, 3, 4), spatial(6, 2), retain(96, 2)}
	for name, call := range map[string]func(){
		"a narrow projection": attend(48, 0, 1), "a place past the end": attend(96, 4, 1), "the future": attend(96, 2, 4),
		"nothing to see": attend(96, 2, 0), "five coordinates": spatial(5, 2), "three distances": spatial(6, 3),
		"a narrow state": retain(48, 2), "three decays": retain(96, 3),
		"a narrow bias": biased(8),
		"a wide query":  func() { torch.QueryStep(zeros(1, 1, 96), angles(), angles(), cache(), cache(), 1, 1) },
	} {
		if err := torch.Do(call); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for i, call := range fine {
		if err := torch.Do(call); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
	}
}
