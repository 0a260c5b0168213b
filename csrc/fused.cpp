// Composite operations with backward passes of their own. Autograd would keep
// every intermediate result; these keep only what is dear to compute again (the
// results of matrix products) and repeat what is cheap (normalisation, GELU), so
// that a training step needs far less memory at the same speed.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "product.h"
#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Layer normalisation whose output is not kept but computed again for backward.
struct Norm {
  Tensor x, weight, bias, mean, rstd;

  Tensor forward(double eps, at::ScalarType dtype) {
    Tensor y;
    std::tie(y, mean, rstd) = at::native_layer_norm(x, {x.size(-1)}, weight, bias, eps);
    return y.to(dtype);
  }
  // Gradients of x, weight and bias from the gradient of the output.
  std::tuple<Tensor, Tensor, Tensor> backward(const Tensor &grad) const {
    return at::native_layer_norm_backward(grad.to(x.scalar_type()), x, {x.size(-1)}, mean, rstd, weight, bias,
                                          {true, true, true});
  }
};

// Whether nothing is recorded and x is a single row: then the results in between
// stay in float32 whatever the weights' type, since casts would cost more than
// they save.
bool decoding(const Tensor &x, const Tensor &weight) { return !at::GradMode::is_enabled() && one_row(x, weight); }

struct NormLinear : torch::autograd::Function<NormLinear> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &norm_weight, const Tensor &norm_bias,
                        double eps, const Tensor &weight) {
    Norm norm{x, norm_weight, norm_bias, {}, {}};
    const Tensor normed = norm.forward(eps, weight.scalar_type());
    ctx->saved_data["eps"] = eps;
    ctx->save_for_backward({x, norm_weight, norm_bias, weight, norm.mean, norm.rstd});
    return product(normed, weight);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &weight = saved[3], &grad_y = grads[0];
    Norm norm{saved[0], saved[1], saved[2], {}, {}};
    const double eps = ctx->saved_data["eps"].toDouble();
    if (!ctx->needs_input_grad(0)) return of_weights(norm, eps, weight, grad_y);
    const Tensor normed = norm.forward(eps, weight.scalar_type());
    const Tensor grad_weight = weight_gradient(grad_y, normed);
    auto [grad_x, grad_norm_weight, grad_norm_bias] = norm.backward(product(grad_y, weight.t()));
    return {grad_x, grad_norm_weight, grad_norm_bias, Tensor(), grad_weight};
  }

 private:
  // Where x needs no gradient, as what a stream remembers, one product gives the others. With γ and β the norm's weight
  // and bias, y = (x̂∘γ + β)·Wᵀ, g the gradient of y, M = gᵀ·x̂ and s = Σ_t g_t:
  //   dW = M∘γ + s·βᵀ, dγ_j = Σ_o W_oj·M_oj, dβ = Wᵀ·s.
  static variable_list of_weights(const Norm &norm, double eps, const Tensor &weight, const Tensor &g) {
    const auto type = norm.weight.scalar_type();
    const int64_t out = weight.size(0);
    Norm plain{norm.x, {}, {}, {}, {}};
    const Tensor m = weight_gradient(g, plain.forward(eps, weight.scalar_type())).to(type);
    const Tensor s = g.reshape({-1, out}).sum(0, /*keepdim=*/false, type), w = weight.to(type);
    return {Tensor(), (w * m).sum(0), s.matmul(w), Tensor(),
            (m * norm.weight).addr_(s, norm.bias).to(weight.scalar_type())};
  }
};

