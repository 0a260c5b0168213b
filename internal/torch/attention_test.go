package torch_test

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/cpu"

	"agiformer/internal/torch"
)

// attendsItself says whether this processor has kernels of ours for attention.
var attendsItself = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// attentionCase is a call of torch.Attention: heads of shape [batch, heads, queries or keys, width].
type attentionCase struct {
	batch, heads, queries, keys, width int64
	causal                             bool
	hidden                             []int64 // how many keys of each lane are hidden, the first ones
	null                               bool    // but for a null entry in front, as the working memory's
}

func (c attentionCase) String() string {
	return fmt.Sprintf("[%d %d %d|%d %d] causal %v hidden %v null %v", c.batch, c.heads, c.queries, c.keys, c.width, c.causal, c.hidden, c.null)
}

// mask is [B, 1, 1, S], or nil.
func (c attentionCase) mask() *torch.Tensor {
	if c.hidden == nil {
		return nil
	}
	var visible []bool
	for _, n := range c.hidden {
		for j := range c.keys {
			visible = append(visible, j >= n || c.null && j == 0)
		}
	}
	return torch.FromSlice(visible, int64(len(c.hidden)), 1, 1, c.keys)
}

// run gives the result and the gradients of q, k and v, computed in dtype from heads that lie packed.
func (c attentionCase) run(dtype torch.DType, seed uint64) (named map[string]*torch.Tensor) {
	g := torch.NewGenerator(torch.CPU, seed)
	defer g.Free()
	normal := func(shape ...int64) *torch.Tensor {
		return torch.Empty(torch.Float32, torch.CPU, shape...).Normal_(0, 1, g).ToDType(dtype)
	}
	part := func(length int64) *torch.Tensor {
		return normal(c.batch, length, 3, c.heads, c.width).Select(2, 1).Transpose(1, 2).SetRequiresGrad(true)
	}
	q, k, v := part(c.queries), part(c.keys), part(c.keys)
	y := torch.Attention(q, k, v, c.mask(), c.causal, 1/math.Sqrt(float64(c.width)))
	target := normal(c.batch, c.queries, c.heads*c.width)
	loss := y.Transpose(1, 2).Reshape(target.Shape()...).Mul(target).Sum()
	grads := torch.Grad([]*torch.Tensor{loss}, []*torch.Tensor{q, k, v}, nil)
	return map[string]*torch.Tensor{"y": y, "dq": grads[0], "dk": grads[1], "dv": grads[2]}
}

// In float32, where the kernels are ours, as libtorch's in float64 from the same numbers: sizes around those that the
// kernels cut to (6 and 48 queries, 16 and 256 keys), widths of one vector and of several.
func TestAttentionIsLibtorchs(t *testing.T) {
	t.Parallel()
	ours, theirs := torch.OwnAttention, torch.LibtorchAttention
	if !attendsItself {
		ours = theirs
	}
	for _, c := range []struct {
		attentionCase
		by torch.AttentionKernel
	}{
		{attentionCase{2, 3, 6, 6, 32, true, nil, false}, ours},
		{attentionCase{1, 2, 7, 7, 8, true, nil, false}, ours},
		{attentionCase{1, 2, 48, 48, 16, true, nil, false}, ours},
		{attentionCase{1, 2, 101, 101, 24, true, nil, false}, ours},
		{attentionCase{2, 1, 300, 300, 32, true, nil, false}, ours},
		{attentionCase{1, 1, 270, 530, 40, true, nil, false}, ours},
		{attentionCase{1, 1, 60, 31, 64, true, nil, false}, ours},
		{attentionCase{2, 2, 50, 33, 32, false, nil, false}, ours},
		{attentionCase{1, 2, 49, 257, 8, false, nil, false}, ours},
		{attentionCase{2, 1, 20, 64, 128, false, nil, false}, ours},
		{attentionCase{2, 1, 30, 20, 256, false, nil, false}, ours},
		{attentionCase{3, 2, 55, 270, 16, false, []int64{1, 201, 269}, true}, ours},
		{attentionCase{2, 2, 90, 700, 32, false, []int64{15, 600}, true}, ours},
		{attentionCase{2, 2, 31, 600, 32, false, []int64{17, 550}, false}, ours},
		{attentionCase{2, 1, 48, 48, 16, true, []int64{20, 47}, true}, ours},
		{attentionCase{2, 1, 400, 400, 16, true, []int64{300, 0}, true}, ours},
		{attentionCase{2, 2, 20, 40, 32, false, []int64{30}, false}, theirs}, // one mask for all lanes
		{attentionCase{1, 2, 5, 40, 32, false, nil, false}, theirs},          // too few queries
		{attentionCase{1, 2, 12, 12, 12, true, nil, false}, theirs},          // nor is this a width of ours
	} {
		do(t, func() {
			q, kv := ones(c.batch, c.heads, c.queries, c.width), ones(c.batch, c.heads, c.keys, c.width)
			if by := torch.AttentionKernelOf(q, kv, kv, c.mask(), c.causal); by != c.by {
				t.Errorf("%s is computed by %d, want %d", c, by, c.by)
			}
			got, want := c.run(torch.Float32, 5), c.run(torch.Float64, 5)
			for name, exact := range want {
				// Relative to the whole: single gradients cancel to next to nothing.
				nearInNorm(t, fmt.Sprintf("%s: %s", c, name), got[name], exact, 2e-6)
			}
		})
	}
}

