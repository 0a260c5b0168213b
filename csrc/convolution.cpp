// The embedding's convolution over time: y_t = x_t + Σ_i c_i ⊙ x_{t-i}, i from 1 to K-1. libtorch's conv1d wants time
// last, padding and a kernel of one tensor, and on the CPU its gradient takes as long as a block's norms together; K-1
// shifted products need none of that.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The tokens of x [B, T, d] that have one `back` places before them, and those that stand there: [B, T-back, d] each.
Tensor later(const Tensor &x, int64_t back) { return x.narrow(1, back, x.size(1) - back); }
Tensor earlier(const Tensor &x, int64_t back) { return x.narrow(1, 0, x.size(1) - back); }

struct CausalConvolution : torch::autograd::Function<CausalConvolution> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &factors) {
    ctx->save_for_backward({x, factors});
    Tensor y = x.clone(at::MemoryFormat::Contiguous);
    for (int64_t i = 1; i <= reach(x, factors); ++i) later(y, i).addcmul_(earlier(x, i), factors[i - 1]);
    return y;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &factors = saved[1], &grad_y = grads[0];
    Tensor grad_x = grad_y.clone(at::MemoryFormat::Contiguous), grad_factors = at::zeros_like(factors);
    for (int64_t i = 1; i <= reach(x, factors); ++i) {
      earlier(grad_x, i).addcmul_(later(grad_y, i), factors[i - 1]);
      grad_factors[i - 1].copy_((later(grad_y, i) * earlier(x, i)).sum(at::IntArrayRef{0, 1}));
    }
    return {grad_x, grad_factors};
  }

 private:
  static int64_t reach(const Tensor &x, const Tensor &factors) { return std::min(factors.size(0), x.size(1) - 1); }
};

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_causal_convolution(agi_tensor x, agi_tensor factors, agi_tensor *out) {
  return guard([&] {
    TORCH_CHECK(ref(x).dim() == 3 && ref(factors).dim() == 2 && ref(factors).size(1) == ref(x).size(2),
                "x must be [batch, length, width] and factors [reach, width], got ", ref(x).sizes(), " and ",
                ref(factors).sizes());
    TORCH_CHECK(ref(x).scalar_type() == ref(factors).scalar_type(), "x and factors must be of one type, got ",
                ref(x).scalar_type(), " and ", ref(factors).scalar_type());
    *out = give(CausalConvolution::apply(ref(x), ref(factors)));
  });
}

}  // extern "C"
