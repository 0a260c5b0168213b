#include "product.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;

// ---------------------------------------------------------------- one row
// y[i] = Σ_j w[i][j]·x[j]. Rows are read one after the other: several at once
// would be several streams from memory, which is slower (measured: 22 GB/s
// against 12 with four rows, and 12 with MKL's sgemv, on one core).
inline float widen(float v) { return v; }
inline float widen(at::BFloat16 v) { return static_cast<float>(v); }

template <typename T>
void row_plain(const void *weight, const float *x, float *y, int64_t rows, int64_t in) {
  const T *w = static_cast<const T *>(weight);
  for (int64_t i = 0; i < rows; ++i, w += in) {
    float sum[8] = {};
    int64_t j = 0;
    for (; j + 8 <= in; j += 8)
      for (int64_t u = 0; u < 8; ++u) sum[u] += widen(w[j + u]) * x[j + u];
    for (; j < in; ++j) sum[0] += widen(w[j]) * x[j];
    y[i] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  }
}

#if defined(__x86_64__)
// GCC 12 takes the undefined operands inside its own intrinsics for a mistake of ours.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#define AVX512 __attribute__((target("avx512f")))
#define AVX2 __attribute__((target("avx2,fma")))

// Sixteen or eight values, widened to float32: a bfloat16 is a float32's upper half.
AVX512 inline __m512 load16(const float *p) { return _mm512_loadu_ps(p); }
AVX512 inline __m512 load16(const at::BFloat16 *p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
AVX2 inline __m256 load8(const float *p) { return _mm256_loadu_ps(p); }
AVX2 inline __m256 load8(const at::BFloat16 *p) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

template <typename T>
AVX512 void row_avx512(const void *weight, const float *x, float *y, int64_t rows, int64_t in) {
  const T *w = static_cast<const T *>(weight);
  for (int64_t i = 0; i < rows; ++i, w += in) {
    __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
    int64_t j = 0;
    for (; j + 64 <= in; j += 64) {
      a = _mm512_fmadd_ps(load16(w + j), _mm512_loadu_ps(x + j), a);
      b = _mm512_fmadd_ps(load16(w + j + 16), _mm512_loadu_ps(x + j + 16), b);
      c = _mm512_fmadd_ps(load16(w + j + 32), _mm512_loadu_ps(x + j + 32), c);
      d = _mm512_fmadd_ps(load16(w + j + 48), _mm512_loadu_ps(x + j + 48), d);
    }
    float sum = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
    for (; j < in; ++j) sum += widen(w[j]) * x[j];
    y[i] = sum;
  }
}

template <typename T>
AVX2 void row_avx2(const void *weight, const float *x, float *y, int64_t rows, int64_t in) {
  const T *w = static_cast<const T *>(weight);
  for (int64_t i = 0; i < rows; ++i, w += in) {
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    int64_t j = 0;
    for (; j + 32 <= in; j += 32) {
      a = _mm256_fmadd_ps(load8(w + j), _mm256_loadu_ps(x + j), a);
      b = _mm256_fmadd_ps(load8(w + j + 8), _mm256_loadu_ps(x + j + 8), b);
      c = _mm256_fmadd_ps(load8(w + j + 16), _mm256_loadu_ps(x + j + 16), c);
      d = _mm256_fmadd_ps(load8(w + j + 24), _mm256_loadu_ps(x + j + 24), d);
    }
    const __m256 all = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    float sum = _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
    for (; j < in; ++j) sum += widen(w[j]) * x[j];
    y[i] = sum;
  }
}
#pragma GCC diagnostic pop
#endif

template <typename T>
RowKernel choose_row_kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return row_avx512<T>;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return row_avx2<T>;
#endif
  return row_plain<T>;
}

// ---------------------------------------------------------------- oneDNN
using Pointwise = Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &, std::string_view,
                         c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);

// On Intel's processors MKL, which libtorch takes by itself, uses AVX-512 too, and reads the weight as it lies.
bool mkl_is_at_home() {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return false;
#endif
}

// libtorch's operator over oneDNN's matrix product; absent where MKL is at home and in builds without oneDNN.
const std::optional<c10::TypedOperatorHandle<Pointwise>> &pointwise() {
  static const auto found = []() -> std::optional<c10::TypedOperatorHandle<Pointwise>> {
    if (mkl_is_at_home()) return std::nullopt;
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!schema || !schema->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return std::nullopt;
    return schema->typed<Pointwise>();
  }();
  return found;
}

// Small products are not worth oneDNN's set-up.
bool large(const Tensor &x, const Tensor &weight) {
  return x.numel() / x.size(-1) >= 32 && weight.size(0) >= 64 && weight.size(1) >= 32;
}

// A weight that is part of a wider one is copied first, along its rows: oneDNN would multiply it number by number.
Tensor whole(const Tensor &weight) {
  if (weight.is_contiguous() || weight.t().is_contiguous()) return weight;
  return weight.stride(0) == 1 ? weight.t().contiguous().t() : weight.contiguous();
}

