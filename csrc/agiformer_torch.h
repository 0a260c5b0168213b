// The C API of libagiformer_torch.so, the part written by hand; gen_ops.h has
// the operators. Every function that can fail returns NULL or an error that the
// caller frees with free(): no state is kept between calls, no exception leaves.
//
// In the Go binary these names are trampolines (internal/torch/internal/stubgen)
// which refuse a call from any thread but the one that torch.Do runs on.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A tensor handle owns one reference; 0 is "no tensor".
typedef uintptr_t agi_tensor;
// A random generator, at::Generator*; 0 is the default one.
typedef uintptr_t agi_generator;

enum { AGI_FAILED = 0, AGI_OUT_OF_MEMORY = 1, AGI_OUTSIDE = 2 };
typedef struct {
  int32_t kind;   // one of the three above
  char *message;  // lies behind the struct, freed with it
} agi_error;

enum { AGI_MAX_DIM = 12 };
typedef struct {
  int64_t dim, numel;
  int64_t sizes[AGI_MAX_DIM];
  int8_t dtype, device_type;
  int16_t device_index;
  bool requires_grad, is_leaf, contiguous;
} agi_meta;

// Device types as libtorch numbers them: 0 CPU, 1 CUDA.
typedef struct {
  int8_t type;
  int16_t index;
} agi_device;

// ---- tensors
agi_error *agi_from_data(const char *data, int8_t dtype, const int64_t *sizes, int64_t sizes_len, agi_tensor *out);
agi_error *agi_to_data(agi_tensor t, char *data, int64_t bytes);
agi_error *agi_empty(const int64_t *sizes, int64_t sizes_len, int8_t dtype, agi_device device, agi_tensor *out);
agi_error *agi_full(const int64_t *sizes, int64_t sizes_len, double value, int8_t dtype, agi_device device,
                    agi_tensor *out);
agi_error *agi_arange(int64_t n, int8_t dtype, agi_device device, agi_tensor *out);
agi_error *agi_empty_like(agi_tensor t, agi_tensor *out);
agi_error *agi_zeros_like(agi_tensor t, agi_tensor *out);
// dtype -1 keeps the type, device type -1 the device.
agi_error *agi_to(agi_tensor t, int8_t dtype, agi_device device, bool non_blocking, agi_tensor *out);
agi_error *agi_info(agi_tensor t, agi_meta *out);
agi_error *agi_item(agi_tensor t, double *out);
agi_error *agi_item_int(agi_tensor t, int64_t *out);
agi_error *agi_equal(agi_tensor a, agi_tensor b, bool *out);
agi_error *agi_share(agi_tensor t, agi_tensor *out);
agi_error *agi_free(const agi_tensor *tensors, int64_t tensors_len);
agi_error *agi_from_gotorch(uintptr_t at_tensor, agi_tensor *out);
agi_error *agi_gotorch_view(agi_tensor t, uintptr_t *at_tensor);
agi_error *agi_free_gotorch_view(uintptr_t at_tensor);

// ---- autograd
agi_error *agi_set_requires_grad(agi_tensor t, bool on);
agi_error *agi_get_grad(agi_tensor t, agi_tensor *out);
agi_error *agi_set_grad(agi_tensor t, agi_tensor grad);
agi_error *agi_clear_grads(const agi_tensor *tensors, int64_t tensors_len);
agi_error *agi_get_grads(const agi_tensor *tensors, int64_t tensors_len, agi_tensor *out);
agi_error *agi_grad_mode(bool on, bool *previous);
agi_error *agi_grad_enabled(bool *on);
agi_error *agi_backward(const agi_tensor *outputs, const agi_tensor *gradients, int64_t n, bool keep_graph);
agi_error *agi_grad(const agi_tensor *outputs, const agi_tensor *gradients, int64_t n, const agi_tensor *inputs,
                    int64_t inputs_len, bool keep_graph, bool create_graph, agi_tensor *out);

// ---- composite operations with gradients of their own (fused.cpp)
// y = LN(x)*weight^T; x [..., d], weight [out, d], y [..., out].
agi_error *agi_norm_linear(agi_tensor x, agi_tensor norm_weight, agi_tensor norm_bias, double eps, agi_tensor weight,
                           agi_tensor *out);
// y = x*weight^T by the fastest kernel (product.h); x [..., in], weight [out, in].
agi_error *agi_project(agi_tensor x, agi_tensor weight, agi_tensor *out);
// y = GELU(LN(x)*up^T)*down^T; x [..., d], up [F, d], down [d, F].
agi_error *agi_norm_mlp(agi_tensor x, agi_tensor norm_weight, agi_tensor norm_bias, double eps, agi_tensor up,
                        agi_tensor down, agi_tensor *out);
// The same without the norm.
agi_error *agi_mlp(agi_tensor x, agi_tensor up, agi_tensor down, agi_tensor *out);
// Query, key and value [B, heads, T, w] as views of projected [B, T, 3*heads*w],
// whose storage it changes: rotated in the first 2*cos.size(-1) dimensions of
// each query and key head, biased in the rest (values in the same dimensions). out
// takes three tensors.
agi_error *agi_rotary_heads(agi_tensor projected, int64_t heads, agi_tensor cos, agi_tensor sin, agi_tensor query_bias,
                            agi_tensor key_bias, agi_tensor value_bias, agi_tensor *out);

