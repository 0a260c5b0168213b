#define LANES 16
#define INSTRUCTIONS _Pragma("GCC target(\"avx512f,prefer-vector-width=512\")")
#define KERNELS kAttentionAVX512
#include "attention_kernel.h"
