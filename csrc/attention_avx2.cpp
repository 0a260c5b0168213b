// The headers come first: what they define is not to be compiled for this instruction set, since the linker may take it
// for the whole library.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "attention.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma GCC target("avx2,fma")
#pragma GCC optimize("O3")
#define LANES 8
#include "attention_kernel.h"

namespace agiformer {
const AttentionKernels kAttentionAVX2{kLanes, forward, backward, forward_scratch, backward_scratch};
}  // namespace agiformer
#endif
