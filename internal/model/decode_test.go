package model_test

import (
	"math/rand/v2"
	"testing"

	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// TestDecodingEqualsForward feeds a document of three segments, the last one
// short, at once, one token at a time and in odd chunks.
func TestDecodingEqualsForward(t *testing.T) {
	t.Parallel()
	chunkings := map[string]func(r *rand.Rand, at int) int{
		"at once":      func(*rand.Rand, int) int { return 22 },
		"one by one":   func(*rand.Rand, int) int { return 1 },
		"segments":     func(*rand.Rand, int) int { return 8 },
		"odd chunks":   func(r *rand.Rand, _ int) int { return 1 + r.IntN(6) },
		"large chunks": func(r *rand.Rand, _ int) int { return 7 + r.IntN(9) },
		// As generate does it, with a prompt longer than a segment.
		"a prompt and one by one": func(_ *rand.Rand, at int) int { return max(1, 11-at) },
	}
	for _, cfg := range shapes(product()) {
		job(t, func() {
			m := build(t, cfg, 8)
			defer m.Free()
			ids := randomText(rand.New(rand.NewPCG(4, 4)), 22)
			want := parallel(m, ids)
			for name, size := range chunkings {
				rng := rand.New(rand.NewPCG(6, 6))
				d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
				var parts []*torch.Tensor
				for at := 0; at < len(ids); {
					n := min(size(rng, at), len(ids)-at)
					parts = append(parts, d.Feed(ids[at:at+n]))
					at += n
				}
				near(t, cfg.Name+", "+name, tail(torch.Cat(parts, 0)), want, 1e-9)
				d.Free()
			}
		})
	}
}

// TestDecodingInFloat32: the kernels of single rows and of whole segments agree
// to rounding, with widths that both take.
func TestDecodingInFloat32(t *testing.T) {
	t.Parallel()
	for i, variant := range []string{"text_only", "text_only", "all", "all", "introspective", "introspective",
		"linear", "linear"} {
		half := i%2 == 1
		job(t, func() {
			cfg := tiny(variant)
			cfg.DModel, cfg.NHeads, cfg.DFF, cfg.MaxSeqLen = 128, 4, 256, 48
			m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 8)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			ids := randomText(rand.New(rand.NewPCG(4, 4)), 100)
			d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
			defer d.Free()
			decode := func() (want, got *torch.Tensor) {
				var parts []*torch.Tensor
				for i := range ids {
					parts = append(parts, d.Feed(ids[i:i+1]))
				}
				return parallel(m, ids), tail(torch.Cat(parts, 0))
			}
			tolerance := 1e-4
			var want, got *torch.Tensor
			if half { // bfloat16, and near a tie another expert
				tolerance = 0.1
				torch.Autocast(torch.CPUType, torch.BFloat16, func() { want, got = decode() })
			} else {
				want, got = decode()
			}
			if diff, norm := got.Sub(want).Norm().Item(), want.Norm().Item(); !(diff <= tolerance*norm) {
				t.Errorf("%s, bfloat16 %v: decoding is off by %g of %g", variant, half, diff, norm)
			}
		})
	}
}
