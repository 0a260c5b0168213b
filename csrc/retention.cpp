// Linear attention: retention (Sun et al. 2023), o_t = Σ_{j<=t} λ^(t-j) (q_t·k_j)
// v_j / sqrt(h) for each head, and the norm and map behind it. Both have backward
// passes of their own: between forward and backward they keep q, k, v and o, where
// autograd would keep four times as much.
#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "decode.h"
#include "product.h"
#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Whatever autocast is on, products run in the type of their factors.
struct NoAutocast {
  c10::impl::ExcludeDispatchKeyGuard guard{c10::autocast_dispatch_keyset};
};

at::ScalarType at_least_float(at::ScalarType t) { return t == at::kDouble ? at::kDouble : at::kFloat; }

// ---------------------------------------------------------------- chunks
// A sequence of T tokens cut into N chunks of C. If T is no multiple of C, the
// first chunk is filled up at its front: keys of 0 write nothing into a state,
// and the state at the start is 0.
struct Cut {
  int64_t lanes, heads, length, width, chunk, count, front;

  Cut(const Tensor &q, int64_t most)
      : lanes(q.size(0)), heads(q.size(1)), length(q.size(2)), width(q.size(3)), chunk(std::min(length, most)) {
    count = (length + chunk - 1) / chunk;
    front = count * chunk - length;
  }

  // x [lanes, heads, T, width] as chunks [lanes*N*heads, C, width] of the given type.
  Tensor of(const Tensor &x, at::ScalarType type) const {
    Tensor chunks = at::empty({lanes, count, heads, chunk, width}, x.options().dtype(type));
    if (front > 0) chunks.select(1, 0).narrow(2, 0, front).zero_();
    each_part(chunks, x.transpose(1, 2), [](Tensor in_chunks, Tensor in_order) { in_chunks.copy_(in_order); });
    return chunks.view({-1, chunk, width});
  }

  // The inverse: [lanes, heads, T, width], which lies in memory as [lanes, T, heads, width].
  Tensor join(const Tensor &chunks, at::ScalarType type) const {
    Tensor x = at::empty({lanes, length, heads, width}, chunks.options().dtype(type));
    each_part(chunks.view({lanes, count, heads, chunk, width}), x,
              [](Tensor in_chunks, Tensor in_order) { in_order.copy_(in_chunks); });
    return x.transpose(1, 2);
  }

  // t [lanes*N*heads, a, b] times factors of each head [heads, a, b or 1].
  Tensor scale(const Tensor &t, const Tensor &factors) const { return by_head(t).mul(factors).view_as(t); }
  Tensor scale_(Tensor t, const Tensor &factors) const {
    by_head(t).mul_(factors);
    return t;
  }
  // The sum over lanes and chunks of a·b for each head, [heads, a, b], in the given type.
  Tensor dot(const Tensor &a, const Tensor &b, at::ScalarType type) const {
    return by_head(a.mul(b)).sum(0, false, type);
  }

 private:
  Tensor by_head(const Tensor &t) const { return t.view({lanes * count, heads, t.size(1), t.size(2)}); }

  // Calls copy with matching views of the chunks and of the tokens in order
  // [lanes, T, heads, width]: the first chunk where it is short, and the others.
  template <class Copy>
  void each_part(const Tensor &chunks, const Tensor &order, Copy &&copy) const {
    const int64_t apart = front > 0 ? 1 : 0, head = apart * (chunk - front);
    if (apart) copy(chunks.select(1, 0).narrow(2, front, head), order.narrow(1, 0, head).transpose(1, 2));
    const auto rest = order.narrow(1, head, length - head).unflatten(1, {count - apart, chunk});
    copy(chunks.narrow(1, apart, count - apart), rest.transpose(2, 3));
  }
};

