// What the generated trampolines share; compiled as C into the static archives
// that the Go binary links (internal/torch/internal/stubgen).
#pragma once

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// Hidden, so that a shared library's own names are never taken from the binary.
#define STUB_HIDDEN __attribute__((visibility("hidden")))

typedef struct {
  const char *name;
  void **slot;
} stub_slot;

// stub_fill looks every function up; NULL, or the name that the library lacks.
static inline const char *stub_fill(void *library, const stub_slot *slots, size_t n) {
  for (size_t i = 0; i < n; i++) {
    *slots[i].slot = dlsym(library, slots[i].name);
    if (*slots[i].slot == NULL) return slots[i].name;
  }
  return NULL;
}

// gotorch gives the message to FreeString, which frees it with free() as long
// as its own library is not loaded.
static inline const char *stub_not_loaded(void) {
  return strdup("libtorch is not loaded: call gotorch's functions inside torch.Do only");
}
