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

// A head of one sequence: the rows from `first` on of head `head` of the batch's lanes and heads, counted together.
struct Place {
  int64_t head, first, queries;
};

// The rows of a batch [B, H, T, w] from a place on; each row is contiguous.
int64_t offset(const Tensor &t, Place at) {
  return at.head / t.size(1) * t.stride(0) + at.head % t.size(1) * t.stride(1) + at.first * t.stride(2);
}
Rows<const float> rows(const Tensor &t, Place at) { return {t.const_data_ptr<float>() + offset(t, at), t.stride(2)}; }
Rows<float> result_rows(const Tensor &t, Place at) {
  return {t.mutable_data_ptr<float>() + offset(t, at), t.stride(2)};
}

Tensor with_rows(const Tensor &t) { return t.stride(3) == 1 ? t : t.contiguous(); }

// What is added to the scores: 0, or -infinity where the mask [B, 1, 1, S] hides a key; [B, S and more].
Tensor hidden_of(const std::optional<Tensor> &mask, const Tensor &k) {
  if (!mask) return Tensor();
  const int64_t lanes = k.size(0), keys = k.size(2);
  Tensor hidden = at::zeros({lanes, (keys + kHiddenMultiple - 1) / kHiddenMultiple * kHiddenMultiple}, k.options());
  hidden.narrow(1, 0, keys).masked_fill_(mask->view({-1, keys}).logical_not(), -std::numeric_limits<float>::infinity());
  return hidden;
}

// What attends to what: each lane's queries to its keys or, with runs, each run of a lane to itself. A run is two
// numbers, its first row, counted over the rows of all lanes, and how many it has.
struct Sequences {
  Tensor q, k, v, hidden;
  bool causal;
  double scale;
  std::vector<int64_t> runs;

  int64_t heads() const { return (runs.empty() ? q.size(0) : runs.size() / 2) * q.size(1); }
  int64_t longest() const {
    int64_t most = runs.empty() ? q.size(2) : 0;
    for (size_t i = 1; i < runs.size(); i += 2) most = std::max(most, runs[i]);
    return most;
  }
  bool cover_all() const {
    int64_t rows = runs.empty() ? q.size(0) * q.size(2) : 0;
    for (size_t i = 1; i < runs.size(); i += 2) rows += runs[i];
    return rows == q.size(0) * q.size(2);
  }

  Place place(int64_t i) const {
    if (runs.empty()) return {i, 0, q.size(2)};
    // A head's runs one after the other: threads share heads out, so that a long run does not fall to one of them.
    const int64_t n = runs.size() / 2, start = runs[i % n * 2], length = runs[i % n * 2 + 1];
    return {start / q.size(2) * q.size(1) + i / n, start % q.size(2), length};
  }
  Head head(Place at) const {
    const float *mask = nullptr;
    if (hidden.defined()) mask = hidden.const_data_ptr<float>() + at.head / q.size(1) * hidden.stride(0);
    return {at.queries,
            runs.empty() ? k.size(2) : at.queries,
            q.size(3),
            rows(q, at),
            rows(k, at),
            rows(v, at),
            static_cast<float>(scale),
            causal,
            mask};
  }
  // The largest, for the size of scratch memory.
  Head largest() const { return head({0, 0, longest()}); }

