package torch_test

import (
	"testing"

	"agiformer/internal/torch"
)

// composed gives what the fused operations are defined to equal.
func composedMLP(x, nw, nb, up, down *torch.Tensor) *torch.Tensor {
	normed := torch.LayerNorm(x, nw.Shape(), nw, nb, 1e-5)
	return torch.Linear(torch.Linear(normed, up, nil).Gelu("none"), down, nil)
}

func composedHeads(y *torch.Tensor, heads int64, cos, sin, qb, kb, vb *torch.Tensor) [3]*torch.Tensor {
	b, t, n := y.Size(0), y.Size(1), cos.Size(-1)
	parts := y.View(b, t, 3, heads, -1).Unbind(2)
	w := parts[0].Size(-1)
	cos, sin = cos.Unsqueeze(-2), sin.Unsqueeze(-2)
	for i, bias := range []*torch.Tensor{qb, kb} {
		x1, x2 := parts[i].Narrow(3, 0, n), parts[i].Narrow(3, n, n)
		rest := parts[i].Narrow(3, 2*n, w-2*n)
		if bias != nil {
			rest = rest.Add(bias.View(b, t, heads, w-2*n))
		}
		parts[i] = torch.Cat([]*torch.Tensor{
			x1.Mul(cos).Sub(x2.Mul(sin)), x2.Mul(cos).Add(x1.Mul(sin)), rest}, 3)
	}
	if vb != nil {
		v := parts[2]
		rest := v.Narrow(3, 2*n, w-2*n).Add(vb.View(b, t, heads, w-2*n))
		parts[2] = torch.Cat([]*torch.Tensor{v.Narrow(3, 0, 2*n), rest}, 3)
	}
	return [3]*torch.Tensor{parts[0].Transpose(1, 2), parts[1].Transpose(1, 2), parts[2].Transpose(1, 2)}
}

