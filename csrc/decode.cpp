// Attention of a single position to keys and values that are kept, as in decoding.
// libtorch's operators would take ten calls a layer (rotation, casts, two copies
// into the cache, attention); the arithmetic between two products is too small for
// that, and here the caches may be bfloat16, half the bytes, while sums are float32.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "product.h"
#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;

// ---------------------------------------------------------------- weighted sums
// y[j] += Σ_i p[i]·v[i][j]. Blocks of 64 columns stay in registers over all rows.
using SumKernel = void (*)(const void *v, const float *p, float *y, int64_t rows, int64_t width);

template <typename T>
__attribute__((always_inline)) inline void weighted_sum(const void *from, const float *p, float *y, int64_t rows,
                                                        int64_t width) {
  constexpr int64_t block = 64;
  const T *v = static_cast<const T *>(from);
  int64_t j = 0;
  for (; j + block <= width; j += block) {
    float sum[block];
    for (int64_t u = 0; u < block; ++u) sum[u] = y[j + u];
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t u = 0; u < block; ++u) sum[u] += p[i] * static_cast<float>(v[i * width + j + u]);
    for (int64_t u = 0; u < block; ++u) y[j + u] = sum[u];
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t u = j; u < width; ++u) y[u] += p[i] * static_cast<float>(v[i * width + u]);
}

template <typename T>
void sum_plain(const void *v, const float *p, float *y, int64_t rows, int64_t width) {
  weighted_sum<T>(v, p, y, rows, width);
}

#if defined(__x86_64__)
// The compiler's vectors do here: no sum runs along a row, so no order changes.
template <typename T>
__attribute__((target("avx512f,avx512bw,prefer-vector-width=512"), optimize("O3"))) void sum_avx512(
    const void *v, const float *p, float *y, int64_t rows, int64_t width) {
  weighted_sum<T>(v, p, y, rows, width);
}
template <typename T>
__attribute__((target("avx2,fma"), optimize("O3"))) void sum_avx2(const void *v, const float *p, float *y, int64_t rows,
                                                                  int64_t width) {
  weighted_sum<T>(v, p, y, rows, width);
}
#endif

template <typename T>
SumKernel choose_sum_kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw")) return sum_avx512<T>;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return sum_avx2<T>;
#endif
  return sum_plain<T>;
}

SumKernel sum_kernel(at::ScalarType type) {
  static const SumKernel of_float = choose_sum_kernel<float>(), of_bfloat16 = choose_sum_kernel<at::BFloat16>();
  return type == at::kFloat ? of_float : of_bfloat16;
}

// ---------------------------------------------------------------- attention
// Keys are taken this many at a time: the values that belong to them, which in the
// bank are the keys themselves, are then read while they are still in the cache.
constexpr int64_t kPart = 64;

// What attention to some of the keys gives: softmax's largest score and sum beside the weighted values.
struct Part {
  float largest, sum;
};

// The keys and values [heads, length, width], a head's in one piece, heads stride values apart.
struct Kept {
  const char *keys, *values;
  at::ScalarType type;
  int64_t heads, length, width, key_stride, value_stride;  // strides in bytes
  int64_t row() const { return width * (type == at::kFloat ? 4 : 2); }
  int64_t parts() const { return (length + kPart - 1) / kPart; }
};

Kept kept(const Tensor &k, const Tensor &v, int64_t length) {
  const auto size = static_cast<int64_t>(k.element_size());
  return {static_cast<const char *>(k.const_data_ptr()),
          static_cast<const char *>(v.const_data_ptr()),
          k.scalar_type(),
          k.size(1),
          length,
          k.size(3),
          k.stride(1) * size,
          v.stride(1) * size};
}

Part attend_part(const Kept &m, int64_t head, int64_t part, const float *q, float scale, float *y) {
  const int64_t first = part * kPart, n = std::min(kPart, m.length - first);
  float p[kPart];
  row_kernel(m.type)(m.keys + head * m.key_stride + first * m.row(), q, p, n, m.width);
  Part result{-std::numeric_limits<float>::infinity(), 0};
  for (int64_t i = 0; i < n; ++i) result.largest = std::max(result.largest, p[i] *= scale);
  for (int64_t i = 0; i < n; ++i) result.sum += p[i] = std::exp(p[i] - result.largest);
  std::fill(y, y + m.width, 0.0f);
  sum_kernel(m.type)(m.values + head * m.value_stride + first * m.row(), p, y, n, m.width);
  return result;
}

// Joins the parts of a head, whose weighted values lie one after the other in from.
void join(const Part *parts, const float *from, int64_t count, int64_t width, float *y) {
  float largest = parts[0].largest, sum = 0;
  for (int64_t i = 1; i < count; ++i) largest = std::max(largest, parts[i].largest);
  for (int64_t i = 0; i < count; ++i) sum += parts[i].sum * std::exp(parts[i].largest - largest);
  std::fill(y, y + width, 0.0f);
  for (int64_t i = 0; i < count; ++i) {
    const float share = std::exp(parts[i].largest - largest) / sum;
    for (int64_t j = 0; j < width; ++j) y[j] += share * from[i * width + j];
  }
}