struct NormMLP : torch::autograd::Function<NormMLP> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &norm_weight, const Tensor &norm_bias,
                        double eps, const Tensor &up, const Tensor &down) {
    Norm norm{x, norm_weight, norm_bias, {}, {}};
    const Tensor hidden = product(norm.forward(eps, up.scalar_type()), up);
    ctx->saved_data["eps"] = eps;
    ctx->save_for_backward({x, norm_weight, norm_bias, up, down, hidden});
    return product(at::gelu(hidden), down);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &up = saved[3], &down = saved[4], &hidden = saved[5], &grad_y = grads[0];
    const Tensor grad_down = weight_gradient(grad_y, at::gelu(hidden));
    const Tensor grad_hidden = at::gelu_backward(product(grad_y, down.t()), hidden);
    Norm norm{saved[0], saved[1], saved[2], {}, {}};
    const Tensor normed = norm.forward(ctx->saved_data["eps"].toDouble(), up.scalar_type());
    const Tensor grad_up = weight_gradient(grad_hidden, normed);
    auto [grad_x, grad_norm_weight, grad_norm_bias] = norm.backward(product(grad_hidden, up.t()));
    return {grad_x, grad_norm_weight, grad_norm_bias, Tensor(), grad_up, grad_down};
  }
};

// The same without the norm.
struct MLP : torch::autograd::Function<MLP> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &up, const Tensor &down) {
    const Tensor hidden = product(x.to(up.scalar_type()), up);
    ctx->save_for_backward({x, up, down, hidden});
    return product(at::gelu(hidden), down);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &up = saved[1], &down = saved[2], &hidden = saved[3], &grad_y = grads[0];
    const Tensor grad_down = weight_gradient(grad_y, at::gelu(hidden));
    const Tensor grad_hidden = at::gelu_backward(product(grad_y, down.t()), hidden);
    const Tensor grad_up = weight_gradient(grad_hidden, x.to(up.scalar_type()));
    return {product(grad_hidden, up.t()).to(x.scalar_type()), grad_up, grad_down};
  }
};

// ---------------------------------------------------------------- rotary heads
// Turns the pairs (j, j + half) of one head by the angles whose cosines and sines
// are given; direction -1 turns back, which is the gradient's way.
template <typename T, typename A>
inline void turn(T *head, const A *cos, const A *sin, A direction, int64_t half) {
  for (int64_t j = 0; j < half; ++j) {
    const A a = static_cast<A>(head[j]), b = static_cast<A>(head[j + half]);
    const A s = direction * sin[j];
    head[j] = static_cast<T>(a * cos[j] - b * s);
    head[j + half] = static_cast<T>(b * cos[j] + a * s);
  }
}

// Rotates, in place, the query and key heads of packed [tokens, 3, heads, w] on the CPU.
template <typename T, typename A>
void turn_all(Tensor &packed, const Tensor &cos, const Tensor &sin, double direction) {
  const int64_t heads = packed.size(2), w = packed.size(3), half = cos.size(-1);
  const int64_t tokens = packed.size(0), angles = cos.numel() / std::max<int64_t>(half, 1);
  T *data = packed.data_ptr<T>();
  const A *c = cos.const_data_ptr<A>(), *s = sin.const_data_ptr<A>();
  const int64_t grain = std::max<int64_t>(1, at::internal::GRAIN_SIZE / (6 * heads * w + 1));
  at::parallel_for(0, tokens, grain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t at = (t % angles) * half;
      T *token = data + t * 3 * heads * w;
      for (int64_t h = 0; h < 2 * heads; ++h) {
        turn<T, A>(token + h * w, c + at, s + at, static_cast<A>(direction), half);
      }
    }
  });
}

// The same from tensor operations, for devices other than the CPU.
void turn_all_composed(Tensor &packed, const Tensor &cos, const Tensor &sin, double direction) {
  const int64_t half = cos.size(-1);
  const int64_t tokens = packed.size(0), angles = cos.numel() / std::max<int64_t>(half, 1);
  auto spread = [&](const Tensor &t) {
    return t.reshape({1, angles, 1, 1, half})
        .expand({tokens / angles, angles, 1, 1, half})
        .reshape({tokens, 1, 1, half});
  };
  Tensor heads = packed.narrow(1, 0, 2);
  Tensor a = heads.narrow(3, 0, half), b = heads.narrow(3, half, half);
  const Tensor c = spread(cos), s = spread(sin) * direction;
  const Tensor turned_a = a * c - b * s, turned_b = b * c + a * s;
  a.copy_(turned_a);
  b.copy_(turned_b);
}

