// The check that stands before every jump into libagiformer_torch.so: libtorch's
// modes belong to a thread, so only the one that torch.Do runs on may call it.
// That thread exists only after the library was loaded.
#pragma once

#include "agiformer_torch.h"
#include "stub.h"

STUB_HIDDEN extern __thread bool agi_stub_on_worker;
STUB_HIDDEN agi_error *agi_stub_outside(void);
// Marks the calling thread as the one that may call libtorch.
STUB_HIDDEN void agi_stub_enter(void);
// Loads a shared library: NULL and *handle, or a malloc'd message.
STUB_HIDDEN char *agi_stub_open(const char *path, bool global, void **handle);
STUB_HIDDEN void *agi_stub_symbol(void *handle, const char *name);
// The version that a loaded libtorch_cpu.so reports, 0 where it does not say.
STUB_HIDDEN uint64_t agi_stub_torch_version(void *handle);
STUB_HIDDEN const char *stub_fill_agiformer(void *library);
