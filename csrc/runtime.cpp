// Threads, determinism, versions, devices and memory figures. No CUDA header is
// needed: the device comes through libtorch's accelerator interfaces, which
// libtorch_cuda.so fills in when it is loaded.
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>
#include <torch/headeronly/version.h>

#include "shim.h"

using namespace agiformer;

namespace {

char *text(const std::string &s) {
  auto *p = static_cast<char *>(std::malloc(s.size() + 1));
  if (p == nullptr) throw std::bad_alloc();
  std::memcpy(p, s.c_str(), s.size() + 1);
  return p;
}

bool cuda_ready() { return at::detail::getCUDAHooks().hasCUDA(); }

}  // namespace

extern "C" {

agi_error *agi_start(void) {
  return guard([&] {
    at::set_num_interop_threads(1);
    // cuDNN's attention makes a plan for every shape, and the experts' shapes change with every step.
    at::globalContext().setSDPUseCuDNN(false);
  });
}

agi_error *agi_set_threads(int32_t n) {
  return guard([&] { at::set_num_threads(n); });
}

agi_error *agi_threads(int32_t *n) {
  return guard([&] { *n = at::get_num_threads(); });
}

agi_error *agi_set_deterministic(bool on) {
  return guard([&] {
    auto &context = at::globalContext();
    context.setDeterministicAlgorithms(on, /*warn_only=*/false);
    context.setDeterministicFillUninitializedMemory(false);
    context.setDeterministicCuDNN(on);
    if (on) context.setBenchmarkCuDNN(false);
  });
}

agi_error *agi_deterministic(bool *on) {
  return guard([&] { *on = at::globalContext().deterministicAlgorithms(); });
}

agi_error *agi_build_info(char **out) {
  return guard([&] { *out = text(at::show_config() + at::get_parallel_info()); });
}

agi_error *agi_version(char **out) {
  return guard([&] { *out = text(TORCH_VERSION); });
}

agi_error *agi_cuda_count(int64_t *out) {
  return guard([&] { *out = cuda_ready() ? at::detail::getCUDAHooks().deviceCount() : 0; });
}

agi_error *agi_synchronize(agi_device d) {
  return guard([&] {
    if (d.type != 0) at::accelerator::synchronizeDevice(device(d).index());
  });
}

agi_error *agi_peak_memory(agi_device d, int64_t *out) {
  return guard([&] {
    const auto stats = c10::getDeviceAllocator(device(d).type())->getDeviceStats(device(d).index());
    *out = stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  });
}

agi_error *agi_reset_peak_memory(agi_device d) {
  return guard([&] { c10::getDeviceAllocator(device(d).type())->resetPeakStats(device(d).index()); });
}

agi_error *agi_empty_cache(agi_device d) {
  return guard([&] {
    if (d.type != 0) c10::getDeviceAllocator(device(d).type())->emptyCache();
  });
}

agi_error *agi_trim(void) {
  return guard([&] { malloc_trim(0); });
}

}  // extern "C"
