// Linear attention (retention.cpp) of one position of a stream that is decoded.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "decode.h"
#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;

// S = left·S + k·vᵀ for the state S [width, width] of a head, and o = q·S.
using StateKernel = void (*)(float *state, const float *q, const float *k, const float *v, float left, float *o,
                             int64_t width);

__attribute__((always_inline)) inline void read_write(float *state, const float *q, const float *k, const float *v,
                                                      float left, float *o, int64_t width) {
  std::fill(o, o + width, 0.0f);
  for (int64_t i = 0; i < width; ++i, state += width) {
    for (int64_t j = 0; j < width; ++j) {
      state[j] = left * state[j] + k[i] * v[j];
      o[j] += q[i] * state[j];
    }
  }
}

void state_plain(float *state, const float *q, const float *k, const float *v, float left, float *o, int64_t width) {
  read_write(state, q, k, v, left, o, width);
}

#if defined(__x86_64__)
// The pointers lie apart; the compiler's vectors do, since no sum runs along a row.
__attribute__((target("avx2,fma"), optimize("O3"))) void state_avx2(float *__restrict state, const float *__restrict q,
                                                                    const float *__restrict k,
                                                                    const float *__restrict v, float left,
                                                                    float *__restrict o, int64_t width) {
  read_write(state, q, k, v, left, o, width);
}
#endif

StateKernel state_kernel() {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (fast) return state_avx2;
#endif
  return state_plain;
}

void check_state(const Tensor &projected, const Tensor &state, const Tensor &decay) {
  TORCH_CHECK(state.dim() == 4 && state.size(0) == 1 && state.size(2) == state.size(3) && state.is_contiguous() &&
                  state.is_cpu() && state.scalar_type() == at::kFloat && decay.scalar_type() == at::kFloat &&
                  decay.is_contiguous() && decay.numel() == state.size(1),
              "state must be float32 [1, heads, width, width] with a decay for each head, got ", state.sizes(), " and ",
              decay.sizes());
  TORCH_CHECK(projected.scalar_type() == at::kFloat && projected.is_contiguous() &&
                  projected.numel() == 3 * state.size(1) * state.size(3),
              "projected ", projected.sizes(), " does not fit the state ", state.sizes());
}

// y = x over the root mean square of its width values, times weight.
void norm_head(const float *x, const float *weight, float *y, int64_t width, double eps) {
  float sum = 0;
  for (int64_t j = 0; j < width; ++j) sum += x[j] * x[j];
  const auto inverse = static_cast<float>(1 / std::sqrt(sum / static_cast<double>(width) + eps));
  for (int64_t j = 0; j < width; ++j) y[j] = x[j] * inverse * weight[j];
}

}  // namespace

Tensor normed_row(const Tensor &x, int64_t heads, const Tensor &weight, double eps) {
  const Tensor from = x.to(at::kFloat).contiguous(), factors = weight.to(at::kFloat).contiguous();
  Tensor y = at::empty_like(from);
  const int64_t width = from.numel() / heads;
  for (int64_t at = 0; at < from.numel(); at += width) {
    norm_head(from.const_data_ptr<float>() + at, factors.const_data_ptr<float>() + at, y.mutable_data_ptr<float>() + at,
              width, eps);
  }
  return y;
}

}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_retain_step(agi_tensor projected, agi_tensor cos, agi_tensor sin, agi_tensor decay, agi_tensor state,
                           agi_tensor *out) {
  return guard([&] {
    at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor &packed = ref(projected), &matrix = ref(state);
    check_state(packed, matrix, ref(decay));
    const int64_t heads = matrix.size(1), width = matrix.size(3);
    check_angles(ref(cos), ref(sin), width);
    float *q = packed.mutable_data_ptr<float>(), *k = q + heads * width, *v = k + heads * width;
    rotate(q, 2 * heads, width, ref(cos), ref(sin), std::nullopt);
    at::Tensor y = at::empty({1, 1, heads * width}, packed.options());
    float *o = y.mutable_data_ptr<float>(), *s = matrix.mutable_data_ptr<float>();
    const float *rate = ref(decay).const_data_ptr<float>(), scale = 1 / std::sqrt(static_cast<float>(width));
    for (int64_t j = 0; j < heads * width; ++j) k[j] *= scale;
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t at = h * width;
      state_kernel()(s + at * width, q + at, k + at, v + at, std::exp(-std::exp(rate[h])), o + at, width);
    }
    *out = give(std::move(y));
  });
}

}  // extern "C"
