package nn

import (
	"math"

	"agiformer/internal/torch"
)

// Attend is scaled dot-product attention, by a fused kernel (torch.Attention) but
// where that is the slower way: q [B, H, T, h], k and v [B, H, S, h], mask
// broadcastable to [B, H, T, S] (true = visible) or nil. The scale is 1/sqrt(h).
// There is no dropout: the CPU's fused kernels know none.
func Attend(q, k, v, mask *torch.Tensor, causal bool) *torch.Tensor {
	scale := scaleOf(q)
	if mask == nil && singly(q, k) {
		return torch.AttendRow(q, k, v, scale)
	}
	if k.DType() != q.DType() {
		k, v = k.ToDType(q.DType()), v.ToDType(q.DType())
	}
	if plainIsFaster(q, k) {
		return attendPlainly(q, k, v, mask, causal, scale)
	}
	return torch.Attention(q, k, v, mask, causal, scale)
}

// scaleOf is softmax's for heads [..., h]: 1/sqrt(h).
func scaleOf(heads *torch.Tensor) float64 { return 1 / math.Sqrt(float64(heads.Size(-1))) }

// SelfAttend is causal attention of a sequence to itself, q, k, v [B, H, T,
// h]. With a cache the keys and values are appended to it; from a cache that
// is not empty only one position can be attended (T = 1).
func SelfAttend(q, k, v *torch.Tensor, cache *Cache) *torch.Tensor {
	k, v, causal := cache.Extend(k, v)
	return AttendExtended(q, k, v, causal, cache)
}

// AttendExtended is the attention of queries q [B, H, T, h] to the keys and
// values that cache.Extend returned for their positions, causal likewise.
func AttendExtended(q, keys, values *torch.Tensor, causal bool, cache *Cache) *torch.Tensor {
	if !causal { // a single later position of a stream
		return Attend(q, keys, values, nil, false)
	}
	return cache.documents().attendCausally(q, keys, values)
}

// Null is a key and a value [H, h] that stand before a sequence's own.
type Null struct{ Key, Value *torch.Tensor }

// RotaryEarlier is RotaryAttention in which a position sees the null entry and what
// is strictly earlier. A cache then starts with the null entry.
func RotaryEarlier(packed *torch.Tensor, heads int64, cos, sin, queryBias, keyBias *torch.Tensor, null func() Null, cache *Cache) *torch.Tensor {
	if cache.Steps(packed) {
		return cache.step(packed, cos, sin, queryBias, keyBias, true)
	}
	q, k, v := torch.RotaryHeads(packed, heads, cos, sin, queryBias, keyBias, nil)
	return MergeHeads(AttendEarlier(q, k, v, null(), cache))
}

// AttendEarlier is attention of a sequence to its null entry and its strictly
// earlier positions, q, k, v [B, H, T, h]: causal attention to keys and values
// that are shifted by one. With a cache, which then starts with the null entry,
// k and v are appended after the attention; from a cache that is not empty only
// one position can be attended (T = 1).
func AttendEarlier(q, k, v *torch.Tensor, null Null, cache *Cache) *torch.Tensor {
	if cache.keeps() && cache.Len() > 0 {
		keys, values := cache.views()
		y := Attend(q, keys, values, nil, false)
		cache.append(k, v)
		return y
	}
	y := cache.Each(q, k, v, func(q, k, v *torch.Tensor) *torch.Tensor {
		return Attend(q, Shift(null.Key, k), Shift(null.Value, v), nil, true)
	})
	if cache.keeps() {
		cache.append(null.Key.Unsqueeze(1).Unsqueeze(0), null.Value.Unsqueeze(1).Unsqueeze(0))
		cache.append(k, v)
	}
	return y
}

// Shift moves x [B, H, T, h] by one position: first [H, h] comes in front, the
// last position drops out.
func Shift(first, x *torch.Tensor) *torch.Tensor {
	b, h, t, w := x.Size(0), x.Size(1), x.Size(2), x.Size(3)
	front := first.ToDType(x.DType()).View(1, h, 1, w).Expand(b, h, 1, w)
	return torch.Cat([]*torch.Tensor{front, x.Narrow(2, 0, t-1)}, 2)
}

