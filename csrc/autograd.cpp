// Gradients: modes, leaves, backward.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "shim.h"

using namespace agiformer;

namespace {

using torch::autograd::variable_list;

variable_list outputs_of(const agi_tensor *handles, int64_t n) {
  auto l = list(handles, n);
  return variable_list(l.begin(), l.end());
}

// A gradient that is not given means ones, whatever the shape of the output.
variable_list gradients_of(const agi_tensor *handles, const variable_list &outputs) {
  variable_list grads;
  grads.reserve(outputs.size());
  for (size_t i = 0; i < outputs.size(); i++) grads.push_back(handles[i] ? ref(handles[i]) : at::ones_like(outputs[i]));
  return grads;
}

}  // namespace

extern "C" {

agi_error *agi_set_requires_grad(agi_tensor t, bool on) {
  return guard([&] { ref(t).set_requires_grad(on); });
}

agi_error *agi_get_grad(agi_tensor t, agi_tensor *out) {
  return guard([&] { *out = give(ref(t).grad()); });
}

agi_error *agi_get_grads(const agi_tensor *tensors, int64_t n, agi_tensor *out) {
  return guard([&] {
    for (int64_t i = 0; i < n; i++) out[i] = give(ref(tensors[i]).grad());
  });
}

agi_error *agi_set_grad(agi_tensor t, agi_tensor grad) {
  return guard([&] {
    if (grad != 0) {
      const at::Tensor &g = ref(grad);
      TORCH_CHECK(g.sizes() == ref(t).sizes(), "a gradient of shape ", g.sizes(), " for a tensor of shape ",
                  ref(t).sizes());
      ref(t).mutable_grad() = g;
    } else if (ref(t).grad().defined()) {
      ref(t).mutable_grad().reset();
    }
  });
}

agi_error *agi_clear_grads(const agi_tensor *tensors, int64_t n) {
  return guard([&] {
    for (int64_t i = 0; i < n; i++)
      if (ref(tensors[i]).grad().defined()) ref(tensors[i]).mutable_grad().reset();
  });
}

agi_error *agi_grad_mode(bool on, bool *previous) {
  return guard([&] {
    *previous = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(on);
  });
}

agi_error *agi_grad_enabled(bool *on) {
  return guard([&] { *on = c10::GradMode::is_enabled(); });
}

agi_error *agi_backward(const agi_tensor *outputs, const agi_tensor *gradients, int64_t n, bool keep_graph) {
  return guard([&] {
    auto outs = outputs_of(outputs, n);
    torch::autograd::backward(outs, gradients_of(gradients, outs), keep_graph);
  });
}

agi_error *agi_grad(const agi_tensor *outputs, const agi_tensor *gradients, int64_t n, const agi_tensor *inputs,
                    int64_t inputs_len, bool keep_graph, bool create_graph, agi_tensor *out) {
  return guard([&] {
    auto outs = outputs_of(outputs, n);
    auto grads = torch::autograd::grad(outs, outputs_of(inputs, inputs_len), gradients_of(gradients, outs), keep_graph,
                                       create_graph, /*allow_unused=*/true);
    for (size_t i = 0; i < grads.size(); i++) out[i] = give(std::move(grads[i]));
  });
}

}  // extern "C"
