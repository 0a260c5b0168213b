// What operations on one position of a decoded stream share: attention to keys and
// values that are kept in float32 or bfloat16, all sums in float32 (decode.cpp).
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace agiformer {

// The keys and values [heads, length, width], a head's in one piece, heads stride bytes apart.
struct Kept {
  const char *keys, *values;
  at::ScalarType type;
  int64_t heads, length, width, key_stride, value_stride;
  int64_t row() const { return width * (type == at::kFloat ? 4 : 2); }
};

// The first length places of the caches k and v [1, heads, capacity, width].
Kept kept(const at::Tensor &k, const at::Tensor &v, int64_t length);

// y [heads, width] = softmax(q·kᵀ·scale)·v for q [heads, width].
void attend(const Kept &m, const float *q, float scale, float *y);

// Turns heads [count, width] by the angles of cos and sin [half] and adds the bias
// [count, width-2·half] to their last dimensions.
void rotate(float *heads, int64_t count, int64_t width, const at::Tensor &cos, const at::Tensor &sin,
            const std::optional<at::Tensor> &bias);

// Writes heads [heads, width] to a place of the cache [1, heads, capacity, width].
void store(const float *heads, at::Tensor &cache, int64_t position);

// A single row x [.., heads·width] on the CPU, each head divided by its root mean
// square sqrt(mean(x²) + eps), times weight [heads·width], in float32.
at::Tensor normed_row(const at::Tensor &x, int64_t heads, const at::Tensor &weight, double eps);

// Refuse what does not fit together: projected [1, 1, 3·heads·width], one row of angles
// and the caches with a place at position.
void check_step(const at::Tensor &projected, const at::Tensor &cos, const at::Tensor &sin, const at::Tensor &k,
                const at::Tensor &v, int64_t position);
void check_angles(const at::Tensor &cos, const at::Tensor &sin, int64_t width);

}  // namespace agiformer
