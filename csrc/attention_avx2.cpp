#define LANES 8
#define INSTRUCTIONS _Pragma("GCC target(\"avx2,fma\")")
#define KERNELS kAttentionAVX2
#include "attention_kernel.h"
