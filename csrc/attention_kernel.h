// The arithmetic of attention.h for one instruction set. A file that includes this defines INSTRUCTIONS, the pragma
// that chooses it, LANES, the numbers of a vector, and KERNELS, the name of what it makes; all else is private to that
// file.
//
// Queries are taken kQueries at a time, by sixes, and keys kKeys at a time, so that the tile of scores between them
// stays in the caches; softmax's largest score and sum are carried from tile to tile (Dao et al. 2022, FlashAttention).
// Of each tile backward computes the scores again:
//
//   S = scale·Q·Kᵀ, P = exp(S - L), dP = dY·Vᵀ, dS = scale·P∘(dP - δ), δ_i = Σ_j y_ij·dy_ij
//   dQ += dS·K, dK += dSᵀ·Q, dV += Pᵀ·dY
//
// All of them are products A·B in which six rows of A meet two vectors of B (multiply): twelve sums, as many as a
// processor with sixteen registers holds beside what they are made of. B is read along its rows: Kᵀ and Vᵀ are laid out
// for it once a head (Panels), and what else is read again and again is copied to lie side by side (copy_rows).
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "attention.h"

// After the headers: what they define is not to be compiled for this instruction set, since the linker may take it for
// the whole library.
INSTRUCTIONS
#pragma GCC optimize("O3")

namespace agiformer {
namespace {

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef uint32_t Bits __attribute__((vector_size(LANES * 4)));

constexpr int64_t kLanes = LANES, kPanel = 2 * kLanes, kRows = 6;
constexpr int64_t kQueries = 8 * kRows, kKeys = 256;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

#define INLINE __attribute__((always_inline)) inline

INLINE Vector load(const float *from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
INLINE void store(float *to, Vector v) { std::memcpy(to, &v, sizeof v); }
INLINE Vector all(float x) { return x - Vector{}; }
INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }
INLINE float sum(Vector v) {
  float s = 0;
  for (int64_t i = 0; i < kLanes; ++i) s += v[i];
  return s;
}
INLINE float largest(Vector v) {
  float m = v[0];
  for (int64_t i = 1; i < kLanes; ++i) m = std::max(m, v[i]);
  return m;
}

// e^x for x <= 0 to two units of the last place; 0 below -87, where e^x is no normal number any more. With
// n = round(x/ln 2) it is 2^n·e^r, |r| <= ln(2)/2, by a polynomial, the two parts of ln 2 taken off one after the
// other.
INLINE Vector exponential(Vector x) {
  constexpr float rounder = 12582912.0f;  // 1.5·2^23: a sum with it has no digits after the point, and ends in n's bits
  const Vector shifted = x * 1.44269504088896341f + rounder;
  const Vector n = shifted - rounder;
  const Vector r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  Bits power;
  std::memcpy(&power, &shifted, sizeof power);
  power = (power << 23) + 0x3f800000u;  // 2^n
  Vector scale;
  std::memcpy(&scale, &power, sizeof scale);
  return x < -87.0f ? Vector{} : p * scale;  // what is not a number is so in p, whatever its bits
}

// ---------------------------------------------------------------- products
// c[i][j] += Σ_l a[i·a_row + l·a_step]·b[l·b_row + j] for `rows` rows and `vectors` vectors of columns, in registers;
// without `add`, = .
template <int rows, int vectors, bool add>
INLINE void multiply_block(const float *a, int64_t a_row, int64_t a_step, const float *b, int64_t b_row, int64_t n,
                           float *c, int64_t c_row) {
  Vector s[rows][vectors];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) s[i][j] = add ? load(c + i * c_row + j * kLanes) : Vector{};
  for (int64_t l = 0; l < n; ++l, a += a_step, b += b_row) {
    Vector columns[vectors];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) columns[j] = load(b + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const Vector factor = all(a[i * a_row]);
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) s[i][j] += factor * columns[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) store(c + i * c_row + j * kLanes, s[i][j]);
}

// The same for a number of rows that is known only now, up to `most`.
template <int vectors, bool add, int most = kRows>
void multiply_rows(int64_t rows, const float *a, int64_t a_row, int64_t a_step, const float *b, int64_t b_row,
                   int64_t n, float *c, int64_t c_row) {
  if (rows == most) return multiply_block<most, vectors, add>(a, a_row, a_step, b, b_row, n, c, c_row);
  if constexpr (most > 1) multiply_rows<vectors, add, most - 1>(rows, a, a_row, a_step, b, b_row, n, c, c_row);
}

// Up to six rows of A·B, added to c: `width` columns, a multiple of a vector.
INLINE void multiply_add(int64_t rows, const float *a, int64_t a_row, int64_t a_step, Rows<const float> b, int64_t n,
                         float *c, int64_t c_row, int64_t width) {
  int64_t j = 0;
  for (; j + kPanel <= width; j += kPanel)
    multiply_rows<2, true>(rows, a, a_row, a_step, b.data + j, b.stride, n, c + j, c_row);
  if (j < width) multiply_rows<1, true>(rows, a, a_row, a_step, b.data + j, b.stride, n, c + j, c_row);
}

// ---------------------------------------------------------------- layouts
int64_t panels(int64_t keys) { return (keys + kPanel - 1) / kPanel; }

// The transpose of a matrix of keys or values: panel p holds its rows [p·kPanel, (p+1)·kPanel) as columns,
// [width][kPanel], zero behind the last row.
struct Panels {
  const float *data;
  int64_t width;
  const float *panel(int64_t p) const { return data + p * kPanel * width; }
};

// Four rows of four numbers, transposed.
INLINE void turn(const float *from, int64_t from_row, float *to, int64_t to_row) {
  __m128 r[4];
  for (int i = 0; i < 4; ++i) r[i] = _mm_loadu_ps(from + i * from_row);
  _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]);
  for (int i = 0; i < 4; ++i) _mm_storeu_ps(to + i * to_row, r[i]);
}

