package model_test

import (
	"testing"

	"agiformer/internal/torch"
)

// TestFusedKernel: the fused attention kernel of the CPU is chosen for the
// layouts that the model uses: packed heads, the masked memory with its null
// entry, the bank's single wide head, and a cache while decoding.
func TestFusedKernel(t *testing.T) {
	t.Parallel()
	job(t, func() {
		for _, dt := range []torch.DType{torch.Float32, torch.Float64} {
			random := func(shape ...int64) *torch.Tensor {
				return torch.Zeros(torch.Float32, torch.CPU, shape...).Normal_(0, 1, nil).ToDType(dt)
			}
			heads := func() *torch.Tensor { // [B, H, T, h], a view of packed [B, T, 3, H, h]
				return random(2, 8, 3, 4, 16).Select(2, 1).Transpose(1, 2).SetRequiresGrad(true)
			}
			chosen := func(what string, q, k, v, mask *torch.Tensor, causal bool) {
				if torch.AttentionKernelOf(q, k, v, mask, causal) == torch.PlainAttention {
					t.Errorf("%s in %s: the fused kernel is not chosen", what, dt)
				}
			}
			chosen("causal attention", heads(), heads(), heads(), nil, true)
			mask := torch.Ones(torch.Bool, torch.CPU, 2, 1, 1, 9)
			chosen("working memory", heads(), random(2, 4, 9, 16), random(2, 4, 9, 16), mask, false)
			slots := random(10, 64).Expand(2, 10, 64).View(2, 1, 10, 64)
			chosen("bank", random(2, 1, 8, 64), slots, slots, nil, false)
			cache := random(1, 4, 32, 16).Narrow(2, 0, 9)
			chosen("decoding", random(1, 4, 1, 16), cache, cache, nil, false)
		}
	})
}
