// Rows taken by an index whose inverse is known: the gradient is taken by an index too. index_select's own gradient
// adds the rows one by one, on the CPU in one thread, on CUDA, where the order of additions must not matter, after a
// sort.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstring>

#include "shim.h"

namespace agiformer {
namespace {

using at::Tensor;

// Rows of x by an index in which -1 stands for a row of zeros: one pass on the CPU.
Tensor rows_or_zeros(const Tensor &x, const Tensor &index) {
  if (!x.is_cpu()) {
    std::vector<int64_t> column(x.dim(), 1);
    column[0] = index.numel();
    return x.index_select(0, index.clamp_min(0)).masked_fill_(index.lt(0).view(column), 0);
  }
  const Tensor source = x.contiguous(), places = index.contiguous();
  auto shape = x.sizes().vec();
  shape[0] = index.numel();
  Tensor out = at::empty(shape, source.options());
  const int64_t row = out.element_size() * (out.numel() / std::max<int64_t>(1, shape[0]));
  const int64_t grain = std::max<int64_t>(1, (64 << 10) / std::max<int64_t>(1, row));
  const int64_t *place = places.const_data_ptr<int64_t>();
  const char *from = static_cast<const char *>(source.const_data_ptr());
  char *to = static_cast<char *>(out.data_ptr());
  at::parallel_for(0, shape[0], grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      TORCH_CHECK_INDEX(place[i] < source.size(0), "place ", place[i], " of ", source.size(0), " rows");
      if (place[i] < 0) {
        std::memset(to + i * row, 0, row);
      } else {
        std::memcpy(to + i * row, from + place[i] * row, row);
      }
    }
  });
  return out;
}

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
    Tensor grad =
        ctx->saved_data["partial"].toBool() ? rows_or_zeros(grads[0], inverse) : grads[0].index_select(0, inverse);
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
    TORCH_CHECK(ref(inverse).device() == ref(x).device(), "inverse is on ", ref(inverse).device(), ", x on ",
                ref(x).device());
    *out = give(GatherRows::apply(ref(x), ref(index), ref(inverse), partial));
  });
}

}  // extern "C"