Panels lay_out(Rows<const float> m, int64_t rows, int64_t width, float *to) {
  for (int64_t p = 0; p < panels(rows); ++p) {
    float *panel = to + p * kPanel * width;
    const int64_t first = p * kPanel, n = std::min(kPanel, rows - first);
    if (n < kPanel) std::fill(panel, panel + kPanel * width, 0.0f);
    const float *from = m.data + first * m.stride;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
      for (int64_t l = 0; l < width; l += 4) turn(from + i * m.stride + l, m.stride, panel + l * kPanel + i, kPanel);
    for (; i < n; ++i)
      for (int64_t l = 0; l < width; ++l) panel[l * kPanel + i] = from[i * m.stride + l];
  }
  return {to, width};
}

// Copies put rows side by side: as far apart as those of a sequence's heads, they would share a few sets of the cache.
INLINE void copy_rows(Rows<const float> from, int64_t rows, int64_t width, Rows<float> to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < width; j += kLanes)
      store(to.data + i * to.stride + j, load(from.data + i * from.stride + j));
}

// A range of numbers.
struct Span {
  int64_t first, last;
  int64_t size() const { return last - first; }
};

// The part of the keys, to whole panels, outside which all are hidden: a short document's memory is mostly so.
INLINE Span shown(const Head &h, Span keys) {
  if (h.hidden == nullptr) return keys;
  auto hides = [&](int64_t panel) {
    const int64_t last = std::min(panel * kPanel + kPanel, keys.last);
    return std::all_of(h.hidden + panel * kPanel, h.hidden + last, [](float x) { return x != 0; });
  };
  while (keys.size() > 0 && hides(keys.first / kPanel)) keys.first += kPanel;
  while (keys.size() > 0 && hides((keys.last - 1) / kPanel)) keys.last = (keys.last - 1) / kPanel * kPanel;
  return keys;
}

// How many of the keys a query sees, or one of those before it.
INLINE int64_t seen(const Head &h, Span keys, int64_t query) {
  return std::max<int64_t>(0, (h.causal ? std::min(keys.last, query + 1) : keys.last) - keys.first);
}

// Products of up to six rows of a with the first n columns of b from those of `keys` on, to whole panels: [6][kKeys].
INLINE void score(const Head &h, Rows<const float> a, Span queries, const Panels &b, Span keys, int64_t n,
                  float *tile) {
  for (int64_t j = 0; j < n; j += kPanel)
    multiply_rows<2, false>(queries.size(), a.data + queries.first * a.stride, a.stride, 1,
                            b.panel((keys.first + j) / kPanel), kPanel, h.width, tile + j, kKeys);
}

// Puts -infinity on the scores that query i does not see in the vectors that it sees some of; returns how many these
// are.
INLINE int64_t hide(const Head &h, int64_t i, Span keys, float *row) {
  const int64_t n = seen(h, keys, i), vectors = (n + kLanes - 1) / kLanes;
  if (h.hidden != nullptr)
    for (int64_t j = 0; j < vectors * kLanes; j += kLanes)
      store(row + j, load(row + j) + load(h.hidden + keys.first + j));
  for (int64_t j = n; j < vectors * kLanes; ++j) row[j] = -kInfinity;
  return vectors;
}

// ---------------------------------------------------------------- forward
// Softmax so far: of a query's scores the largest, times scale, and the sum of exponentials above it.
struct Running {
  float largest = -kInfinity, sum = 0;
};

