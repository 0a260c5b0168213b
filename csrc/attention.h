// Attention of float32 heads on the CPU, forward and backward, one head at a time. libtorch's kernel hands tiles of a
// few dozen rows and numbers to a general matrix product, which spends half of the time on laying them out; here the
// products are made for heads (attention_kernel.h).
#pragma once

#include <cstdint>

namespace agiformer {

// A matrix whose row i begins at data + i·stride; the numbers of a row lie one after the other.
template <typename T>
struct Rows {
  T *data;
  int64_t stride;
};

// One head: `queries` rows of q see `keys` rows of k and v, all of `width` numbers.
struct Head {
  int64_t queries, keys, width;
  Rows<const float> q, k, v;
  float scale;  // softmax(scale·q·kᵀ)
  bool causal;  // query i sees keys 0 to i
  // Added to the scores of each key: 0, or -infinity where no query sees it; null, all are 0. As many as keys, rounded
  // up to a multiple of kHiddenMultiple.
  const float *hidden;
};

constexpr int64_t kHiddenMultiple = 16;

// What the functions of one instruction set do. Both work in scratch memory that begins at a multiple of 64 bytes.
struct AttentionKernels {
  int64_t lanes;  // numbers of a vector: a head's width must be a multiple
  // Queries [first, last): y, and log(Σ exp(scale·q·k)) of each, -infinity where it sees nothing (y is 0 there).
  void (*forward)(const Head &h, int64_t first, int64_t last, Rows<float> y, float *log_sums, float *scratch);
  // The gradients of q, k and v.
  void (*backward)(const Head &h, Rows<const float> y, const float *log_sums, Rows<const float> grad_y,
                   Rows<float> grad_q, Rows<float> grad_k, Rows<float> grad_v, float *scratch);
  int64_t (*forward_scratch)(const Head &h);   // floats
  int64_t (*backward_scratch)(const Head &h);  // floats
};

// Those of this processor for heads of this width, or null.
const AttentionKernels *attention_kernels(int64_t width);

extern const AttentionKernels kAttentionAVX2, kAttentionAVX512;

}  // namespace agiformer