// The fused operations and their gradients equal the compositions, for angles
// shared by the lanes and for angles of each token, with biases and without.
func TestFusedOperationsEqualTheirCompositions(t *testing.T) {
	t.Parallel()
	const lanes, length, d, inner, heads, width, pairs = 2, 5, 16, 32, 2, 8, 2
	for _, shared := range []bool{true, false} {
		for biases := range 3 { // none, of queries and keys, of values too
			err := torch.Do(func() {
				g := torch.NewGenerator(torch.CPU, 7)
				defer g.Free()
				random := func(shape ...int64) *torch.Tensor {
					return torch.Empty(torch.Float64, torch.CPU, shape...).Normal_(0, 1, g)
				}
				leaf := func(shape ...int64) *torch.Tensor { return random(shape...).SetRequiresGrad(true) }
				x, nw, nb := leaf(lanes, length, d), leaf(d), leaf(d)
				qkv, up, down := leaf(3*heads*width, d), leaf(inner, d), leaf(d, inner)
				leaves := []*torch.Tensor{x, nw, nb, qkv, up, down}
				var qb, kb, vb *torch.Tensor
				bias := func() *torch.Tensor { return leaf(lanes, length, heads*(width-2*pairs)) }
				if biases > 0 {
					qb, kb = bias(), bias()
					leaves = append(leaves, qb, kb)
				}
				if biases > 1 {
					vb = bias()
					leaves = append(leaves, vb)
				}
				angles := random(length, pairs)
				if !shared {
					angles = random(lanes, length, pairs)
				}
				cos, sin := angles.Cos(), angles.Sin()
				weights := [4]*torch.Tensor{random(lanes, heads, length, width), random(lanes, heads, length, width),
					random(lanes, heads, length, width), random(lanes, length, d)}
				run := func(parts [3]*torch.Tensor, mlp *torch.Tensor) (*torch.Tensor, []*torch.Tensor) {
					loss := mlp.Mul(weights[3]).Sum()
					for i, p := range parts {
						loss = loss.Add(p.Square().Mul(weights[i]).Sum())
					}
					return loss, torch.Grad([]*torch.Tensor{loss}, leaves, nil)
				}
				q, k, v := torch.RotaryHeads(torch.NormLinear(x, nw, nb, 1e-5, qkv), heads, cos, sin, qb, kb, vb)
				got, gotGrads := run([3]*torch.Tensor{q, k, v}, torch.NormMLP(x, nw, nb, 1e-5, up, down))
				normed := torch.LayerNorm(x, []int64{d}, nw, nb, 1e-5)
				want, wantGrads := run(composedHeads(torch.Linear(normed, qkv, nil), heads, cos, sin, qb, kb, vb),
					composedMLP(x, nw, nb, up, down))
				if diff := got.Sub(want).Abs().Item(); diff > 1e-9*want.Abs().Item() {
					t.Errorf("loss differs by %g", diff)
				}
				for i := range leaves {
					if diff, norm := gotGrads[i].Sub(wantGrads[i]).Norm().Item(), wantGrads[i].Norm().Item(); diff > 1e-10*norm {
						t.Errorf("shared %v, %d kinds of bias: gradient %d differs by %g of %g", shared, biases, i, diff, norm)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// MLP and its gradients equal the composition.
func TestMLPEqualsItsComposition(t *testing.T) {
	t.Parallel()
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 7)
		defer g.Free()
		leaf := func(shape ...int64) *torch.Tensor {
			return torch.Empty(torch.Float64, torch.CPU, shape...).Normal_(0, 1, g).SetRequiresGrad(true)
		}
		x, up, down := leaf(2, 5, 16), leaf(32, 16), leaf(16, 32)
		leaves := []*torch.Tensor{x, up, down}
		got, want := torch.MLP(x, up, down), torch.Linear(torch.Linear(x, up, nil).Gelu("none"), down, nil)
		if diff := got.Sub(want).Abs().Max().Item(); diff > 1e-12 {
			t.Errorf("the result differs by %g", diff)
		}
		gotGrads := torch.Grad([]*torch.Tensor{got.Square().Sum()}, leaves, nil)
		wantGrads := torch.Grad([]*torch.Tensor{want.Square().Sum()}, leaves, nil)
		for i := range leaves {
			if diff, norm := gotGrads[i].Sub(wantGrads[i]).Norm().Item(), wantGrads[i].Norm().Item(); diff > 1e-10*norm {
				t.Errorf("gradient %d differs by %g of %g", i, diff, norm)
			}
		}
	})
}

// Under autocast the products come out in bfloat16 and the leaves' gradients in float32.
func TestFusedOperationsUnderAutocast(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() {
		leaf := func(shape ...int64) *torch.Tensor {
			return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0, 0.3, nil).SetRequiresGrad(true)
		}
		x, nw, nb, up, down := leaf(2, 3, 16), leaf(16), leaf(16), leaf(32, 16), leaf(16, 32)
		leaves := []*torch.Tensor{x, nw, nb, up, down}
		var got, want *torch.Tensor
		torch.Autocast(torch.CPU.Type, torch.BFloat16, func() {
			got = torch.NormMLP(x, nw, nb, 1e-5, up, down)
			want = composedMLP(x, nw, nb, up, down)
		})
		if got.DType() != torch.BFloat16 {
			t.Errorf("result is %v, expected bfloat16", got.DType())
		}
		gotGrads := torch.Grad([]*torch.Tensor{got.Float().Sum()}, leaves, nil)
		wantGrads := torch.Grad([]*torch.Tensor{want.Float().Sum()}, leaves, nil)
		for i, g := range gotGrads {
			if g.DType() != torch.Float32 {
				t.Errorf("gradient %d is %v, expected float32", i, g.DType())
			}
			if diff, norm := g.Sub(wantGrads[i]).Norm().Item(), wantGrads[i].Norm().Item(); diff > 0.03*norm {
				t.Errorf("gradient %d differs by %g of %g", i, diff, norm)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRotaryHeadsRefusesWrongShapes(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string][]int64{"angles of 3 positions for 4 tokens": {3, 2}, "no pairs": {4, 0}} {
		err := torch.Do(func() {
			y := torch.Zeros(torch.Float32, torch.CPU, 1, 4, 48)
			angles := torch.Zeros(torch.Float32, torch.CPU, shape...)
			torch.RotaryHeads(y, 2, angles, angles, nil, nil, nil)
		})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// An expert that got no token runs on an empty subsequence, in every type: its
// gradients are zeros.
func TestRotaryHeadsWithoutTokens(t *testing.T) {
	t.Parallel()
	for _, dt := range []torch.DType{torch.Float32, torch.BFloat16, torch.Float16} {
		do(t, func() {
			x := torch.Zeros(dt, torch.CPU, 2, 0, 16)
			weight := torch.Ones(dt, torch.CPU, 48, 16).SetRequiresGrad(true)
			angles := torch.Zeros(torch.Float32, torch.CPU, 2, 0, 2)
			q, k, v := torch.RotaryHeads(torch.Linear(x, weight, nil), 2, angles, angles, nil, nil, nil)
			q.Sum().Add(k.Sum()).Add(v.Sum()).Backward()
			if g := weight.Grad(); g == nil || g.Float().Norm().Item() != 0 {
				t.Errorf("%s: the gradient is %v, expected zeros", dt, g)
			}
		})
	}
}
