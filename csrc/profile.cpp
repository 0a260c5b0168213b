// libtorch's own profiler (Kineto): operations on the host and, on CUDA, kernels with their true start and end.
#include <torch/csrc/autograd/profiler_kineto.h>

#include "shim.h"

using namespace agiformer;
namespace profiler = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;

extern "C" {

agi_error *agi_profile_begin(bool cuda) {
  return guard([&] {
    TORCH_CHECK(!torch::profiler::impl::profilerEnabled(), "a profile is being taken already");
    std::set<ActivityType> activities{ActivityType::CPU};
    if (cuda) activities.insert(ActivityType::CUDA);
    const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
    profiler::prepareProfiler(config, activities);
    profiler::enableProfiler(config, activities, {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION});
  });
}

agi_error *agi_profile_end(const char *path) {
  return guard([&] { profiler::disableProfiler()->save(path); });
}

}  // extern "C"
