// Making, reading, moving and freeing tensors.
#include <ATen/ATen.h>

#include "shim.h"

namespace agiformer {

agi_error *make_error(int32_t kind, const char *message) {
  // The host allocator reports a refused allocation as a plain error.
  if (kind == AGI_FAILED &&
      (std::strstr(message, "can't allocate memory") || std::strstr(message, "not enough memory")))
    kind = AGI_OUT_OF_MEMORY;
  const size_t n = std::strlen(message) + 1;
  auto *e = static_cast<agi_error *>(std::malloc(sizeof(agi_error) + n));
  if (e == nullptr) std::abort();  // not even a few bytes are left
  e->kind = kind;
  e->message = reinterpret_cast<char *>(e + 1);
  std::memcpy(e->message, message, n);
  return e;
}

static at::TensorOptions options(int8_t type, agi_device d) {
  return at::TensorOptions().dtype(to_dtype(type)).device(device(d));
}

}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_from_data(const char *data, int8_t type, const int64_t *sizes, int64_t sizes_len, agi_tensor *out) {
  return guard([&] {
    at::Tensor t = at::empty(ints(sizes, sizes_len), at::TensorOptions().dtype(to_dtype(type)));
    if (t.nbytes() > 0) std::memcpy(t.data_ptr(), data, t.nbytes());
    *out = give(std::move(t));
  });
}

agi_error *agi_to_data(agi_tensor t, char *data, int64_t bytes) {
  return guard([&] {
    at::Tensor c = ref(t).detach().to(at::kCPU).contiguous();
    TORCH_CHECK(static_cast<int64_t>(c.nbytes()) == bytes, "expected ", bytes, " bytes, the tensor has ", c.nbytes());
    if (bytes > 0) std::memcpy(data, c.data_ptr(), c.nbytes());
  });
}

agi_error *agi_empty(const int64_t *sizes, int64_t sizes_len, int8_t type, agi_device d, agi_tensor *out) {
  return guard([&] { *out = give(at::empty(ints(sizes, sizes_len), options(type, d))); });
}

agi_error *agi_full(const int64_t *sizes, int64_t sizes_len, double value, int8_t type, agi_device d, agi_tensor *out) {
  return guard([&] {
    if (value == 0) {
      *out = give(at::zeros(ints(sizes, sizes_len), options(type, d)));
    } else {
      *out = give(at::full(ints(sizes, sizes_len), to_scalar(value), options(type, d)));
    }
  });
}

agi_error *agi_arange(int64_t n, int8_t type, agi_device d, agi_tensor *out) {
  return guard([&] { *out = give(at::arange(n, options(type, d))); });
}

agi_error *agi_empty_like(agi_tensor t, agi_tensor *out) {
  return guard([&] { *out = give(at::empty_like(ref(t), at::MemoryFormat::Contiguous)); });
}

agi_error *agi_zeros_like(agi_tensor t, agi_tensor *out) {
  return guard([&] { *out = give(at::zeros_like(ref(t), at::MemoryFormat::Contiguous)); });
}

agi_error *agi_to(agi_tensor t, int8_t type, agi_device d, bool non_blocking, agi_tensor *out) {
  return guard([&] {
    const at::Tensor &x = ref(t);
    auto o = x.options();
    if (type >= 0) o = o.dtype(to_dtype(type));
    if (d.type >= 0) o = o.device(device(d));
    *out = give(x.to(o, non_blocking));
  });
}

agi_error *agi_info(agi_tensor t, agi_meta *out) {
  return guard([&] {
    const at::Tensor &x = ref(t);
    TORCH_CHECK(x.dim() <= AGI_MAX_DIM, "a tensor of ", x.dim(), " dimensions; at most ", int(AGI_MAX_DIM),
                " are supported");
    out->dim = x.dim();
    out->numel = x.numel();
    std::memcpy(out->sizes, x.sizes().data(), sizeof(int64_t) * static_cast<size_t>(x.dim()));
    out->dtype = static_cast<int8_t>(x.scalar_type());
    out->device_type = static_cast<int8_t>(x.device().type());
    out->device_index = x.device().has_index() ? x.device().index() : 0;
    out->requires_grad = x.requires_grad();
    out->is_leaf = x.is_leaf();
    out->contiguous = x.is_contiguous();
  });
}

agi_error *agi_item(agi_tensor t, double *out) {
  return guard([&] { *out = ref(t).item().toDouble(); });
}

agi_error *agi_item_int(agi_tensor t, int64_t *out) {
  return guard([&] { *out = ref(t).item().toLong(); });
}

agi_error *agi_equal(agi_tensor a, agi_tensor b, bool *out) {
  return guard([&] { *out = at::equal(ref(a), ref(b)); });
}

agi_error *agi_share(agi_tensor t, agi_tensor *out) {
  return guard([&] { *out = give(ref(t)); });
}

agi_error *agi_free(const agi_tensor *tensors, int64_t n) {
  return guard([&] {
    for (int64_t i = 0; i < n; i++)
      c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim(
          reinterpret_cast<at::TensorImpl *>(tensors[i]));
  });
}

agi_error *agi_from_gotorch(uintptr_t at_tensor, agi_tensor *out) {
  return guard([&] {
    auto *t = reinterpret_cast<at::Tensor *>(at_tensor);
    *out = give(std::move(*t));
    delete t;
  });
}

agi_error *agi_gotorch_view(agi_tensor t, uintptr_t *at_tensor) {
  return guard([&] { *at_tensor = reinterpret_cast<uintptr_t>(new at::Tensor(ref(t))); });
}

agi_error *agi_free_gotorch_view(uintptr_t at_tensor) {
  return guard([&] { delete reinterpret_cast<at::Tensor *>(at_tensor); });
}

}  // extern "C"