Tensor onednn(const Tensor &x, const Tensor &weight) {
  return pointwise()->call(x, whole(weight), std::nullopt, "none", c10::List<std::optional<at::Scalar>>(),
                           std::nullopt);
}

Tensor rows(const Tensor &t) { return t.reshape({-1, t.size(-1)}); }

// A linear map without bias whose products, forward and backward, are product's.
struct Project : torch::autograd::Function<Project> {
  static Tensor forward(torch::autograd::AutogradContext *ctx, const Tensor &x, const Tensor &weight) {
    ctx->save_for_backward({x, weight});
    return product(x, weight);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    Tensor grad_x, grad_weight;
    if (ctx->needs_input_grad(0)) grad_x = product(grads[0], saved[1].t());
    if (ctx->needs_input_grad(1)) grad_weight = weight_gradient(grads[0], saved[0]);
    return {grad_x, grad_weight};
  }
};

}  // namespace

bool one_row(const Tensor &x, const Tensor &weight) {
  const auto type = weight.scalar_type();
  return x.numel() == weight.size(1) && weight.is_contiguous() && weight.is_cpu() &&
         (type == at::kFloat || type == at::kBFloat16);
}

RowKernel row_kernel(at::ScalarType weight) {
  static const RowKernel of_float = choose_row_kernel<float>(), of_bfloat16 = choose_row_kernel<at::BFloat16>();
  return weight == at::kFloat ? of_float : of_bfloat16;
}

at::ScalarType row_type(const Tensor &x, const Tensor &weight) {
  const bool recorded = at::GradMode::is_enabled();
  return !recorded && x.scalar_type() == at::kFloat ? at::kFloat : weight.scalar_type();
}

// x [..., 1, in]: the row kernel, its output rows shared out among the threads.
Tensor row_product(const Tensor &x, const Tensor &weight, at::ScalarType dtype) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const Tensor row = x.to(at::kFloat).contiguous();
  auto shape = x.sizes().vec();
  shape.back() = out;
  Tensor y = at::empty(shape, row.options());
  const bool wide = weight.scalar_type() == at::kFloat;
  const RowKernel kernel = row_kernel(weight.scalar_type());
  const char *w = static_cast<const char *>(weight.const_data_ptr());
  const float *from = row.const_data_ptr<float>();
  float *to = y.mutable_data_ptr<float>();
  const int64_t row_bytes = in * (wide ? 4 : 2);
  const int64_t grain = std::max<int64_t>(16, (256 << 10) / std::max<int64_t>(row_bytes, 1));
  at::parallel_for(0, out, grain, [&](int64_t begin, int64_t end) {
    kernel(w + begin * row_bytes, from, to + begin, end - begin, in);
  });
  return y.to(dtype);
}

Tensor matmul_weight(const Tensor &weight) {
  const auto device = weight.device().type();
  if (!at::autocast::is_autocast_enabled(device) || weight.scalar_type() == at::kDouble) return weight;
  return at::autocast::cached_cast(at::autocast::get_autocast_dtype(device), weight, device);
}

Tensor product(const Tensor &x, const Tensor &weight) {
  at::AutoDispatchBelowADInplaceOrView below;
  if (one_row(x, weight)) return row_product(x, weight, weight.scalar_type());
  if (x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && x.is_cpu() && large(x, weight) &&
      pointwise()) {
    return onednn(x, weight);
  }
  return at::linear(x, weight);
}

// oneDNN's operator lays g^T out anew, in one thread, which only pays where the product is wide both ways: 1,024
// tokens, 1,024 by 256 or 256 by 1,024, take two thirds of the time in MKL, which reads g as it lies; 2,048 by 512 and
// more are oneDNN's by up to a quarter (an EPYC without AVX-512, docs/performance.md).
Tensor weight_gradient(const Tensor &grad_y, const Tensor &x) {
  constexpr int64_t worth_a_copy = 512;
  const Tensor g = rows(grad_y), from = rows(x);
  if (g.scalar_type() == at::kFloat && from.scalar_type() == at::kFloat && g.is_cpu() &&
      std::min(g.size(1), from.size(1)) >= worth_a_copy && g.size(0) >= 32 && pointwise()) {
    at::AutoDispatchBelowADInplaceOrView below;
    return onednn(g.t(), from.t());
  }
  return g.t().mm(from);
}

}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_project(agi_tensor x, agi_tensor weight, agi_tensor *out) {
  return guard([&] {
    const Tensor w = matmul_weight(ref(weight));
    const Tensor &from = ref(x);
    if (at::GradMode::is_enabled() && (from.requires_grad() || w.requires_grad())) {
      *out = give(Project::apply(from.to(w.scalar_type()), w));
    } else if (one_row(from, w)) {
      at::AutoDispatchBelowADInplaceOrView below;
      *out = give(row_product(from, w, row_type(from, w)));
    } else {
      *out = give(product(from.to(w.scalar_type()), w));
    }
  });
}

}  // extern "C"
