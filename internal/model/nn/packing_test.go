package nn_test

import (
	"fmt"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Documents of every length around the powers of two, in rows with and without
// padding, attend as each does alone, also to a null entry before their start.
func TestPackingAttendsWithinDocuments(t *testing.T) {
	t.Parallel()
	const lanes, length, heads, width = 3, 80, 2, 8
	runs := []nn.Run{
		{Start: 0, Length: 1}, {Start: 1, Length: 15}, {Start: 16, Length: 16}, {Start: 32, Length: 17}, {Start: 49, Length: 31},
		{Start: 80, Length: 32}, {Start: 112, Length: 33}, // 15 of padding
		{Start: 160, Length: 0}, {Start: 160, Length: 80},
	}
	job(t, func() {
		g := torch.NewGenerator(torch.CPU, 3)
		defer g.Free()
		leaf := func(shape ...int64) *torch.Tensor {
			return torch.Empty(torch.Float64, torch.CPU, shape...).Normal_(0, 1, g).SetRequiresGrad(true)
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
			packed := attend(q, k, v, cache)
			part := func(x *torch.Tensor, r nn.Run) *torch.Tensor {
				return x.Narrow(0, r.Start/length, 1).Narrow(2, r.Start%length, r.Length)
			}
			gotLoss, wantLoss := torch.Zeros(torch.Float64, torch.CPU), torch.Zeros(torch.Float64, torch.CPU)
			for _, r := range runs {
				if r.Length == 0 {
					continue
				}
				want := attend(part(q, r), part(k, r), part(v, r), nil)
				near(t, fmt.Sprintf("%s, %d tokens", name, r.Length), part(packed, r), want, 1e-12)
				gotLoss = gotLoss.Add(part(packed, r).Square().Sum())
				wantLoss = wantLoss.Add(want.Square().Sum())
			}
			got := gradientsOf(gotLoss, leaves)
			for i, want := range gradientsOf(wantLoss, leaves) {
				near(t, fmt.Sprintf("%s, gradient %d", name, i), got[i], want, 1e-12)
			}
		}
		if nn.Confine(nn.NewPacking([]nn.Run{{Start: 3}}, 10, torch.CPU)) != nil {
			t.Error("a packing without documents is one")
		}
	})
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