// Turns a row of products, so many vectors, into exponentials and takes off y what the largest score has grown by.
INLINE void soften(const Head &h, float *row, int64_t vectors, Running &r, float *y) {
  Vector top[2] = {all(-kInfinity), all(-kInfinity)};
  for (int64_t j = 0; j < vectors; ++j) top[j & 1] = larger(load(row + j * kLanes), top[j & 1]);
  const float before = r.largest, now = std::max(before, largest(larger(top[0], top[1])) * h.scale);
  const float base = now == -kInfinity ? 0 : now;  // nothing seen yet: every exponential is 0
  Vector total{};
  for (int64_t j = 0; j < vectors; ++j) {
    const Vector p = exponential(load(row + j * kLanes) * h.scale - base);
    total += p;
    store(row + j * kLanes, p);
  }
  if (now != before) {
    const float shrink = before == -kInfinity ? 0 : std::exp(before - now);
    r.sum *= shrink;
    for (int64_t j = 0; j < h.width; j += kLanes) store(y + j, load(y + j) * shrink);
  }
  r.largest = now;
  r.sum += sum(total);
}

// Up to six queries' scores of some keys, and what they add to their sums of values y.
INLINE void attend(const Head &h, Span queries, const Panels &k, Span keys, Running *r, float *y) {
  float tile[kRows * kKeys];
  const int64_t n = seen(h, keys, queries.last - 1);
  if (n == 0) return;
  score(h, h.q, queries, k, keys, n, tile);
  for (int64_t i = queries.first; i < queries.last; ++i) {
    float *row = tile + (i - queries.first) * kKeys;
    const int64_t vectors = hide(h, i, keys, row);
    soften(h, row, vectors, r[i - queries.first], y + (i - queries.first) * h.width);
    for (int64_t j = vectors * kLanes; j < n; ++j) row[j] = 0;
  }
  multiply_add(queries.size(), tile, kKeys, 1, {h.v.data + keys.first * h.v.stride, h.v.stride}, n, y, h.width,
               h.width);
}

void forward_tile(const Head &h, Span queries, const Panels &k, Rows<float> y, float *log_sums, float *sums) {
  Running running[kQueries];
  std::fill_n(sums, queries.size() * h.width, 0.0f);
  const int64_t end = seen(h, {0, h.keys}, queries.last - 1);
  for (int64_t first = 0; first < end; first += kKeys) {
    const Span keys = shown(h, {first, std::min(first + kKeys, end)});
    for (int64_t i = queries.first; i < queries.last; i += kRows) {
      const int64_t at = i - queries.first;
      attend(h, {i, std::min(i + kRows, queries.last)}, k, keys, running + at, sums + at * h.width);
    }
  }
  for (int64_t i = queries.first; i < queries.last; ++i, sums += h.width) {
    const Running &r = running[i - queries.first];
    log_sums[i] = r.sum == 0 ? -kInfinity : r.largest + std::log(r.sum);
    const float share = r.sum == 0 ? 0 : 1 / r.sum;  // not a number stays none
    for (int64_t j = 0; j < h.width; j += kLanes) store(y.data + i * y.stride + j, load(sums + j) * share);
  }
}

int64_t laid_out(const Head &h) { return panels(h.keys) * kPanel * h.width; }
int64_t forward_scratch(const Head &h) { return laid_out(h) + (h.keys + kQueries) * h.width; }

void forward(const Head &head, int64_t first, int64_t last, Rows<float> y, float *log_sums, float *scratch) {
  Head h = head;
  h.keys = seen(h, {0, h.keys}, last - 1);
  const Panels k = lay_out(h.k, h.keys, h.width, scratch);
  scratch += laid_out(h);
  copy_rows(h.v, h.keys, h.width, {scratch, h.width});
  h.v = {scratch, h.width};
  scratch += h.keys * h.width;
  for (int64_t i = first; i < last; i += kQueries)
    forward_tile(h, {i, std::min(i + kQueries, last)}, k, y, log_sums, scratch);
}

// ---------------------------------------------------------------- backward
// What the functions below share of a head.
struct Backward {
  const Head &h;
  Panels k, v;
  Rows<const float> y, grad_y;
  const float *log_sums;
  Rows<float> grad_q, grad_k, grad_v;
  float *p, *ds;  // a tile's, [kQueries][kKeys]
};