// y [heads, width] = softmax(q·kᵀ·scale)·v for q [heads, width].
void attend(const Kept &m, const float *q, float scale, float *y) {
  const int64_t count = m.parts(), tasks = m.heads * count;
  std::vector<float> sums(static_cast<size_t>(tasks * m.width));
  std::vector<Part> parts(static_cast<size_t>(tasks));
  // A thread's share is to be worth waking it.
  const int64_t grain = std::max<int64_t>(1, (128 << 10) / (2 * kPart * m.row()));
  at::parallel_for(0, tasks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t head = t / count;
      parts[t] = attend_part(m, head, t % count, q + head * m.width, scale, &sums[t * m.width]);
    }
  });
  for (int64_t h = 0; h < m.heads; ++h) {
    join(&parts[h * count], &sums[h * count * m.width], count, m.width, y + h * m.width);
  }
}

// Turns the pairs (j, j + half) of a head.
void turn(float *head, const float *cos, const float *sin, int64_t half) {
  for (int64_t j = 0; j < half; ++j) {
    const float a = head[j], b = head[j + half];
    head[j] = a * cos[j] - b * sin[j];
    head[j + half] = b * cos[j] + a * sin[j];
  }
}

// Turns heads [heads, width] and adds the bias [heads, width-2·half] to their last dimensions.
void rotate(float *heads, int64_t count, int64_t width, const Tensor &cos, const Tensor &sin,
            const std::optional<Tensor> &bias) {
  const int64_t half = cos.size(-1), rest = width - 2 * half;
  const Tensor add = bias ? bias->to(at::kFloat).contiguous() : Tensor();
  for (int64_t h = 0; h < count; ++h) {
    float *head = heads + h * width;
    turn(head, cos.const_data_ptr<float>(), sin.const_data_ptr<float>(), half);
    if (!bias) continue;
    const float *from = add.const_data_ptr<float>() + h * rest;
    for (int64_t j = 0; j < rest; ++j) head[2 * half + j] += from[j];
  }
}

// Writes heads [heads, width] to a place of the cache [1, heads, capacity, width].
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

bool narrow_or_wide(const Tensor &t) { return t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16; }

void check_kept(const Tensor &k, const Tensor &v) {
  TORCH_CHECK(k.dim() == 4 && k.size(0) == 1 && k.sizes() == v.sizes() && k.scalar_type() == v.scalar_type() &&
                  narrow_or_wide(k) && k.is_cpu() && k.size(2) > 0,
              "keys and values must be [1, heads, length, width] of float32 or bfloat16 on the CPU, got ", k.sizes(),
              " and ", v.sizes());
}

// k itself where each head's rows lie one after the other, else a copy.
Tensor in_rows(const Tensor &k) { return k.stride(3) == 1 && k.stride(2) == k.size(3) ? k : k.contiguous(); }

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

agi_error *agi_attend_step(agi_tensor projected, int64_t heads, agi_tensor cos, agi_tensor sin, agi_tensor query_bias,
                           agi_tensor key_bias, agi_tensor keys, agi_tensor values, int64_t position, double scale,
                           agi_tensor *out) {
  return guard([&] {
    at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor &packed = ref(projected), &k = ref(keys), &v = ref(values);
    check_kept(k, v);
    const int64_t width = k.size(3);
    TORCH_CHECK(packed.scalar_type() == at::kFloat && packed.is_contiguous() && packed.numel() == 3 * heads * width &&
                    k.size(1) == heads && k.is_contiguous() && v.is_contiguous() && position < k.size(2),
                "projected ", packed.sizes(), " does not fit the caches ", k.sizes(), " at position ", position);
    const at::Tensor &c = ref(cos), &s = ref(sin);
    TORCH_CHECK(c.scalar_type() == at::kFloat && c.is_contiguous() && s.is_contiguous() && c.sizes() == s.sizes() &&
                    c.numel() == c.size(-1) && 2 * c.numel() <= width,
                "cos and sin must be one row of float32 angles, got ", c.sizes());
    float *q = packed.mutable_data_ptr<float>();
    rotate(q, heads, width, c, s, opt(query_bias));
    rotate(q + heads * width, heads, width, c, s, opt(key_bias));
    store(q + heads * width, k, position);
    store(q + 2 * heads * width, v, position);
    at::Tensor y = at::empty({1, 1, heads * width}, packed.options());
    attend(kept(k, v, position + 1), q, static_cast<float>(scale), y.mutable_data_ptr<float>());
    *out = give(std::move(y));
  });
}

}  // extern "C"
