// Attention of a single position to keys and values that are kept, as in decoding:
// they may be bfloat16, half the bytes, while sums are float32.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "decode.h"
#include "product.h"

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

int64_t parts_of(const Kept &m) { return (m.length + kPart - 1) / kPart; }

}  // namespace

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

namespace {

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

}  // namespace

void attend(const Kept &m, const float *q, float scale, float *y) {
  const int64_t count = parts_of(m), tasks = m.heads * count;
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

}  // namespace agiformer
