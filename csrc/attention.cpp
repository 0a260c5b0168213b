// softmax(scale·q·kᵀ)·v with the gradient: of float32 heads on the CPU by our own kernels, otherwise by libtorch.
#include "attention.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

#include "shim.h"

namespace agiformer {

const AttentionKernels *attention_kernels(int64_t width) {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f");
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512 && width % kAttentionAVX512.lanes == 0) return &kAttentionAVX512;
  if (avx2 && width % kAttentionAVX2.lanes == 0) return &kAttentionAVX2;
#endif
  return nullptr;
}

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Below this a few queries pay for laying out all keys: decoding many rows at once, above all.
constexpr int64_t kFewestQueries = 6;

const AttentionKernels &kernels_of(const Tensor &q) { return *attention_kernels(q.size(3)); }

// The heads of a batch, [B, H, T, w], whose rows are contiguous.
int64_t offset(const Tensor &t, int64_t head) {
  return head / t.size(1) * t.stride(0) + head % t.size(1) * t.stride(1);
}
Rows<const float> rows(const Tensor &t, int64_t head) {
  return {t.const_data_ptr<float>() + offset(t, head), t.stride(2)};
}
Rows<float> result_rows(const Tensor &t, int64_t head) {
  return {t.mutable_data_ptr<float>() + offset(t, head), t.stride(2)};
}

Tensor with_rows(const Tensor &t) { return t.stride(3) == 1 ? t : t.contiguous(); }

// Room for heads laid out as [B, T, H, w], as a linear map reads them.
Tensor room(int64_t batch, int64_t heads, int64_t length, const Tensor &like) {
  const int64_t w = like.size(3);
  return at::empty_strided({batch, heads, length, w}, {length * heads * w, w, heads * w, 1}, like.options());
}

// What is added to the scores: 0, or -infinity where the mask [B, 1, 1, S] hides a key; [B, S and more].
Tensor hidden_of(const std::optional<Tensor> &mask, const Tensor &k) {
  if (!mask) return Tensor();
  const int64_t lanes = k.size(0), keys = k.size(2);
  Tensor hidden = at::zeros({lanes, (keys + kHiddenMultiple - 1) / kHiddenMultiple * kHiddenMultiple}, k.options());
  hidden.narrow(1, 0, keys).masked_fill_(mask->view({-1, keys}).logical_not(), -std::numeric_limits<float>::infinity());
  return hidden;
}

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(AutogradContext *ctx, const Tensor &query, const Tensor &key, const Tensor &value,
                        const std::optional<Tensor> &mask, bool causal, double scale) {
    RECORD_FUNCTION("agiformer::attention", c10::ArrayRef<const c10::IValue>{});
    const Tensor q = with_rows(query), k = with_rows(key), v = with_rows(value), hidden = hidden_of(mask, k);
    const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2);
    Tensor y = room(batch, heads, length, q), log_sums = at::empty({batch * heads, length}, q.options());
    ctx->saved_data["causal"] = causal;
    ctx->saved_data["scale"] = scale;
    ctx->save_for_backward({q, k, v, hidden, y, log_sums});

    // Where there are fewer heads than threads, these share a head's queries out: each is computed by itself. Backward,
    // whose sums run over queries, leaves a head to one thread.
    const int64_t all = batch * heads, threads = at::get_num_threads();
    const int64_t parts = std::clamp<int64_t>(threads / all, 1, (length + 191) / 192),
                  part = (length + parts - 1) / parts;
    at::parallel_for(0, all * parts, 1, [&](int64_t begin, int64_t end) {
      const auto &kernels = kernels_of(q);
      const Tensor scratch =
          at::empty({kernels.forward_scratch(head_of(q, k, v, hidden, 0, causal, scale))}, q.options());
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = i / parts, first = i % parts * part;
        kernels.forward(head_of(q, k, v, hidden, at, causal, scale), first, std::min(first + part, length),
                        result_rows(y, at), log_sums.data_ptr<float>() + at * length, scratch.data_ptr<float>());
      }
    });
    return y;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &hidden = saved[3], &y = saved[4], &log_sums = saved[5];
    const bool causal = ctx->saved_data["causal"].toBool();
    const double scale = ctx->saved_data["scale"].toDouble();
    const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2);
    const Tensor grad_y = with_rows(grads[0]);
    const Tensor grad_q = room(batch, heads, length, q), grad_k = room(batch, heads, k.size(2), q),
                 grad_v = room(batch, heads, k.size(2), q);
    at::parallel_for(0, batch * heads, 1, [&](int64_t begin, int64_t end) {
      const auto &kernels = kernels_of(q);
      const Tensor scratch =
          at::empty({kernels.backward_scratch(head_of(q, k, v, hidden, 0, causal, scale))}, q.options());
      for (int64_t at = begin; at < end; ++at) {
        kernels.backward(head_of(q, k, v, hidden, at, causal, scale), rows(y, at),
                         log_sums.data_ptr<float>() + at * length, rows(grad_y, at), result_rows(grad_q, at),
                         result_rows(grad_k, at), result_rows(grad_v, at), scratch.data_ptr<float>());
      }
    });
    return {grad_q, grad_k, grad_v, Tensor(), Tensor(), Tensor()};
  }

 private:
  static Head head_of(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &hidden, int64_t head,
                      bool causal, double scale) {
    const float *mask = nullptr;
    if (hidden.defined()) mask = hidden.const_data_ptr<float>() + head / q.size(1) * hidden.stride(0);
    return {q.size(2), k.size(2), q.size(3), rows(q, head), rows(k, head), rows(v, head), static_cast<float>(scale),
            causal,    mask};
  }
};

bool ours(const Tensor &q, const Tensor &k, const Tensor &v, const std::optional<Tensor> &mask, double scale) {
  for (const Tensor *t : {&q, &k, &v})
    if (!t->is_cpu() || t->scalar_type() != at::kFloat || t->dim() != 4 || t->numel() == 0) return false;
  if (mask && (mask->scalar_type() != at::kBool || mask->sizes() != at::IntArrayRef{k.size(0), 1, 1, k.size(2)}))
    return false;
  return q.size(0) == k.size(0) && q.size(1) == k.size(1) && q.size(3) == k.size(3) && k.sizes() == v.sizes() &&
         q.size(2) >= kFewestQueries && scale > 0 && !at::autocast::is_autocast_enabled(at::kCPU) &&
         attention_kernels(q.size(3)) != nullptr;
}

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_attention(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor mask, bool causal, double scale,
                         agi_tensor *out) {
  return guard([&] {
    if (ours(ref(q), ref(k), ref(v), opt(mask), scale)) {
      *out = give(Attention::apply(ref(q), ref(k), ref(v), opt(mask), causal, scale));
    } else {
      *out = give(at::scaled_dot_product_attention(ref(q), ref(k), ref(v), opt(mask), 0, causal, scale));
    }
  });
}

agi_error *agi_attention_kernel(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor mask, bool causal, int64_t *out) {
  return guard([&] {
    if (ours(ref(q), ref(k), ref(v), opt(mask), 1)) {
      *out = 2;
    } else {
      *out = at::_fused_sdp_choice(ref(q), ref(k), ref(v), opt(mask), 0, causal, std::nullopt, false) > 0;
    }
  });
}

}  // extern "C"
