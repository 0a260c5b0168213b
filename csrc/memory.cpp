// What tensors take on the CPU, counted by libtorch's own allocator reports: bytes
// asked for, without what the system's allocator adds, so the same in every run.
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>

#include "shim.h"

using namespace agiformer;

namespace {

struct Counter : c10::MemoryReportingInfoBase {
  int64_t now = 0, peak = 0;

  void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device device) override {
    if (!device.is_cpu()) return;
    now += bytes;
    peak = std::max(peak, now);
  }
  bool memoryProfilingEnabled() const override { return true; }
};

constexpr auto kind = c10::DebugInfoKind::PROFILER_STATE;

}  // namespace

extern "C" {

agi_error *agi_count_memory(bool on, int64_t *peak) {
  return guard([&] {
    if (on) {
      TORCH_CHECK(c10::ThreadLocalDebugInfo::get(kind) == nullptr, "memory is counted already");
      c10::ThreadLocalDebugInfo::_push(kind, std::make_shared<Counter>());
    } else {
      *peak = static_cast<const Counter &>(*c10::ThreadLocalDebugInfo::_pop(kind)).peak;
    }
  });
}

}  // extern "C"
