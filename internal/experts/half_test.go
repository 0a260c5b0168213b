package experts

import (
	"math"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// consecutive returns n positions from first on.
func consecutive(first, n int64) []int64 {
	positions := make([]int64, n)
	for i := range positions {
		positions[i] = first + int64(i)
	}
	return positions
}

// scattered are positions around all that could go wrong: the start, 256, where
// bfloat16 ends to hold every whole number, and the far end of long segments.
func scattered() []int64 {
	all := consecutive(0, 3)
	all = append(all, consecutive(254, 5)...)
	all = append(all, 1000, 4097)
	return append(all, consecutive(15990, 11)...)
}

// inHalf runs fn under bfloat16 autocast.
func inHalf(fn func()) { torch.Autocast(torch.CPUType, torch.BFloat16, fn) }

// extended returns the scores [H', n, n] that the last dimensions of queries and
// keys from the given one on contribute, in float64.
func extended(q, k *torch.Tensor, from int64) *torch.Tensor {
	part := func(x *torch.Tensor) *torch.Tensor {
		return x.Narrow(3, from, x.Size(3)-from).ToDType(torch.Float64).Squeeze(0)
	}
	return part(q).Matmul(part(k).Transpose(-2, -1))
}

// TestCausalDistancesInHalf: the score of a distance is -δ'·(t_i - t_j) for the
// δ' that bfloat16 holds, exactly, at any positions.
func TestCausalDistancesInHalf(t *testing.T) {
	t.Parallel()
	job(t, func() {
		a := newAttending("causal", testShape, torch.Float32)
		defer a.free()
		positions := scattered()
		n := int64(len(positions))
		_, heads, head := testShape.Inner()
		var q, k *torch.Tensor
		inHalf(func() {
			c, rows := a.Attention.(*causalAttention), a.rowsAt(testShape.SegmentLen, positions)
			packed, ofQueries, ofKeys := c.project(states(n, torch.Float32), rows, nil)
			q, k, _ = torch.RotaryHeads(packed, c.count, rows[0], rows[1], ofQueries, ofKeys, nil)
		})
		if q.DType() != torch.BFloat16 {
			t.Fatalf("queries in %s", q.DType())
		}
		slope := a.parameters["decay"].Detach().Exp().MulScalar(math.Sqrt(float64(head)))
		slopes := torch.Data[float32](slope.ToDType(torch.BFloat16).Float())
		scores := torch.Data[float64](extended(q, k, head-distanceWidth))
		for h := range heads {
			for i, at := range positions {
				for j, cause := range positions[:i] {
					want := -float64(slopes[h]) * float64(at-cause)
					if got := scores[(h*n+int64(i))*n+int64(j)]; got != want {
						t.Fatalf("head %d: from %d to %d the score is %g, want %g", h, at, cause, got, want)
					}
				}
			}
		}
	})
}

// TestSpatialPlacesInHalf: distances and cosines in bfloat16 are those of the
// points that it holds, though neither a square nor its rest is exact.
func TestSpatialPlacesInHalf(t *testing.T) {
	t.Parallel()
	job(t, func() {
		a := newAttending("spatial", testShape, torch.Float32)
		defer a.free()
		torch.NoGrad(func() { a.parameters["points.weight"].MulScalar_(3) }) // far points too
		positions := scattered()
		n := int64(len(positions))
		_, _, head := testShape.Inner()
		var q, k *torch.Tensor
		var here places
		inHalf(func() {
			s := a.Attention.(*spatialAttention)
			u := states(n, torch.Float32)
			q, k, _, here = s.heads(s.project(u, nil), u, a.rowsAt(testShape.SegmentLen, positions))
		})
		key := k.Narrow(3, head-placeWidth, placeWidth).ToDType(torch.Float64)
		square := sum(key.Narrow(3, 0, 3).Square())
		if lost := sum(key.Narrow(3, 3, 2)).Sub(square).Abs().Max().Item(); lost > 1e-4 {
			t.Errorf("|p|² is off by %g in the keys", lost)
		}
		got := extended(q, k, head-placeWidth)
		want := scoresOf(here, a.parameters, head)
		if largest := want.Abs().Max().Item(); largest < 8 {
			t.Fatalf("the largest score is only %g: the test says little", largest)
		}
		// 2^-8 of a product's terms: 2β·r·p and γ·r·e are rounded, and e is.
		if off := got.Sub(want).Abs().Max().Item(); off > 0.02*want.Abs().Max().Item() {
			t.Errorf("scores are off by %g of %g", off, want.Abs().Max().Item())
		}
	})
}

// scoresOf returns sqrt(h')·(2β p_i·p_j - β|p_j|² + γ e_i·e_j) [H', n, n] in
// float64.
func scoresOf(p places, parameters map[string]*torch.Tensor, head int64) *torch.Tensor {
	byHead := func(x *torch.Tensor) *torch.Tensor {
		return x.Detach().ToDType(torch.Float64).Squeeze(0).Transpose(0, 1)
	}
	weight := func(name string) *torch.Tensor {
		return parameters[name].Detach().ToDType(torch.Float64).View(-1, 1, 1)
	}
	point, direction := byHead(p.point), byHead(p.direction)
	squares := sum(point.Square()).Transpose(-2, -1)
	near := point.Matmul(point.Transpose(-2, -1)).MulScalar(2).Sub(squares).Mul(weight("distance").Exp())
	along := direction.Matmul(direction.Transpose(-2, -1)).Mul(weight("direction"))
	return near.Add(along).MulScalar(math.Sqrt(float64(head)))
}

// TestAttentionInHalf compares whole attentions in bfloat16 with float64 near
// position 16,000: few tokens, whose scores are made in the open, and many, by
// the fused kernel.
func TestAttentionInHalf(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"spatial", "causal"} {
		for _, n := range []int64{24, 700} {
			job(t, func() {
				positions := consecutive(16001-n, n)
				exact := newAttending(kind, testShape, torch.Float64)
				defer exact.free()
				half := newAttending(kind, testShape, torch.Float32)
				defer half.free()
				want := exact.Forward(states(n, torch.Float64), exact.rowsAt(testShape.SegmentLen, positions), nil)
				var got *torch.Tensor
				inHalf(func() {
					got = half.Forward(states(n, torch.Float32), half.rowsAt(testShape.SegmentLen, positions), nil)
				})
				off := got.ToDType(torch.Float64).Sub(want).Norm().Item() / want.Norm().Item()
				t.Logf("%s, %d tokens: off by %g", kind, n, off)
				if !(off < 0.015) {
					t.Errorf("%s, %d tokens: off by %g of the result", kind, n, off)
				}
			})
		}
	}
}

