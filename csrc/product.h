// Products with the weight of a linear map by the fastest kernel at hand.
#pragma once

#include <ATen/core/Tensor.h>

namespace agiformer {

// A weight as autocast would hand it to a matrix product: the cast of a parameter
// is cached by autocast and recorded by autograd.
at::Tensor matmul_weight(const at::Tensor &weight);

// x·weightᵀ for x [..., in] and weight [out, in] of one type, without recording:
//   - one row of float32 or bfloat16 on the CPU, as in decoding: a kernel that
//     reads the weight once, in order, at the memory's speed;
//   - otherwise, float32 on a CPU that is not Intel's: oneDNN, which uses AVX-512 on
//     every maker's processors, where MKL uses it on Intel's only;
//   - everything else: at::linear.
at::Tensor product(const at::Tensor &x, const at::Tensor &weight);

// Whether x is a single row and weight one that the row kernel reads.
bool one_row(const at::Tensor &x, const at::Tensor &weight);

// product for one row, in the given type; x may be of another type than weight.
at::Tensor row_product(const at::Tensor &x, const at::Tensor &weight, at::ScalarType dtype);

// The type in which a linear map gives the result for one row: the weight's, but
// float32 for a float32 row that is not recorded, as in decoding, since casts of a
// single row cost more than they save.
at::ScalarType row_type(const at::Tensor &x, const at::Tensor &weight);

// y[i] = sum over j of w[i][j]*x[j], w [rows, in] of float32 or bfloat16.
using RowKernel = void (*)(const void *w, const float *x, float *y, int64_t rows, int64_t in);
RowKernel row_kernel(at::ScalarType weight);

// d loss / d weight for y = x·weightᵀ: the rows of grad_yᵀ·x.
at::Tensor weight_gradient(const at::Tensor &grad_y, const at::Tensor &x);

}  // namespace agiformer