// ---------------------------------------------------------------- powers of the decay
// Powers of λ = exp(-exp(decay)), each from its exponent, so that none exceeds 1
// and none is divided by. Token i of a chunk counts from 0.
struct Powers {
  Tensor places;  // [C, 1]: i
  Tensor apart;   // [C, C]: i-j for j <= i, else 0
  Tensor within;  // [H, C, C]: λ^(i-j)/sqrt(h) for j <= i, else 0
  Tensor since;   // [H, C, 1]: λ^(i+1), what token i sees of the state before the chunk
  Tensor until;   // [H, C, 1]: λ^(C-1-j)/sqrt(h), what is left of token j in the state after it
  Tensor whole;   // [H, 1, 1]: λ^C, from state to state

  Powers(const Tensor &decay, const Cut &cut) {
    const Tensor rate = decay.to(at_least_float(decay.scalar_type())).exp().neg().view({-1, 1, 1});
    const double scale = 1 / std::sqrt(static_cast<double>(cut.width)), last = static_cast<double>(cut.chunk - 1);
    places = at::arange(cut.chunk, rate.options()).view({-1, 1});
    apart = (places - places.t()).clamp_min(0);
    within = rate.mul(apart).exp_().tril_().mul_(scale);
    since = rate.mul(places + 1).exp_();
    until = rate.mul(last - places).exp_().mul_(scale);
    whole = rate.mul(cut.chunk).exp_();
  }
};

// From what each chunk adds, a·b [lanes*N*heads, h, h], to the sum that stands
// before each chunk, decayed by λ^C from chunk to chunk; backwards, after each chunk.
// The last chunk's sum with what it adds goes to final, where given.
Tensor scan(const Cut &cut, const Powers &powers, const Tensor &a, const Tensor &b, bool backwards,
            Tensor *final = nullptr) {
  const Tensor added = a.bmm(b).view({cut.lanes, cut.count, cut.heads, cut.width, cut.width});
  Tensor sums = at::empty_like(added);
  const int64_t step = backwards ? -1 : 1;
  int64_t i = backwards ? cut.count - 1 : 0;
  sums.select(1, i).zero_();
  for (int64_t left = cut.count - 1; left > 0; --left, i += step) {
    Tensor next = sums.select(1, i + step);
    at::addcmul_out(next, added.select(1, i), sums.select(1, i), powers.whole);
  }
  if (final != nullptr) *final = added.select(1, i).addcmul(sums.select(1, i), powers.whole);
  return sums.view({-1, cut.width, cut.width});
}

// ---------------------------------------------------------------- retention
struct Retention : torch::autograd::Function<Retention> {
  // Returns o, in float32 at least, and where it is wanted the state after the last
  // token [lanes, heads, h, h], which has no gradient.
  static variable_list forward(AutogradContext *ctx, const Tensor &q, const Tensor &k, const Tensor &v,
                               const Tensor &decay, int64_t most, bool with_state) {
    NoAutocast products_as_typed;
    ctx->save_for_backward({q, k, v, decay});
    ctx->saved_data["chunk"] = most;
    const Cut cut(q, most);
    const Powers powers(decay, cut);
    const auto narrow = q.scalar_type(), wide = at_least_float(narrow);
    const Tensor qc = cut.of(q, narrow), kc = cut.of(k, narrow), vc = cut.of(v, narrow);
    const Tensor scores = cut.scale_(qc.bmm(kc.transpose(1, 2)), powers.within);
    Tensor o = scores.bmm(vc).to(wide);
    variable_list out(1);
    if (cut.count > 1 || with_state) {
      Tensor state;
      const Tensor writer = cut.scale(kc.to(wide), powers.until).transpose(1, 2);
      const Tensor before = scan(cut, powers, writer, vc.to(wide), false, with_state ? &state : nullptr);
      o.baddbmm_(cut.scale(qc.to(wide), powers.since), before);
      if (with_state) {
        out.push_back(state);
        ctx->mark_non_differentiable({state});
      }
    }
    out[0] = cut.join(o, wide);
    return out;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    NoAutocast products_as_typed;
    const auto saved = ctx->get_saved_variables();
    const Tensor &decay = saved[3];
    const Cut cut(saved[0], ctx->saved_data["chunk"].toInt());
    const Powers powers(decay, cut);
    const auto narrow = saved[0].scalar_type(), wide = at_least_float(narrow);
    const Tensor q = cut.of(saved[0], narrow), k = cut.of(saved[1], narrow), v = cut.of(saved[2], narrow);
    const Tensor grad_o = cut.of(grads[0], wide);
    Gradients to;
    within_chunks(cut, powers, q, k, v, grad_o.to(narrow), to);
    if (cut.count > 1) between_chunks(cut, powers, q.to(wide), k.to(wide), v.to(wide), grad_o, to);
    // ln λ = -exp(decay) is its own derivative.
    const Tensor grad_decay = to.rate.to(decay.scalar_type()).mul(decay.exp().neg());
    return {cut.join(to.q, narrow), cut.join(to.k, narrow), cut.join(to.v, narrow), grad_decay, Tensor(), Tensor()};
  }