void turn_packed(Tensor &packed, const Tensor &cos, const Tensor &sin, double direction) {
  if (packed.numel() == 0) return;  // an expert without tokens
  if (!packed.is_cpu()) return turn_all_composed(packed, cos, sin, direction);
  switch (packed.scalar_type()) {
    case at::kFloat:
      return turn_all<float, float>(packed, cos, sin, direction);
    case at::kDouble:
      return turn_all<double, double>(packed, cos, sin, direction);
    case at::kBFloat16:
      return turn_all<at::BFloat16, float>(packed, cos, sin, direction);
    default:
      return turn_all_composed(packed, cos, sin, direction);
  }
}

struct RotaryHeads : torch::autograd::Function<RotaryHeads> {
  static variable_list forward(AutogradContext *ctx, const Tensor &projected, int64_t heads, const Tensor &cos,
                               const Tensor &sin, const std::optional<Tensor> &query_bias,
                               const std::optional<Tensor> &key_bias, const std::optional<Tensor> &value_bias) {
    const int64_t batch = projected.size(0), length = projected.size(1);
    const int64_t w = projected.size(2) / (3 * heads), rotary = 2 * cos.size(-1);
    // Shares projected's storage without autograd's knowledge: the product that made
    // it does not need its own result for its gradient.
    Tensor packed = projected.variable_data().view({batch * length, 3, heads, w});
    turn_packed(packed, cos, sin, 1.0);
    int64_t biases = 0;
    for (const auto &bias : {query_bias, key_bias, value_bias}) {
      if (!bias) break;
      packed.select(1, biases++).narrow(2, rotary, w - rotary).add_(bias->view({batch * length, heads, w - rotary}));
    }
    ctx->save_for_backward({cos, sin});
    ctx->saved_data["biases"] = biases;
    variable_list heads_out;
    for (int64_t i = 0; i < 3; ++i) {
      heads_out.push_back(packed.view({batch, length, 3, heads, w}).select(2, i).transpose(1, 2));
    }
    return heads_out;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &cos = saved[0], &sin = saved[1];
    const int64_t batch = grads[0].size(0), heads = grads[0].size(1);
    const int64_t length = grads[0].size(2), w = grads[0].size(3), rotary = 2 * cos.size(-1);
    Tensor packed = at::empty({batch * length, 3, heads, w}, grads[0].options());
    Tensor view = packed.view({batch, length, 3, heads, w});
    for (int64_t i = 0; i < 3; ++i) view.select(2, i).copy_(grads[i].transpose(1, 2));
    Tensor bias_grads[3];
    for (int64_t i = 0; i < ctx->saved_data["biases"].toInt(); ++i) {
      bias_grads[i] = view.select(2, i).narrow(3, rotary, w - rotary).reshape({batch, length, heads * (w - rotary)});
    }
    turn_packed(packed, cos, sin, -1.0);
    return {packed.view({batch, length, 3 * heads * w}),
            Tensor(),
            Tensor(),
            Tensor(),
            bias_grads[0],
            bias_grads[1],
            bias_grads[2]};
  }
};

