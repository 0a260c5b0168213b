// What every C function of this library is made of: the exception guard and the
// conversions between C values and libtorch's.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/IListRef.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/core/SymIntArrayRef.h>
#include <c10/util/Exception.h>

#ifndef _OPENMP
#error "compile with -fopenmp: without it at::parallel_for is a loop in one thread"
#endif

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

// Functions of the C API are all that the library shows.
#pragma GCC visibility push(default)
#include "agiformer_torch.h"
#include "gen_ops.h"
#pragma GCC visibility pop

namespace agiformer {

// A handle is the TensorImpl that an at::Tensor points to, so that a handle in
// memory is read as a tensor without touching its reference count.
static_assert(sizeof(at::Tensor) == sizeof(agi_tensor), "at::Tensor is more than one pointer");

agi_error *make_error(int32_t kind, const char *message);

// guard runs body and turns every exception into an error value.
template <class Body>
inline agi_error *guard(Body &&body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::OutOfMemoryError &e) {
    return make_error(AGI_OUT_OF_MEMORY, e.what_without_backtrace());
  } catch (const c10::Error &e) {
    return make_error(AGI_FAILED, e.what_without_backtrace());
  } catch (const std::bad_alloc &e) {
    return make_error(AGI_OUT_OF_MEMORY, "the host has no memory left");
  } catch (const std::exception &e) {
    return make_error(AGI_FAILED, e.what());
  } catch (...) {
    return make_error(AGI_FAILED, "a C++ exception of unknown type");
  }
}

inline at::Tensor &ref(const agi_tensor &h) {
  return *const_cast<at::Tensor *>(reinterpret_cast<const at::Tensor *>(&h));
}
inline std::optional<at::Tensor> opt(const agi_tensor &h) {
  if (h == 0) return std::nullopt;
  return ref(h);
}
inline at::TensorList list(const agi_tensor *h, int64_t n) {
  return at::TensorList(reinterpret_cast<const at::Tensor *>(h), static_cast<size_t>(n));
}
inline at::IntArrayRef ints(const int64_t *p, int64_t n) { return at::IntArrayRef(p, static_cast<size_t>(n)); }
inline at::OptionalIntArrayRef opt_ints(const int64_t *p, int64_t n) {
  if (p == nullptr) return std::nullopt;
  return ints(p, n);
}
inline std::optional<int64_t> opt(const int64_t *p) { return p ? std::optional<int64_t>(*p) : std::nullopt; }
inline std::optional<double> opt(const double *p) { return p ? std::optional<double>(*p) : std::nullopt; }

// A whole number becomes an integer scalar: it leaves the type of an integer
// tensor alone, and means the same to a floating one.
inline at::Scalar to_scalar(double v) {
  if (std::trunc(v) == v && std::fabs(v) < 9007199254740992.0 && !(v == 0 && std::signbit(v)))
    return at::Scalar(static_cast<int64_t>(v));
  return at::Scalar(v);
}
inline std::optional<at::Scalar> opt_scalar(const double *p) {
  if (p == nullptr) return std::nullopt;
  return to_scalar(*p);
}
inline at::ScalarType to_dtype(int8_t v) { return static_cast<at::ScalarType>(v); }
inline std::string_view str(const char *p, int64_t n) { return std::string_view(p, static_cast<size_t>(n)); }
inline std::optional<at::Generator> opt_generator(agi_generator g) {
  if (g == 0) return std::nullopt;
  return *reinterpret_cast<at::Generator *>(g);
}
inline at::Device device(agi_device d) {
  return at::Device(static_cast<at::DeviceType>(d.type), d.type == 0 ? -1 : static_cast<at::DeviceIndex>(d.index));
}

// give hands a tensor's reference to the caller; an undefined tensor is 0.
inline agi_tensor give(at::Tensor t) {
  return t.defined() ? reinterpret_cast<agi_tensor>(t.unsafeReleaseTensorImpl()) : 0;
}
inline void give2(std::tuple<at::Tensor, at::Tensor> t, agi_tensor *out) {
  out[0] = give(std::move(std::get<0>(t)));
  out[1] = give(std::move(std::get<1>(t)));
}
inline void give_list(std::vector<at::Tensor> ts, agi_tensor **out, int64_t *n) {
  auto *handles = static_cast<agi_tensor *>(std::malloc(sizeof(agi_tensor) * (ts.size() + 1)));
  if (handles == nullptr) throw std::bad_alloc();
  for (size_t i = 0; i < ts.size(); i++) handles[i] = give(std::move(ts[i]));
  *out = handles;
  *n = static_cast<int64_t>(ts.size());
}

}  // namespace agiformer
