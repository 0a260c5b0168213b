// Autocast and random generators.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/CPUGeneratorImpl.h>

#include "shim.h"

using namespace agiformer;

namespace {

at::Generator &generator(agi_generator g) { return *reinterpret_cast<at::Generator *>(g); }

agi_generator give_generator(at::Generator g) {
  return reinterpret_cast<agi_generator>(new at::Generator(std::move(g)));
}

}  // namespace

extern "C" {

agi_error *agi_autocast_get(int8_t device_type, agi_autocast *out) {
  return guard([&] {
    const auto type = static_cast<at::DeviceType>(device_type);
    out->enabled = at::autocast::is_autocast_enabled(type);
    out->dtype = static_cast<int8_t>(at::autocast::get_autocast_dtype(type));
    out->cache = at::autocast::is_autocast_cache_enabled();
  });
}

agi_error *agi_autocast_set(int8_t device_type, agi_autocast state) {
  return guard([&] {
    const auto type = static_cast<at::DeviceType>(device_type);
    at::autocast::set_autocast_dtype(type, to_dtype(state.dtype));
    at::autocast::set_autocast_enabled(type, state.enabled);
    at::autocast::set_autocast_cache_enabled(state.cache);
  });
}

agi_error *agi_autocast_nest(int64_t step, int64_t *depth) {
  return guard([&] { *depth = step > 0 ? at::autocast::increment_nesting() : at::autocast::decrement_nesting(); });
}

agi_error *agi_autocast_clear(void) {
  return guard([&] { at::autocast::clear_cache(); });
}

agi_error *agi_generator_new(agi_device d, uint64_t seed, agi_generator *out) {
  return guard([&] {
    if (d.type == 0) {
      *out = give_generator(at::detail::createCPUGenerator(seed));
      return;
    }
    at::globalContext().lazyInitDevice(device(d).type());
    auto g = at::globalContext().getAcceleratorHooksInterface(device(d).type()).getNewGenerator(device(d).index());
    g.set_current_seed(seed);
    *out = give_generator(std::move(g));
  });
}

agi_error *agi_generator_default(agi_device d, agi_generator *out) {
  return guard([&] { *out = give_generator(at::globalContext().defaultGenerator(device(d))); });
}

agi_error *agi_generator_seed(agi_generator g, uint64_t seed) {
  return guard([&] { generator(g).set_current_seed(seed); });
}

agi_error *agi_generator_state(agi_generator g, agi_tensor *out) {
  return guard([&] { *out = give(generator(g).get_state()); });
}

agi_error *agi_generator_set_state(agi_generator g, agi_tensor state) {
  return guard([&] { generator(g).set_state(ref(state)); });
}

agi_error *agi_generator_free(agi_generator g) {
  return guard([&] { delete reinterpret_cast<at::Generator *>(g); });
}

}  // extern "C"