// ---- one position of a stream that is decoded (decode*.cpp), on the CPU, unrecorded
// softmax(q*k^T*scale)*v: q [1, H, 1, w] float32, k and v [1, H, S, w] float32 or
// bfloat16; out [1, H, 1, w] float32.
agi_error *agi_attend_row(agi_tensor q, agi_tensor k, agi_tensor v, double scale, agi_tensor *out);
// rotary_heads for projected [1, 1, 3*heads*w] float32, whose keys and values go to
// place position of the caches [1, heads, capacity, w], and attention to the first
// seen places; out [1, 1, heads*w].
agi_error *agi_attend_step(agi_tensor projected, agi_tensor cos, agi_tensor sin, agi_tensor query_bias,
                           agi_tensor key_bias, agi_tensor keys, agi_tensor values, int64_t position, int64_t seen,
                           double scale, agi_tensor *out);
// The same for queries [1, 1, heads*w] alone: the caches are read only.
agi_error *agi_query_step(agi_tensor query, agi_tensor cos, agi_tensor sin, agi_tensor keys, agi_tensor values,
                          int64_t seen, double scale, agi_tensor *out);
// attend_step of the expert "spatial" (decode_spatial.cpp): points [3*heads] before
// tanh, distance and direction [heads]; the last 8 dimensions of each head are its place.
agi_error *agi_spatial_step(agi_tensor projected, agi_tensor points, agi_tensor cos, agi_tensor sin,
                            agi_tensor distance, agi_tensor direction, agi_tensor keys, agi_tensor values,
                            int64_t position, double scale, agi_tensor *out);
// Linear attention of one position (decode_retention.cpp): projected [1, 1, 3*heads*h]
// float32 is rotated and read into the state [1, heads, h, h]; out [1, 1, heads*h].
agi_error *agi_retain_step(agi_tensor projected, agi_tensor cos, agi_tensor sin, agi_tensor decay, agi_tensor state,
                           agi_tensor *out);

// ---- linear attention (retention.cpp)
// Retention of q, k, v [B, heads, T, h] with decay [heads], in chunks of at most
// chunk tokens. out takes o [B, heads, T, h] and, with with_state, the state after
// the last token [B, heads, h, h] (otherwise 0), both in float32 at least.
agi_error *agi_retention(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor decay, int64_t chunk, bool with_state,
                         agi_tensor *out);
// y = (x / rms of each head * norm_weight)*weight^T; x [..., d], norm_weight [d], weight [out, d].
agi_error *agi_head_norm_linear(agi_tensor x, int64_t heads, agi_tensor norm_weight, double eps, agi_tensor weight,
                                agi_tensor *out);

// x.index_select(0, index) whose gradient reads, for each row of x, its places in inverse, as many for each; with
// partial -1 is none.
agi_error *agi_gather_rows(agi_tensor x, agi_tensor index, agi_tensor inverse, bool partial, agi_tensor *out);
// y_t = x_t + Σ_i factors_{i-1}*x_{t-i}; x [B, T, d], factors [K-1, d].
agi_error *agi_causal_convolution(agi_tensor x, agi_tensor factors, agi_tensor *out);
// softmax(scale*q*k^T)*v; q [B, H, T, w], k and v [B, H, S, w], mask (true is visible) or 0.
agi_error *agi_attention(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor mask, bool causal, double scale,
                         agi_tensor *out);
// Causal attention of runs of rows to themselves, each n times first row and length; only where our own kernel computes
// q, k and v [B, H, T, w]. Rows of no run read 0.
agi_error *agi_attention_of_runs(agi_tensor q, agi_tensor k, agi_tensor v, const int64_t *runs, int64_t n, double scale,
                                 agi_tensor *out);
// What computes agi_attention: 0 plain operations, 1 a fused kernel of libtorch, 2 our own.
agi_error *agi_attention_kernel(agi_tensor q, agi_tensor k, agi_tensor v, agi_tensor mask, bool causal, int64_t *out);

// ---- autocast
typedef struct {
  bool enabled, cache;
  int8_t dtype;
} agi_autocast;
agi_error *agi_autocast_get(int8_t device_type, agi_autocast *out);
agi_error *agi_autocast_set(int8_t device_type, agi_autocast state);
agi_error *agi_autocast_nest(int64_t step, int64_t *depth);
agi_error *agi_autocast_clear(void);

// ---- random generators
agi_error *agi_generator_new(agi_device device, uint64_t seed, agi_generator *out);
agi_error *agi_generator_default(agi_device device, agi_generator *out);
agi_error *agi_generator_seed(agi_generator g, uint64_t seed);
agi_error *agi_generator_state(agi_generator g, agi_tensor *out);
agi_error *agi_generator_set_state(agi_generator g, agi_tensor state);
agi_error *agi_generator_free(agi_generator g);

// ---- runtime
agi_error *agi_start(void);
agi_error *agi_set_threads(int32_t n);
agi_error *agi_threads(int32_t *n);
agi_error *agi_set_deterministic(bool on);
agi_error *agi_deterministic(bool *on);
// A malloc'd text of libtorch's build and parallel settings.
agi_error *agi_build_info(char **out);
agi_error *agi_version(char **out);
agi_error *agi_cuda_count(int64_t *out);
agi_error *agi_synchronize(agi_device device);
agi_error *agi_peak_memory(agi_device device, int64_t *out);
agi_error *agi_reset_peak_memory(agi_device device);
// Starts counting the bytes of tensors that this thread makes on the CPU; stopping
// gives the most there were at once.
agi_error *agi_count_memory(bool on, int64_t *peak);
// Starts libtorch's profiler for the operations of this thread and, with cuda, for all kernels; the end writes what
// it saw to the file path, a trace in Chrome's JSON format.
agi_error *agi_profile_begin(bool cuda);
agi_error *agi_profile_end(const char *path);
agi_error *agi_empty_cache(agi_device device);
agi_error *agi_trim(void);

#ifdef __cplusplus
}
#endif
