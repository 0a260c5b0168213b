package torch_test

import (
	"slices"
	"testing"

	"agiformer/internal/torch"
)

func TestGeneratorMatchesPyTorch(t *testing.T) {
	t.Parallel()
	want := golden[struct{ Normal, Uniform []float64 }](t, "generator")
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 42)
		defer g.Free()
		near(t, "normal", values(torch.Empty(torch.Float32, torch.CPU, 6).Normal_(0, 1, g)), want.Normal, 1e-6)
		near(t, "uniform", values(torch.Empty(torch.Float32, torch.CPU, 3).Uniform_(0, 1, g)), want.Uniform, 0)
	})
}

func TestGeneratorStateReplaysTheSequence(t *testing.T) {
	t.Parallel()
	do(t, func() {
		for _, g := range []*torch.Generator{torch.NewGenerator(torch.CPU, 7), torch.DefaultGenerator(torch.CPU)} {
			draw := func() []float32 {
				return torch.Data[float32](torch.Empty(torch.Float32, torch.CPU, 40).Normal_(0, 1, g))
			}
			draw()
			state := g.State()
			first, second := draw(), draw()
			g.SetState(state)
			if again := draw(); !slices.Equal(first, again) || slices.Equal(first, second) {
				t.Error("the state does not replay the sequence")
			}
			g.Seed(7)
			a := draw()
			g.Seed(7)
			if !slices.Equal(a, draw()) {
				t.Error("the seed does not replay the sequence")
			}
			g.Free()
		}
	})
	wantError(t, torch.Do(func() {
		g := torch.NewGenerator(torch.CPU, 7)
		defer g.Free()
		g.SetState([]byte{1, 2, 3})
	}), "SetState", "state")
}

func TestDrawsFollowTheirLaw(t *testing.T) {
	t.Parallel()
	do(t, func() {
		g := torch.NewGenerator(torch.CPU, 1)
		defer g.Free()
		if mean := torch.Empty(torch.Float32, torch.CPU, 20000).Bernoulli_(0.3, g).Mean().Item(); mean < 0.28 || mean > 0.32 {
			t.Errorf("Bernoulli(0.3) has mean %v", mean)
		}
		picks := torch.Data[int64](torch.FromSlice([]float32{0, 3, 0, 1}).Multinomial(1000, true, g))
		counts := [4]int{}
		for _, p := range picks {
			counts[p]++
		}
		if counts[0]+counts[2] != 0 || counts[1] < 700 || counts[1] > 800 {
			t.Errorf("Multinomial(3:1) picked %v", counts)
		}
	})
}