 private:
  // Gradients of q, k, v in chunks and of ln λ [heads], in float32 at least.
  struct Gradients {
    Tensor q, k, v, rate;
  };

  // What goes through the scores within chunks; products in the type of q.
  static void within_chunks(const Cut &cut, const Powers &powers, const Tensor &q, const Tensor &k, const Tensor &v,
                            const Tensor &grad_o, Gradients &to) {
    const auto wide = at_least_float(q.scalar_type());
    Tensor scores = q.bmm(k.transpose(1, 2));
    const Tensor grad_scores = cut.scale_(grad_o.bmm(v.transpose(1, 2)), powers.within);
    // A score's power of λ grows by i-j of itself with ln λ.
    to.rate = cut.dot(grad_scores, scores, wide).mul_(powers.apart).sum({1, 2});
    to.q = grad_scores.bmm(k).to(wide);
    to.k = grad_scores.transpose(1, 2).bmm(q).to(wide);
    to.v = cut.scale_(scores, powers.within).transpose(1, 2).bmm(grad_o).to(wide);
  }

  // What goes through the states between chunks, all in float32 at least. The
  // states are computed again; their gradients are the same recurrence backwards.
  static void between_chunks(const Cut &cut, const Powers &powers, const Tensor &q, const Tensor &k, const Tensor &v,
                             const Tensor &grad_o, Gradients &to) {
    const Tensor writer = cut.scale(k, powers.until), reader = cut.scale(q, powers.since);
    const Tensor before = scan(cut, powers, writer.transpose(1, 2), v, false);
    const Tensor after = scan(cut, powers, reader.transpose(1, 2), grad_o, true);
    const auto type = q.scalar_type();
    to.rate.add_(cut.dot(after, before, type).sum({1, 2}).mul_(powers.whole.view({-1})), cut.chunk);
    to.v.baddbmm_(writer, after);
    const Tensor grad_q = cut.scale_(grad_o.bmm(before.transpose(1, 2)), powers.since);
    to.rate.add_(cut.dot(grad_q, q, type).mul_(powers.places + 1).sum({1, 2}));
    to.q.add_(grad_q);
    const Tensor grad_k = cut.scale_(v.bmm(after.transpose(1, 2)), powers.until);
    to.rate.add_(cut.dot(grad_k, k, type).mul_(cut.chunk - 1 - powers.places).sum({1, 2}));
    to.k.add_(grad_k);
  }
};

// ---------------------------------------------------------------- norm of heads
// Divides each head [.., heads, h] by its root mean square, sqrt(mean(x²) + eps).
struct HeadNorm {
  Tensor normed, inverse;  // [tokens, heads, h], [tokens, heads, 1]

