// What a layer does with one position of a stream that is decoded, between its two
// products, as one operation each. libtorch's operators would take ten to sixty calls
// (rotation, casts, copies into the cache, attention or a state); the arithmetic is
// too small for that.
#include "decode.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "shim.h"

namespace agiformer {

using at::Tensor;

namespace {

// Turns the pairs (j, j + half) of a head.
void turn(float *head, const float *cos, const float *sin, int64_t half) {
  for (int64_t j = 0; j < half; ++j) {
    const float a = head[j], b = head[j + half];
    head[j] = a * cos[j] - b * sin[j];
    head[j + half] = b * cos[j] + a * sin[j];
  }
}

}  // namespace

void rotate(float *heads, int64_t count, int64_t width, const Tensor &cos, const Tensor &sin,
            const std::optional<Tensor> &bias) {
  const int64_t half = cos.size(-1), rest = width - 2 * half;
  TORCH_CHECK(!bias || bias->numel() == count * rest, "a bias of ", bias ? bias->numel() : 0, " values for ", count,
              " heads of which ", rest, " dimensions are left");
  const Tensor add = bias ? bias->to(at::kFloat).contiguous() : Tensor();
  for (int64_t h = 0; h < count; ++h) {
    float *head = heads + h * width;
    turn(head, cos.const_data_ptr<float>(), sin.const_data_ptr<float>(), half);
    if (!bias) continue;
    const float *from = add.const_data_ptr<float>() + h * rest;
    for (int64_t j = 0; j < rest; ++j) head[2 * half + j] += from[j];
  }
}

void store(const float *heads, Tensor &cache, int64_t position) {
  const int64_t width = cache.size(3);
  for (int64_t h = 0; h < cache.size(1); ++h) {
    const int64_t at = h * cache.stride(1) + position * width;
    const float *from = heads + h * width;
    if (cache.scalar_type() == at::kFloat) {
      std::copy(from, from + width, cache.mutable_data_ptr<float>() + at);
    } else {
      std::copy(from, from + width, cache.mutable_data_ptr<at::BFloat16>() + at);
    }
  }
}

namespace {

bool narrow_or_wide(const Tensor &t) { return t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16; }

void check_kept(const Tensor &k, const Tensor &v) {
  TORCH_CHECK(k.dim() == 4 && k.size(0) == 1 && k.sizes() == v.sizes() && k.scalar_type() == v.scalar_type() &&
                  narrow_or_wide(k) && k.is_cpu() && k.size(2) > 0,
              "keys and values must be [1, heads, length, width] of float32 or bfloat16 on the CPU, got ", k.sizes(),
              " and ", v.sizes());
}

}  // namespace

void check_step(const Tensor &projected, const Tensor &cos, const Tensor &sin, const Tensor &k, const Tensor &v,
                int64_t position) {
  check_kept(k, v);
  TORCH_CHECK(projected.scalar_type() == at::kFloat && projected.is_contiguous() &&
                  projected.numel() == 3 * k.size(1) * k.size(3) && k.is_contiguous() && v.is_contiguous() &&
                  position >= 0 && position < k.size(2),
              "projected ", projected.sizes(), " does not fit the caches ", k.sizes(), " at position ", position);
  check_angles(cos, sin, k.size(3));
}

void check_angles(const Tensor &cos, const Tensor &sin, int64_t width) {
  TORCH_CHECK(cos.scalar_type() == at::kFloat && cos.is_contiguous() && sin.is_contiguous() &&
                  cos.sizes() == sin.sizes() && cos.numel() == cos.size(-1) && 2 * cos.numel() <= width,
              "cos and sin must be one row of float32 angles, got ", cos.sizes());
}

namespace {

// k itself where each head's rows lie one after the other, else a copy.
Tensor in_rows(const Tensor &k) { return k.stride(3) == 1 && k.stride(2) == k.size(3) ? k : k.contiguous(); }

// attend's result as [1, 1, heads*width].
Tensor attend_heads(const Kept &m, const float *q, double scale, const at::TensorOptions &options) {
  Tensor y = at::empty({1, 1, m.heads * m.width}, options);
  attend(m, q, static_cast<float>(scale), y.mutable_data_ptr<float>());
  return y;
}

Tensor attend_row(const Tensor &q, const Tensor &k, const Tensor &v, double scale) {
  check_kept(k, v);
  TORCH_CHECK(q.scalar_type() == at::kFloat && q.numel() == k.size(1) * k.size(3),
              "one float32 query of each head is wanted, got ", q.sizes(), " for keys ", k.sizes());
  const Tensor keys = in_rows(k), values = in_rows(v), row = q.contiguous();
  Tensor y = at::empty({1, k.size(1), 1, k.size(3)}, row.options());
  attend(kept(keys, values, k.size(2)), row.const_data_ptr<float>(), static_cast<float>(scale),
         y.mutable_data_ptr<float>());
  return y;
}

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_attend_row(agi_tensor q, agi_tensor k, agi_tensor v, double scale, agi_tensor *out) {
  return guard([&] {
    at::AutoDispatchBelowADInplaceOrView below;
    *out = give(attend_row(ref(q), ref(k), ref(v), scale));
  });
}

agi_error *agi_attend_step(agi_tensor projected, agi_tensor cos, agi_tensor sin, agi_tensor query_bias,
                           agi_tensor key_bias, agi_tensor keys, agi_tensor values, int64_t position, int64_t seen,
                           double scale, agi_tensor *out) {
  return guard([&] {
    at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor &packed = ref(projected), &k = ref(keys), &v = ref(values);
    const at::Tensor &c = ref(cos), &s = ref(sin);
    check_step(packed, c, s, k, v, position);
    TORCH_CHECK(seen > 0 && seen <= position + 1, "at position ", position, " ", seen, " places cannot be seen");
    const int64_t heads = k.size(1), width = k.size(3);
    float *q = packed.mutable_data_ptr<float>();
    rotate(q, heads, width, c, s, opt(query_bias));
    rotate(q + heads * width, heads, width, c, s, opt(key_bias));
    store(q + heads * width, k, position);
    store(q + 2 * heads * width, v, position);
    *out = give(attend_heads(kept(k, v, seen), q, scale, packed.options()));
  });
}

agi_error *agi_query_step(agi_tensor query, agi_tensor cos, agi_tensor sin, agi_tensor keys, agi_tensor values,
                          int64_t seen, double scale, agi_tensor *out) {
  return guard([&] {
    at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor &row = ref(query), &k = ref(keys), &v = ref(values);
    check_kept(k, v);
    TORCH_CHECK(row.scalar_type() == at::kFloat && row.is_contiguous() && row.numel() == k.size(1) * k.size(3) &&
                    k.is_contiguous() && v.is_contiguous() && seen > 0 && seen <= k.size(2),
                "query ", row.sizes(), " does not fit ", seen, " places of the caches ", k.sizes());
    check_angles(ref(cos), ref(sin), k.size(3));
    float *q = row.mutable_data_ptr<float>();
    rotate(q, k.size(1), k.size(3), ref(cos), ref(sin), std::nullopt);
    *out = give(attend_heads(kept(k, v, seen), q, scale, row.options()));
  });
}

}  // extern "C"