// TestDecodingInHalf reads some tokens at once and further ones one by one, in
// bfloat16 near position 16,000, and compares with float64.
func TestDecodingInHalf(t *testing.T) {
	t.Parallel()
	const prompt, n = 8, 24
	for _, kind := range []string{"spatial", "causal"} {
		job(t, func() {
			positions := consecutive(16001-n, n)
			exact := newAttending(kind, testShape, torch.Float64)
			defer exact.free()
			half := newAttending(kind, testShape, torch.Float32)
			defer half.free()
			rows := half.rowsAt(testShape.SegmentLen, positions)
			cache := nn.NewCache(n)
			defer cache.Free()
			var parts []*torch.Tensor
			read := func(from, count int64) {
				var of []*torch.Tensor
				for _, r := range rows {
					of = append(of, r.Narrow(1, from, count))
				}
				parts = append(parts, nn.Float(half.Forward(states(n, torch.Float32).Narrow(1, from, count), of, cache)))
			}
			torch.NoGrad(func() {
				inHalf(func() {
					read(0, prompt)
					for i := range int64(n - prompt) {
						read(prompt+i, 1)
					}
				})
			})
			want := exact.Forward(states(n, torch.Float64), exact.rowsAt(testShape.SegmentLen, positions), nil)
			off := torch.Cat(parts, 1).ToDType(torch.Float64).Sub(want).Norm().Item() / want.Norm().Item()
			t.Logf("%s: off by %g", kind, off)
			if !(off < 0.015) {
				t.Errorf("%s: off by %g of the result", kind, off)
			}
		})
	}
}