// The three tensors that rotary_heads returns. The biases of queries and keys are both
// given or both absent, and that of values goes with them only.
variable_list rotary_heads(const Tensor &projected, int64_t heads, const Tensor &cos, const Tensor &sin,
                           const std::optional<Tensor> &query_bias, const std::optional<Tensor> &key_bias,
                           const std::optional<Tensor> &value_bias) {
  TORCH_CHECK(projected.dim() == 3 && projected.is_contiguous() && heads > 0 && projected.size(2) % (3 * heads) == 0,
              "projected must be contiguous [batch, length, 3*heads*width], got ", projected.sizes(), " for ", heads,
              " heads");
  const int64_t width = projected.size(2) / (3 * heads), tokens = projected.size(0) * projected.size(1);
  TORCH_CHECK(cos.is_contiguous() && sin.is_contiguous() && cos.sizes() == sin.sizes() && cos.size(-1) > 0 &&
                  2 * cos.size(-1) <= width &&
                  (cos.numel() / cos.size(-1) == projected.size(1) || cos.numel() / cos.size(-1) == tokens),
              "cos and sin must be contiguous with a row for each position or for each token, got ", cos.sizes(),
              " for ", projected.sizes());
  TORCH_CHECK(cos.scalar_type() == (projected.scalar_type() == at::kDouble ? at::kDouble : at::kFloat),
              "cos and sin must be float32, or float64 with float64 heads");
  TORCH_CHECK(query_bias.has_value() == key_bias.has_value(), "query_bias and key_bias go together");
  TORCH_CHECK(key_bias.has_value() || !value_bias.has_value(), "value_bias goes with query_bias and key_bias");
  return RotaryHeads::apply(projected, heads, cos, sin, query_bias, key_bias, value_bias);
}

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_norm_linear(agi_tensor x, agi_tensor norm_weight, agi_tensor norm_bias, double eps, agi_tensor weight,
                           agi_tensor *out) {
  return guard([&] {
    const Tensor w = matmul_weight(ref(weight));
    if (decoding(ref(x), w)) {
      at::AutoDispatchBelowADInplaceOrView below;
      Norm norm{ref(x), ref(norm_weight), ref(norm_bias), {}, {}};
      *out = give(row_product(norm.forward(eps, ref(x).scalar_type()), w, row_type(ref(x), w)));
      return;
    }
    *out = give(NormLinear::apply(ref(x), ref(norm_weight), ref(norm_bias), eps, w));
  });
}

agi_error *agi_norm_mlp(agi_tensor x, agi_tensor norm_weight, agi_tensor norm_bias, double eps, agi_tensor up,
                        agi_tensor down, agi_tensor *out) {
  return guard([&] {
    const Tensor wide = matmul_weight(ref(up)), narrow = matmul_weight(ref(down));
    if (decoding(ref(x), wide)) {
      at::AutoDispatchBelowADInplaceOrView below;
      Norm norm{ref(x), ref(norm_weight), ref(norm_bias), {}, {}};
      const Tensor hidden = row_product(norm.forward(eps, ref(x).scalar_type()), wide, at::kFloat);
      *out = give(row_product(at::gelu(hidden), narrow, row_type(ref(x), narrow)));
      return;
    }
    *out = give(NormMLP::apply(ref(x), ref(norm_weight), ref(norm_bias), eps, wide, narrow));
  });
}

agi_error *agi_mlp(agi_tensor x, agi_tensor up, agi_tensor down, agi_tensor *out) {
  return guard([&] {
    const Tensor wide = matmul_weight(ref(up)), narrow = matmul_weight(ref(down));
    if (decoding(ref(x), wide)) {
      at::AutoDispatchBelowADInplaceOrView below;
      const Tensor hidden = row_product(ref(x), wide, at::kFloat);
      *out = give(row_product(at::gelu(hidden), narrow, row_type(ref(x), narrow)));
      return;
    }
    *out = give(MLP::apply(ref(x), wide, narrow));
  });
}

agi_error *agi_rotary_heads(agi_tensor projected, int64_t heads, agi_tensor cos, agi_tensor sin, agi_tensor query_bias,
                            agi_tensor key_bias, agi_tensor value_bias, agi_tensor *out) {
  return guard([&] {
    auto parts =
        rotary_heads(ref(projected), heads, ref(cos), ref(sin), opt(query_bias), opt(key_bias), opt(value_bias));
    for (size_t i = 0; i < 3; i++) out[i] = give(std::move(parts[i]));
  });
}

}  // extern "C"
