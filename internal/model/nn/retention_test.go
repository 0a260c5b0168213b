package nn_test

import (
	"fmt"
	"math"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// sequence is what retention is computed from, in float64.
type sequence struct {
	lanes, heads, length, width int64
	q, k, v, decay              *torch.Tensor
}

// newSequence draws a sequence. Its heads' decays reach from forgetting
// nearly everything with the next token to remembering 1,000 tokens.
func newSequence(lanes, heads, length, width int64) *sequence {
	g := torch.NewGenerator(torch.CPU, uint64(7+length))
	defer g.Free()
	random := func() *torch.Tensor { // a view of packed [B, T, H, h], as RotaryHeads gives
		return torch.Empty(torch.Float64, torch.CPU, lanes, length, heads, width).Normal_(0, 1, g).Transpose(1, 2).SetRequiresGrad(true)
	}
	s := &sequence{lanes: lanes, heads: heads, length: length, width: width, q: random(), k: random(), v: random()}
	decays := make([]float64, heads)
	for i := range decays {
		decays[i] = 1.5 - 8.4*float64(i)/float64(max(1, heads-1))
	}
	s.decay = torch.FromSlice(decays, heads).SetRequiresGrad(true)
	return s
}

func (s *sequence) leaves() []*torch.Tensor { return []*torch.Tensor{s.q, s.k, s.v, s.decay} }

// naive is the definition, summed pair by pair in Go: row-major [B, H, T, h].
func (s *sequence) naive() []float64 {
	q, k, v := values(s.q), values(s.k), values(s.v)
	decay := values(s.decay)
	out := make([]float64, len(q))
	w, t := int(s.width), int(s.length)
	for lane := range int(s.lanes * s.heads) {
		log := -math.Exp(decay[lane%int(s.heads)])
		at := func(x []float64, i int) []float64 { return x[(lane*t+i)*w : (lane*t+i+1)*w] }
		for i := range t {
			for j := range i + 1 {
				score := math.Exp(log*float64(i-j)) * dot(at(q, i), at(k, j)) / math.Sqrt(float64(w))
				for c := range w {
					at(out, i)[c] += score * at(v, j)[c]
				}
			}
		}
	}
	return out
}

func values(x *torch.Tensor) []float64 { return torch.Data[float64](x.Contiguous()) }

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func near(t *testing.T, what string, got, want *torch.Tensor, tolerance float64) {
	t.Helper()
	if d := got.Sub(want).Abs().Max().Item(); !(d <= tolerance) {
		t.Errorf("%s: off by %g, at most %g allowed", what, d, tolerance)
	}
}

// lengths are sequences shorter than a chunk, of a chunk, of whole chunks and
// of chunks and a rest.
var lengths = []int64{1, 5, 63, 64, 65, 128, 150, 192}

// TestRetainEqualsItsDefinition in float64, and in float32 to rounding.
func TestRetainEqualsItsDefinition(t *testing.T) {
	t.Parallel()
	for _, length := range lengths {
		job(t, func() {
			s := newSequence(2, 3, length, 16)
			want := torch.FromSlice(s.naive(), 2, 3, length, 16)
			near(t, fmt.Sprintf("%d tokens", length), nn.Retain(s.q, s.k, s.v, s.decay, nil), want, 1e-11)
			single := func(x *torch.Tensor) *torch.Tensor { return x.ToDType(torch.Float32) }
			got := nn.Retain(single(s.q), single(s.k), single(s.v), single(s.decay), nil)
			if got.DType() != torch.Float32 {
				t.Errorf("the result for float32 is %s", got.DType())
			}
			near(t, fmt.Sprintf("%d tokens in float32", length), got.ToDType(torch.Float64), want, 1e-4)
		})
	}
}

// TestRetainGradients compares the gradients with central differences along a
// direction of all inputs.
func TestRetainGradients(t *testing.T) {
	t.Parallel()
	for _, length := range lengths {
		job(t, func() {
			s := newSequence(2, 3, length, 16)
			g := torch.NewGenerator(torch.CPU, 3)
			defer g.Free()
			weight := torch.EmptyLike(s.q).Normal_(0, 1, g)
			loss := func() *torch.Tensor { return nn.Retain(s.q, s.k, s.v, s.decay, nil).Mul(weight).Sum() }
			gradients := torch.Grad([]*torch.Tensor{loss()}, s.leaves(), nil)
			for i, leaf := range s.leaves() {
				direction := torch.EmptyLike(leaf).Normal_(0, 1, g)
				analytic := gradients[i].Mul(direction).Sum().Item()
				numeric := difference(leaf, direction, loss)
				if d := math.Abs(numeric - analytic); !(d <= 1e-7*(1+math.Abs(numeric))*float64(length)) {
					t.Errorf("%d tokens: gradient %d along a direction is %g, differences give %g", length, i, analytic, numeric)
				}
			}
		})
	}
}

// difference is the central difference of loss with leaf along direction.
func difference(leaf, direction *torch.Tensor, loss func() *torch.Tensor) float64 {
	const step = 1e-6
	var sides [2]float64
	torch.NoGrad(func() {
		leaf.AddScaled_(direction, step)
		sides[0] = loss().Item()
		leaf.AddScaled_(direction, -2*step)
		sides[1] = loss().Item()
		leaf.AddScaled_(direction, step)
	})
	return (sides[0] - sides[1]) / (2 * step)
}

// TestRetainIsCausal changes a token and checks that no earlier result moves,
// its own does, and so does the last one two chunks later.
func TestRetainIsCausal(t *testing.T) {
	t.Parallel()
	job(t, func() {
		s := newSequence(1, 2, 150, 16)
		torch.NoGrad(func() {
			before := nn.Retain(s.q, s.k, s.v, s.decay, nil)
			for _, at := range []int64{0, 21, 22, 85, 86, 149} { // 22 and 86 begin chunks
				k, v := s.k.Clone(), s.v.Clone()
				k.Narrow(2, at, 1).AddScalar_(1)
				v.Narrow(2, at, 1).AddScalar_(1)
				moved := nn.Retain(s.q, k, v, s.decay, nil).Sub(before).Abs()
				if at > 0 && moved.Narrow(2, 0, at).Max().Item() != 0 {
					t.Errorf("token %d moves an earlier result", at)
				}
				for _, later := range []int64{at, 149} {
					if d := moved.Narrow(2, later, 1).Max().Item(); !(d > 1e-6) {
						t.Errorf("token %d does not move the result of %d", at, later)
					}
				}
			}
		})
	})
}

// TestRetainForgetsAndRemembers at the ends of the decay's range: λ that
// rounds to 0 leaves each token to itself, λ near 1 sums all; nothing overflows.
func TestRetainForgetsAndRemembers(t *testing.T) {
	t.Parallel()
	job(t, func() {
		s := newSequence(1, 2, 150, 16)
		decay := torch.FromSlice([]float32{40, -40}, 2).SetRequiresGrad(true)
		single := func(x *torch.Tensor) *torch.Tensor { return x.ToDType(torch.Float32) }
		o := nn.Retain(single(s.q), single(s.k), single(s.v), decay, nil)
		own := s.q.Mul(s.k).SumDim([]int64{-1}, true).Mul(s.v).MulScalar(0.25)
		near(t, "λ = 0", o.Select(1, 0).ToDType(torch.Float64), own.Select(1, 0), 1e-4)
		all := s.q.Matmul(s.k.Transpose(-2, -1)).Tril(0).Matmul(s.v).MulScalar(0.25)
		near(t, "λ = 1", o.Select(1, 1).ToDType(torch.Float64), all.Select(1, 1), 1e-3)
		o.Sum().Backward()
		if decay.Grad().Isfinite().All().ItemInt() != 1 {
			t.Errorf("the gradient of the decay is %v", torch.Data[float32](decay.Grad()))
		}
	})
}

// TestRetentionState: a sequence read from its start and then token by token
// gives what it gives at once, again after a reset, and one buffer is all that
// is kept.
func TestRetentionState(t *testing.T) {
	t.Parallel()
	for _, first := range []int64{1, 7, 64, 100, 150} {
		job(t, func() {
			s := newSequence(1, 3, 150, 16)
			state := &nn.RetentionState{}
			defer state.Free()
			torch.NoGrad(func() {
				want := nn.Retain(s.q, s.k, s.v, s.decay, nil)
				read := func(from, n int64) *torch.Tensor {
					part := func(x *torch.Tensor) *torch.Tensor { return x.Narrow(2, from, n) }
					return nn.Retain(part(s.q), part(s.k), part(s.v), s.decay, state)
				}
				for range 2 {
					state.Reset()
					parts := []*torch.Tensor{read(0, first)}
					for i := first; i < 150; i++ {
						parts = append(parts, read(i, 1))
					}
					near(t, fmt.Sprintf("%d tokens at first", first), torch.Cat(parts, 2), want, 1e-11)
				}
			})
		})
	}
}

// TestRetainUnderAutocast: products in bfloat16 within a chunk, everything
// that decays in float32.
func TestRetainUnderAutocast(t *testing.T) {
	t.Parallel()
	job(t, func() {
		s := newSequence(2, 3, 192, 16)
		want := torch.FromSlice(s.naive(), 2, 3, 192, 16)
		half := func(x *torch.Tensor) *torch.Tensor { return x.ToDType(torch.BFloat16) }
		torch.Autocast(torch.CPUType, torch.BFloat16, func() {
			got := nn.Retain(half(s.q), half(s.k), half(s.v), s.decay.ToDType(torch.Float32), nil)
			if got.DType() != torch.Float32 {
				t.Errorf("the result is %s", got.DType())
			}
			if d, norm := got.ToDType(torch.Float64).Sub(want).Norm().Item(), want.Norm().Item(); !(d <= 0.01*norm) {
				t.Errorf("off by %g of %g", d, norm)
			}
			torch.NoAutocast(torch.CPUType, got.Sum().Backward)
		})
		for i, leaf := range s.leaves() {
			if g := leaf.Grad(); g == nil || g.Isfinite().All().ItemInt() != 1 {
				t.Errorf("input %d has no finite gradient", i)
			}
		}
	})
}
