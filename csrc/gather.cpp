// Rows taken by an index whose inverse is known: the gradient is taken by an index too. index_select's own gradient
// adds the rows one by one, on the CPU in one thread, on CUDA, where the order of additions must not matter, after a
// sort.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;

struct GatherRows : torch::autograd::Function<GatherRows> {
  static Tensor forward(torch::autograd::AutogradContext *ctx, const Tensor &x, const Tensor &index,
                        const Tensor &inverse, bool partial) {
    ctx->save_for_backward({inverse});
    ctx->saved_data["each"] = inverse.numel() / std::max<int64_t>(1, x.size(0));
    ctx->saved_data["partial"] = partial;
    return x.index_select(0, index);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *ctx,
                                                 torch::autograd::variable_list grads) {
    const Tensor inverse = ctx->get_saved_variables()[0];
    const int64_t each = ctx->saved_data["each"].toInt();
    Tensor grad;
    if (ctx->saved_data["partial"].toBool()) {
      std::vector<int64_t> column(grads[0].dim(), 1);
      column[0] = inverse.numel();
      grad = grads[0].index_select(0, inverse.clamp_min(0)).masked_fill_(inverse.lt(0).view(column), 0);
    } else {
      grad = grads[0].index_select(0, inverse);
    }
    if (each > 1) {
      auto shape = grad.sizes().vec();
      shape.insert(shape.begin(), grad.size(0) / each);
      shape[1] = each;
      grad = grad.view(shape).sum(1);
    }
    return {grad, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_gather_rows(agi_tensor x, agi_tensor index, agi_tensor inverse, bool partial, agi_tensor *out) {
  return guard([&] {
    TORCH_CHECK(ref(x).dim() > 0 && ref(inverse).dim() == 1 &&
                    (ref(x).size(0) == 0 || ref(inverse).numel() % ref(x).size(0) == 0),
                "inverse must name as many places for each of the rows of ", ref(x).sizes(), ", got ",
                ref(inverse).sizes());
    *out = give(GatherRows::apply(ref(x), ref(index), ref(inverse), partial));
  });
}

}  // extern "C"
