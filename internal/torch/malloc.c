#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>

// A training step frees and takes the same few hundred megabytes again and again. By default glibc gives them back to
// the system each time, and the next step's writes pay a page fault for every four kilobytes: a tenth of a small
// model's step (docs/performance.md). So there is one arena, in which what is free stays the process's unless it calls
// EmptyCache, and only blocks above 32 MB, glibc's largest bound, are mapped singly. That has to be said before there
// are threads, and goes before MALLOC_ variables of the environment.
__attribute__((constructor)) static void keep_free_memory(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, -1);  // never
}
#endif
