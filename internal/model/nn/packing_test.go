package nn_test

import (
	"fmt"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Documents of every length around the powers of two, in rows with and without
// padding, attend as each does alone, also to a null entry before their start: laid
// out in padded rows in float64, where the kernel knows runs of rows in float32.
func TestPackingAttendsWithinDocuments(t *testing.T) {
	t.Parallel()
	for dtype, tolerance := range map[torch.DType]float64{torch.Float64: 1e-12, torch.Float32: 2e-5} {
		t.Run(dtype.String(), func(t *testing.T) {
			t.Parallel()
			job(t, func() { attendsWithinDocuments(t, dtype, tolerance) })
		})
	}
	job(t, func() {
		if nn.Confine(nn.NewPacking([]torch.Run{{Start: 3}}, 10, torch.CPU)) != nil {
			t.Error("a packing without documents is one")
		}
	})
}

func attendsWithinDocuments(t *testing.T, dtype torch.DType, tolerance float64) {
	const lanes, length, heads, width = 3, 80, 2, 8
	runs := []torch.Run{
		{Start: 0, Length: 1}, {Start: 1, Length: 15}, {Start: 16, Length: 16}, {Start: 32, Length: 17}, {Start: 49, Length: 31},
		{Start: 80, Length: 32}, {Start: 112, Length: 33}, // 15 of padding
		{Start: 160, Length: 0}, {Start: 160, Length: 80},
	}
	g := torch.NewGenerator(torch.CPU, 3)
	defer g.Free()
	leaf := func(shape ...int64) *torch.Tensor {
		return torch.Empty(dtype, torch.CPU, shape...).Normal_(0, 1, g).SetRequiresGrad(true)
	}
	q, k, v := leaf(lanes, heads, length, width), leaf(lanes, heads, length, width), leaf(lanes, heads, length, width)
	null := nn.Null{Key: leaf(heads, width), Value: leaf(heads, width)}
	leaves := []*torch.Tensor{q, k, v, null.Key, null.Value}
	cache := nn.Confine(nn.NewPacking(runs, lanes*length, torch.CPU))
	for name, attend := range map[string]func(q, k, v *torch.Tensor, cache *nn.Cache) *torch.Tensor{
		"itself": nn.SelfAttend,
		"earlier": func(q, k, v *torch.Tensor, cache *nn.Cache) *torch.Tensor {
			return nn.AttendEarlier(q, k, v, null, cache)
		},
	} {
		// Each in a scope of its own: what a packing keeps outlives its first use.
		torch.Scoped(func() *torch.Tensor {
			packed := attend(q, k, v, cache)
			part := func(x *torch.Tensor, r torch.Run) *torch.Tensor {
				return x.Narrow(0, r.Start/length, 1).Narrow(2, r.Start%length, r.Length)
			}
			gotLoss, wantLoss := torch.Zeros(dtype, torch.CPU), torch.Zeros(dtype, torch.CPU)
			for _, r := range runs {
				if r.Length == 0 {
					continue
				}
				want := attend(part(q, r), part(k, r), part(v, r), nil)
				near(t, fmt.Sprintf("%s, %d tokens", name, r.Length), part(packed, r), want, tolerance)
				gotLoss = gotLoss.Add(part(packed, r).Square().Sum())
				wantLoss = wantLoss.Add(want.Square().Sum())
			}
			got := gradientsOf(gotLoss, leaves)
			for i, want := range gradientsOf(wantLoss, leaves) {
				near(t, fmt.Sprintf("%s, gradient %d", name, i), got[i], want, tolerance)
			}
			return gotLoss
		})
	}
}

// gradientsOf returns the leaves' gradients of the loss, zeros where there is none.
func gradientsOf(loss *torch.Tensor, leaves []*torch.Tensor) []*torch.Tensor {
	loss.Backward()
	all := make([]*torch.Tensor, len(leaves))
	for i, leaf := range leaves {
		all[i] = torch.ZerosLike(leaf.Detach())
		if g := leaf.Grad(); g != nil {
			all[i] = g.Clone()
		}
		leaf.SetGrad(nil)
	}
	return all
}