// RotaryAttention attends causally from the packed projections [B, T, 3·H·w] of
// queries, keys and values, and returns [B, T, H·w]. The pairs (j, j+n) of each
// query and key head turn by the angles of cos and sin, [T, n] or [B, T, n];
// the biases [B, T, H·(w-2n)], nil or not, are added to their last dimensions.
// It works in place: packed must be fresh from a linear map.
func RotaryAttention(packed *torch.Tensor, heads int64, cos, sin, queryBias, keyBias *torch.Tensor, cache *Cache) *torch.Tensor {
	if cache.Steps(packed) {
		return cache.step(packed, cos, sin, queryBias, keyBias, false)
	}
	q, k, v := torch.RotaryHeads(packed, heads, cos, sin, queryBias, keyBias, nil)
	return MergeHeads(SelfAttend(q, k, v, cache))
}

// singly says whether the kernels of decoding take q [1, H, 1, h] and the kept keys k.
func singly(q, k *torch.Tensor) bool {
	return q.Size(0) == 1 && q.Size(2) == 1 && q.DType() == torch.Float32 && q.Device() == torch.CPU &&
		readable(k) && !torch.GradEnabled()
}

// oneRow says whether they take a projection [1, 1, w].
func oneRow(projected *torch.Tensor) bool {
	return projected.Size(0) == 1 && projected.Size(1) == 1 && projected.Device() == torch.CPU &&
		projected.DType() == torch.Float32 && !torch.GradEnabled()
}

// readable says whether they read keys or values of k's type.
func readable(k *torch.Tensor) bool { return k.DType() == torch.Float32 || k.DType() == torch.BFloat16 }

// Heads views x [B, T, H·h] as [B, H, T, h].
func Heads(x *torch.Tensor, heads int64) *torch.Tensor {
	return x.View(x.Size(0), x.Size(1), heads, x.Size(2)/heads).Transpose(1, 2)
}

// MergeHeads brings x [B, H, T, h] back to [B, T, H·h]. The fused kernel's
// result lies in that order already, so this is a view of it.
func MergeHeads(x *torch.Tensor) *torch.Tensor {
	return x.Transpose(1, 2).Reshape(x.Size(0), x.Size(2), x.Size(1)*x.Size(3))
}

// mostPlainScores bounds the scores H·T·S of a lane that are kept for the
// gradient instead of computed a second time: the memory of a step is to stay
// with the states.
const mostPlainScores = 640 * 1024

// widestFused is the width up to which heads are left to CUDA's fused kernels. One of 512 took five times as
// long there as in plain operations, in float32 and bfloat16 on an H200; what is between was not measured.
const widestFused = 128

// plainIsFaster says whether softmax(q·kᵀ)·v in three operations beats the
// fused kernel. On CUDA it does for heads that are wider than its kernels are made
// for, as the memory bank's. In bfloat16 on a CPU it does by two to three times at
// some hundred positions (docs/performance.md); there one query at a time stays
// with the fused kernel: the number of its keys changes with every token, and
// oneDNN would compile a product for each.
func plainIsFaster(q, k *torch.Tensor) bool {
	if q.Device().Type == torch.CUDAType {
		return q.Size(3) > widestFused
	}
	return q.DType() == torch.BFloat16 && q.Size(2) > 1 && q.Size(1)*q.Size(2)*k.Size(2) <= mostPlainScores
}

// attendPlainly is Attend without the fused kernel. In half precision its scores are
// kept in that, as is what they are computed from: a score of some size is rounded
// by about as much as the rounding of its h factors moves it. The softmax itself
// is taken in float32.
func attendPlainly(q, k, v, mask *torch.Tensor, causal bool, scale float64) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	var y *torch.Tensor
	// Softmax sums in float32 inside whatever its dtype; under autocast its
	// result would be float32 as well, twice the memory and a cast.
	torch.NoAutocast(q.Device().Type, func() {
		// The scale comes after the product: numbers that are exact in q and k,
		// such as the causal expert's positions, are no longer so when scaled. Only
		// float16, which ends at 65,504, is scaled before; its wide heads hold none.
		after := scale
		if q.DType() == torch.Float16 {
			q, after = q.MulScalar(scale), 1
		}
		scores := q.Matmul(k.Transpose(-2, -1)).MulScalar_(after) // [B, H, T, S]
		if causal {
			later := torch.Ones(torch.Bool, q.Device(), q.Size(2), k.Size(2)).Triu(1)
			scores = scores.MaskedFill_(later, math.Inf(-1))
		}
		if mask != nil {
			scores = scores.MaskedFill_(mask.LogicalNot(), math.Inf(-1))
		}
		y = scores.Softmax(-1).Matmul(v)
	})
	scope.Exit(y)
	return y
}