// Runs of rows attend as each does alone, forward and backward; other rows read 0 and get no gradient.
func TestAttentionOfRuns(t *testing.T) {
	t.Parallel()
	if !attendsItself {
		t.Skip("there is no kernel of ours for this processor")
	}
	const lanes, heads, length, width = 2, 3, 130, 16
	runs := []torch.Run{{Start: 0, Length: 1}, {Start: 1, Length: 5}, {Start: 9, Length: 121}, {Start: 130, Length: 49}, {Start: 190, Length: 7}}
	do(t, func() {
		part := func(x *torch.Tensor, r torch.Run) *torch.Tensor {
			return x.Narrow(0, r.Start/length, 1).Narrow(2, r.Start%length, r.Length)
		}
		leaves := func(dtype torch.DType) (all []*torch.Tensor) {
			for i := range 3 {
				all = append(all, ramp(dtype, 1, float64(i), lanes, length, heads, width).Transpose(1, 2).Detach().SetRequiresGrad(true))
			}
			return all
		}
		x, exact := leaves(torch.Float32), leaves(torch.Float64)
		y := torch.AttentionOfRuns(x[0], x[1], x[2], runs, 0.25)
		loss := torch.Zeros(torch.Float64, torch.CPU)
		covered := torch.Zeros(torch.Float64, torch.CPU, lanes, 1, length, 1)
		for _, r := range runs {
			want := torch.Attention(part(exact[0], r), part(exact[1], r), part(exact[2], r), nil, true, 0.25)
			near(t, fmt.Sprintf("%d rows", r.Length), values(part(y, r)), values(want), 1e-5)
			loss = loss.Add(want.Square().Sum())
			part(covered, r).Fill_(1)
		}
		grads := torch.Grad([]*torch.Tensor{y.Square().Sum()}, x, nil)
		for i, want := range torch.Grad([]*torch.Tensor{loss}, exact, nil) {
			nearInNorm(t, fmt.Sprintf("gradient %d", i), grads[i], want, 2e-5)
		}
		elsewhere := torch.Full(1, torch.Float64, torch.CPU).Sub(covered)
		for _, z := range append(grads, y) {
			if n := z.ToDType(torch.Float64).Mul(elsewhere).Abs().Sum().Item(); n != 0 {
				t.Errorf("rows of no run hold %g", n)
			}
		}
	})
	for name, bad := range map[string][]torch.Run{
		"no run": nil, "an empty one": {{Start: 3}}, "one before the first row": {{Start: -1, Length: 2}},
		"one over the end of a lane": {{Start: 120, Length: 20}}, "one behind the last row": {{Start: 260, Length: 1}},
		"two that share a row": {{Start: 0, Length: 5}, {Start: 4, Length: 2}},
	} {
		if err := torch.Do(func() {
			x := ones(lanes, heads, length, width)
			torch.AttentionOfRuns(x, x, x, bad, 1)
		}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// A query that sees nothing reads 0, and nothing flows back.
func TestAttentionToNothingIsZero(t *testing.T) {
	t.Parallel()
	do(t, func() {
		q, kv := ramp(torch.Float32, 1, 0, 2, 1, 8, 8).SetRequiresGrad(true), ramp(torch.Float32, 1, 3, 2, 1, 20, 8).SetRequiresGrad(true)
		mask := torch.Cat([]*torch.Tensor{torch.Zeros(torch.Bool, torch.CPU, 1, 1, 1, 20), torch.Ones(torch.Bool, torch.CPU, 1, 1, 1, 20)}, 0)
		y := torch.Attention(q, kv, kv, mask, false, 0.5)
		grads := torch.Grad([]*torch.Tensor{y.Sum()}, []*torch.Tensor{q, kv}, nil)
		for name, x := range map[string]*torch.Tensor{"y": y, "the gradient of q": grads[0], "the gradient of k and v": grads[1]} {
			first := x.Narrow(0, 0, 1)
			if n := first.Abs().Sum().Item(); n != 0 {
				t.Errorf("%s of a lane that sees nothing has the norm %g", name, n)
			}
			if name == "y" && x.Narrow(0, 1, 1).Abs().Sum().Item() == 0 {
				t.Error("the other lane reads nothing either")
			}
		}
	})
}

// notANumber has NaN with several bits below the first, CUDA's among them.
var notANumber = []float32{
	float32(math.NaN()), math.Float32frombits(0x7fc00001), math.Float32frombits(0x7fffffff), math.Float32frombits(0xffffffff), float32(math.Inf(1)),
}

// What is not a number stays none, so that a step with it is recognised: in a query, a key or a value, or
// infinite there.
func TestAttentionKeepsNaN(t *testing.T) {
	t.Parallel()
	do(t, func() {
		for which := range 3 {
			for _, bad := range notANumber {
				x := []*torch.Tensor{ramp(torch.Float32, 1, 0, 1, 1, 40, 16), ramp(torch.Float32, 1, 1, 1, 1, 40, 16), ramp(torch.Float32, 1, 2, 1, 1, 40, 16)}
				x[which].Select(2, 7).Copy_(torch.FromSlice([]float32{bad}, 1).Expand(1, 1, 16))
				for i := range x {
					x[i].SetRequiresGrad(true)
				}
				y := torch.Attention(x[0], x[1], x[2], nil, true, 0.25)
				finite := func(x *torch.Tensor) bool {
					sum := x.Sum().Item()
					return !math.IsNaN(sum) && !math.IsInf(sum, 0)
				}
				if finite(y.Narrow(2, 7, 33)) {
					t.Errorf("%v in operand %d leaves no trace in the result", bad, which)
				}
				if !finite(y.Narrow(2, 0, 6)) { // six queries share a product: 0 times an infinite value may be in theirs
					t.Errorf("%v in operand %d reaches the results before it", bad, which)
				}
				grads := torch.Grad([]*torch.Tensor{y.Sum()}, x, nil)
				if finite(grads[0]) && finite(grads[1]) && finite(grads[2]) {
					t.Errorf("%v in operand %d leaves no trace in the gradients", bad, which)
				}
			}
		}
	})
}

// Keys and values that are one for all lanes, and gradients of one number: what autograd hands over without copying.
func TestAttentionOfExpandedHeads(t *testing.T) {
	t.Parallel()
	do(t, func() {
		run := func(dtype torch.DType) (named []*torch.Tensor) {
			q := ramp(dtype, 1, 0, 3, 1, 9, 8).SetRequiresGrad(true)
			slots := ramp(dtype, 1, 5, 1, 1, 20, 8).SetRequiresGrad(true)
			kv := slots.Expand(3, 1, 20, 8)
			y := torch.Attention(q, kv, kv, nil, false, 0.3)
			return append(torch.Grad([]*torch.Tensor{y.Sum()}, []*torch.Tensor{q, slots}, nil), y)
		}
		got, want := run(torch.Float32), run(torch.Float64)
		for i := range want {
			near(t, fmt.Sprintf("result %d", i), values(got[i]), values(want[i]), 1e-5)
		}
	})
}

// Under autocast float32 heads are attended in its type, as by libtorch.
func TestAttentionUnderAutocast(t *testing.T) {
	t.Parallel()
	do(t, func() {
		q := ramp(torch.Float32, 1, 0, 1, 1, 9, 8)
		torch.Autocast(torch.CPUType, torch.BFloat16, func() {
			if y := torch.Attention(q, q, q, nil, true, 1); y.DType() != torch.BFloat16 {
				t.Errorf("the result is %s", y.DType())
			}
		})
	})
}
