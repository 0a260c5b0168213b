package model_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// TestLinearAttentionOverChunks: the variant linear of the other tests has
// segments shorter than a chunk; here they are two chunks and a rest. Decoding
// in parts, across segments with memory, gives the parallel pass.
func TestLinearAttentionOverChunks(t *testing.T) {
	t.Parallel()
	job(t, func() {
		cfg := tiny("linear")
		cfg.MaxSeqLen = 150
		m := build(t, cfg, 8)
		defer m.Free()
		ids := randomText(rand.New(rand.NewPCG(4, 4)), 320)
		want := parallel(m, ids)
		for _, first := range []int{1, 90, 310} {
			d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
			parts := []*torch.Tensor{d.Feed(ids[:first])}
			for i := first; i < len(ids); i++ {
				parts = append(parts, d.Feed(ids[i:i+1]))
			}
			near(t, fmt.Sprintf("%d tokens at first", first), tail(torch.Cat(parts, 0)), want, 1e-9)
			d.Free()
		}
	})
}

// TestLinearAttentionParameters: names and initial values as in docs/model.md.
func TestLinearAttentionParameters(t *testing.T) {
	t.Parallel()
	job(t, func() {
		m, err := model.New(tiny("linear"), 256, torch.CPU, torch.Float64, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		found := 0
		for _, p := range m.Parameters() {
			switch p.Name {
			case "blocks.1.attention.decay": // ln 2 times -1 and -8
				near(t, p.Name, p.Tensor, torch.FromSlice([]float64{-0.6931471805599453, -5.545177444479562}, 2), 1e-6)
				found++
			case "blocks.1.attention.norm.weight":
				near(t, p.Name, p.Tensor, torch.Ones(torch.Float64, torch.CPU, 32), 0)
				found++
			}
		}
		if found != 2 {
			t.Errorf("found %d of decay and norm", found)
		}
	})
}