// Makes rows of P and dS for up to six queries, zero behind what they see as far as a product of six keys reaches, and
// adds to their dQ.
INLINE void differentiate(const Backward &b, Span queries, Span keys, const float *delta, float *p, float *ds) {
  const Head &h = b.h;
  const int64_t n = seen(h, keys, queries.last - 1), reach = seen(h, keys, queries.last - 1 + kRows);
  if (n == 0) return;
  score(h, h.q, queries, b.k, keys, n, p);
  score(h, b.grad_y, queries, b.v, keys, n, ds);
  for (int64_t i = queries.first; i < queries.last; ++i) {
    const int64_t at = i - queries.first;
    float *row = p + at * kKeys, *grad_row = ds + at * kKeys;
    const int64_t vectors = hide(h, i, keys, row);
    const float base = b.log_sums[i] == -kInfinity ? kInfinity : b.log_sums[i];
    for (int64_t j = 0; j < vectors; ++j) {
      const Vector e = exponential(load(row + j * kLanes) * h.scale - base);
      store(row + j * kLanes, e);
      store(grad_row + j * kLanes, e * (load(grad_row + j * kLanes) - delta[at]) * h.scale);
    }
    for (int64_t j = vectors * kLanes; j < reach; ++j) row[j] = grad_row[j] = 0;
  }
  multiply_add(queries.size(), ds, kKeys, 1, {h.k.data + keys.first * h.k.stride, h.k.stride}, n,
               b.grad_q.data + queries.first * b.grad_q.stride, b.grad_q.stride, h.width);
}

// Adds tileᵀ·m to the rows of c that belong to the tile's keys; with a causal head from the first group of six queries
// on that sees a key.
INLINE void gather(const Head &h, Span queries, Span keys, const float *tile, Rows<const float> m, Rows<float> c) {
  for (int64_t j = keys.first; j < keys.last; j += kRows) {
    const int64_t unseen = h.causal ? std::max<int64_t>(0, j - queries.first) / kRows * kRows : 0;
    if (unseen >= queries.size()) break;
    multiply_add(std::min(kRows, keys.last - j), tile + unseen * kKeys + (j - keys.first), 1, kKeys,
                 {m.data + (queries.first + unseen) * m.stride, m.stride}, queries.size() - unseen,
                 c.data + j * c.stride, c.stride, h.width);
  }
}

void backward_tile(const Backward &b, Span queries) {
  const Head &h = b.h;
  float delta[kQueries];
  for (int64_t i = queries.first; i < queries.last; ++i) {
    Vector total{};
    for (int64_t j = 0; j < h.width; j += kLanes)
      total += load(b.y.data + i * b.y.stride + j) * load(b.grad_y.data + i * b.grad_y.stride + j);
    delta[i - queries.first] = sum(total);
  }
  const int64_t end = seen(h, {0, h.keys}, queries.last - 1);
  for (int64_t first = 0; first < end; first += kKeys) {
    const Span keys = shown(h, {first, std::min(first + kKeys, end)});
    for (int64_t i = queries.first; i < queries.last; i += kRows) {
      const int64_t at = i - queries.first;
      differentiate(b, {i, std::min(i + kRows, queries.last)}, keys, delta + at, b.p + at * kKeys, b.ds + at * kKeys);
    }
    gather(h, queries, keys, b.p, b.grad_y, b.grad_v);
    gather(h, queries, keys, b.ds, h.q, b.grad_k);
  }
}

int64_t backward_scratch(const Head &h) {
  return 2 * laid_out(h) + (3 * h.keys + 3 * h.queries) * h.width + 2 * kQueries * kKeys;
}

void backward(const Head &head, Rows<const float> y, const float *log_sums, Rows<const float> grad_y,
              Rows<float> grad_q, Rows<float> grad_k, Rows<float> grad_v, float *scratch) {
  Head h = head;
  auto take = [&scratch](int64_t n) { return std::exchange(scratch, scratch + n); };
  const Panels k = lay_out(h.k, h.keys, h.width, take(laid_out(h))),
               v = lay_out(h.v, h.keys, h.width, take(laid_out(h)));
  auto copy = [&](Rows<const float> m, int64_t rows) {
    float *to = take(rows * h.width);
    copy_rows(m, rows, h.width, {to, h.width});
    return Rows<const float>{to, h.width};
  };
  auto zeros = [&](int64_t rows) {
    float *data = take(rows * h.width);
    std::fill_n(data, rows * h.width, 0.0f);
    return Rows<float>{data, h.width};
  };
  h.q = copy(h.q, h.queries);
  h.k = copy(h.k, h.keys);
  const Backward b{h,
                   k,
                   v,
                   y,
                   copy(grad_y, h.queries),
                   log_sums,
                   zeros(h.queries),
                   zeros(h.keys),
                   zeros(h.keys),
                   take(kQueries * kKeys),
                   take(kQueries * kKeys)};
  for (int64_t i = 0; i < h.queries; i += kQueries) backward_tile(b, {i, std::min(i + kQueries, h.queries)});
  copy_rows({b.grad_q.data, h.width}, h.queries, h.width, grad_q);
  copy_rows({b.grad_k.data, h.width}, h.keys, h.width, grad_k);
  copy_rows({b.grad_v.data, h.width}, h.keys, h.width, grad_v);
}

#undef INLINE

}  // namespace

const AttentionKernels KERNELS{kLanes, forward, backward, forward_scratch, backward_scratch};
}  // namespace agiformer
#endif