  HeadNorm(const Tensor &x, int64_t heads, double eps) {
    const Tensor cut = x.reshape({-1, heads, x.size(-1) / heads});
    inverse = cut.square().mean(-1, true).add_(eps).rsqrt_();
    normed = cut.mul(inverse);
  }
  // normed times the weights [d], in the shape of x.
  Tensor scaled(const Tensor &x, const Tensor &weight) const {
    return normed.mul(weight.view({normed.size(1), -1})).view(x.sizes());
  }
  // The gradient of x from that of normed.
  Tensor backward(const Tensor &grad) const {
    const Tensor along = grad.mul(normed).mean(-1, true);
    return at::addcmul(grad, normed, along, -1).mul_(inverse);
  }
};

struct HeadNormLinear : torch::autograd::Function<HeadNormLinear> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, int64_t heads, const Tensor &norm_weight, double eps,
                        const Tensor &weight) {
    ctx->save_for_backward({x, norm_weight, weight});
    ctx->saved_data["heads"] = heads;
    ctx->saved_data["eps"] = eps;
    return product(HeadNorm(x, heads, eps).scaled(x, norm_weight).to(weight.scalar_type()), weight);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &norm_weight = saved[1], &weight = saved[2], &grad_y = grads[0];
    const HeadNorm norm(x, ctx->saved_data["heads"].toInt(), ctx->saved_data["eps"].toDouble());
    const Tensor grad_weight = weight_gradient(grad_y, norm.scaled(x, norm_weight).to(weight.scalar_type()));
    const Tensor grad = product(grad_y, weight.t()).to(x.scalar_type()).view_as(norm.normed);
    const Tensor grad_norm_weight = grad.mul(norm.normed).sum(0).view_as(norm_weight);
    const Tensor grad_x = norm.backward(grad.mul(norm_weight.view({norm.normed.size(1), -1})));
    return {grad_x.view_as(x), Tensor(), grad_norm_weight, Tensor(), grad_weight};
  }
};

variable_list retention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &decay, int64_t chunk,
                        bool with_state) {
  TORCH_CHECK(q.dim() == 4 && q.size(2) > 0 && k.sizes() == q.sizes() && v.sizes() == q.sizes(),
              "q, k and v must be [lanes, heads, tokens, width] with a token at least, got ", q.sizes(), ", ",
              k.sizes(), " and ", v.sizes());
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type(), "q, k and v differ in type");
  TORCH_CHECK(decay.dim() == 1 && decay.size(0) == q.size(1) &&
                  at_least_float(decay.scalar_type()) == at_least_float(q.scalar_type()),
              "decay must have a value for each of ", q.size(1), " heads, float64 with float64 heads, got ",
              decay.sizes(), " ", decay.scalar_type());
  TORCH_CHECK(chunk > 0, "chunk must be positive, got ", chunk);
  return Retention::apply(q, k, v, decay, chunk, with_state);
}

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_retention(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor decay, int64_t chunk, bool with_state,
                         agi_tensor *out) {
  return guard([&] {
    auto parts = retention(ref(q), ref(k), ref(v), ref(decay), chunk, with_state);
    for (size_t i = 0; i < parts.size(); i++) out[i] = give(std::move(parts[i]));
  });
}

agi_error *agi_head_norm_linear(agi_tensor x, int64_t heads, agi_tensor norm_weight, double eps, agi_tensor weight,
                                agi_tensor *out) {
  return guard([&] {
    TORCH_CHECK(heads > 0 && ref(norm_weight).dim() == 1 && ref(x).size(-1) == ref(norm_weight).size(0) &&
                    ref(x).size(-1) % heads == 0,
                "norm_weight must have a value for each of ", heads, " whole heads of ", ref(x).sizes(), ", got ",
                ref(norm_weight).sizes());
    const Tensor w = matmul_weight(ref(weight));
    if (!at::GradMode::is_enabled() && one_row(ref(x), w)) {  // decoding: no casts of a single row
      at::AutoDispatchBelowADInplaceOrView below;
      *out = give(row_product(normed_row(ref(x), heads, ref(norm_weight), eps), w, row_type(ref(x), w)));
      return;
    }
    *out = give(HeadNormLinear::apply(ref(x), heads, ref(norm_weight), eps, w));
  });
}

}  // extern "C"
