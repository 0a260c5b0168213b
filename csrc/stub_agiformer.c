#include "stub_agiformer.h"

__thread bool agi_stub_on_worker = false;

void agi_stub_enter(void) { agi_stub_on_worker = true; }

agi_error *agi_stub_outside(void) {
  static const char message[] = "called outside torch.Do";
  agi_error *e = malloc(sizeof(agi_error) + sizeof(message));
  if (e == NULL) abort();
  e->kind = AGI_OUTSIDE;
  e->message = (char *)(e + 1);
  memcpy(e->message, message, sizeof(message));
  return e;
}

char *agi_stub_open(const char *path, bool global, void **handle) {
  *handle = dlopen(path, RTLD_LAZY | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (*handle != NULL) return NULL;
  const char *why = dlerror();
  return strdup(why != NULL ? why : "unknown reason");
}

void *agi_stub_symbol(void *handle, const char *name) { return dlsym(handle, name); }

uint64_t agi_stub_torch_version(void *handle) {
  uint64_t (*version)(void) = (uint64_t (*)(void))dlsym(handle, "aoti_torch_abi_version");
  return version != NULL ? version() : 0;
}