  // Room for something of every row of x, laid out as [B, T, H, w], as a linear map reads it: 0 where no run writes.
  Tensor results(const Tensor &x) const {
    const int64_t heads = x.size(1), length = x.size(2), w = x.size(3);
    Tensor room = at::empty_strided(x.sizes(), {length * heads * w, w, heads * w, 1}, x.options());
    return cover_all() ? room : room.zero_();
  }
};

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(AutogradContext *ctx, const Tensor &q, const Tensor &k, const Tensor &v,
                        const std::optional<Tensor> &mask, bool causal, double scale,
                        const std::vector<int64_t> &runs) {
    RECORD_FUNCTION("agiformer::attention", c10::ArrayRef<const c10::IValue>{});
    const Sequences s{with_rows(q), with_rows(k), with_rows(v), hidden_of(mask, k), causal, scale, runs};
    const int64_t length = q.size(2);
    Tensor y = s.results(s.q), log_sums = at::empty({q.size(0) * q.size(1), length}, q.options());
    ctx->saved_data["causal"] = causal;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["runs"] = runs;
    ctx->save_for_backward({s.q, s.k, s.v, s.hidden, y, log_sums});

    // Where there are fewer heads than threads, these share a head's queries out: each is computed by itself. Backward,
    // whose sums run over queries, leaves a head to one thread.
    const int64_t all = s.heads(), threads = at::get_num_threads();
    const int64_t parts = std::clamp<int64_t>(threads / all, 1, (s.longest() + 191) / 192);
    at::parallel_for(0, all * parts, 1, [&](int64_t begin, int64_t end) {
      const auto &kernels = kernels_of(s.q);
      const Tensor scratch = at::empty({kernels.forward_scratch(s.largest())}, q.options());
      for (int64_t i = begin; i < end; ++i) {
        const Place at = s.place(i / parts);
        const int64_t part = (at.queries + parts - 1) / parts, first = i % parts * part,
                      last = std::min(first + part, at.queries);
        if (first >= last) continue;
        kernels.forward(s.head(at), first, last, result_rows(y, at),
                        log_sums.data_ptr<float>() + at.head * length + at.first, scratch.data_ptr<float>());
      }
    });
    return y;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Sequences s{saved[0],
                      saved[1],
                      saved[2],
                      saved[3],
                      ctx->saved_data["causal"].toBool(),
                      ctx->saved_data["scale"].toDouble(),
                      ctx->saved_data["runs"].toIntVector()};
    const Tensor &y = saved[4], &log_sums = saved[5], grad_y = with_rows(grads[0]);
    const Tensor grad_q = s.results(s.q), grad_k = s.results(s.k), grad_v = s.results(s.v);
    at::parallel_for(0, s.heads(), 1, [&](int64_t begin, int64_t end) {
      const auto &kernels = kernels_of(s.q);
      const Tensor scratch = at::empty({kernels.backward_scratch(s.largest())}, grad_y.options());
      for (int64_t i = begin; i < end; ++i) {
        const Place at = s.place(i);
        kernels.backward(s.head(at), rows(y, at), log_sums.data_ptr<float>() + at.head * s.q.size(2) + at.first,
                         rows(grad_y, at), result_rows(grad_q, at), result_rows(grad_k, at), result_rows(grad_v, at),
                         scratch.data_ptr<float>());
      }
    });
    return {grad_q, grad_k, grad_v, Tensor(), Tensor(), Tensor(), Tensor()};
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
using at::Tensor;

extern "C" {

agi_error *agi_attention(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor mask, bool causal, double scale,
                         agi_tensor *out) {
  return guard([&] {
    if (ours(ref(q), ref(k), ref(v), opt(mask), scale)) {
      *out = give(Attention::apply(ref(q), ref(k), ref(v), opt(mask), causal, scale, std::vector<int64_t>()));
    } else {
      *out = give(at::scaled_dot_product_attention(ref(q), ref(k), ref(v), opt(mask), 0, causal, scale));
    }
  });
}

agi_error *agi_attention_of_runs(agi_tensor q, agi_tensor k, agi_tensor v, const int64_t *runs, int64_t n, double scale,
                                 agi_tensor *out) {
  return guard([&] {
    const Tensor &x = ref(q);
    TORCH_CHECK(n > 0, "there is no run");
    TORCH_CHECK(ours(x, ref(k), ref(v), std::nullopt, scale) && x.sizes() == ref(k).sizes(),
                "no kernel attends within runs of such heads");
    const int64_t length = x.size(2);
    for (int64_t i = 0, next = 0; i < n; ++i) {
      const int64_t first = runs[2 * i], end = first + runs[2 * i + 1];
      TORCH_CHECK(first >= next && end > first && first / length == (end - 1) / length && end <= x.size(0) * length,
                  "run ", i, " has the rows from ", first, " to before ", end, ", and some within one of ", x.size(0),
                  " lanes of ", length, " from ", next, " on are wanted");
      next = end;
    }
    *out = give(Attention::apply(x, ref(k), ref(v), std::nullopt, /*causal=*/true, scale,
                                 std::vector<int64_t>(runs, runs + 2 * n)));
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
