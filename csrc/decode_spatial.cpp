// The attention of the expert "spatial" (docs/model.md) for one position of a stream
// that is decoded: each head has a point p in R³ beside its query, key and value.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "decode.h"
#include "shim.h"

namespace agiformer {
namespace {

// The dimensions of a head that hold places.
constexpr int64_t kPlace = 8;

// What a head knows of its token's place, p in the type of the cache.
struct Place {
  float p[3], e[3];    // the point, and its direction p/sqrt(|p|² + 1e-6)
  float square, high;  // |p|², and the part of it that the cache's type holds

  Place(const float *raw, at::ScalarType type) {
    const auto rounded = [type](float x) { return type == at::kFloat ? x : static_cast<float>(at::BFloat16(x)); };
    for (int i = 0; i < 3; ++i) p[i] = rounded(2 * std::tanh(raw[i]));
    square = p[0] * p[0] + p[1] * p[1] + p[2] * p[2];
    high = rounded(square);
    const float inverse = 1 / std::sqrt(square + 1e-6f);
    for (int i = 0; i < 3; ++i) e[i] = p[i] * inverse;
  }

  // r·[2β·p, -β, -β, γ·e]: near is r·β and along r·γ.
  void query(float *to, float near, float along) const {
    const float values[kPlace] = {2 * near * p[0], 2 * near * p[1], 2 * near * p[2], -near,
                                  -near,           along * e[0],    along * e[1],    along * e[2]};
    std::copy(values, values + kPlace, to);
  }
  // [p, |p|² in two parts, e], of keys and values.
  void key(float *to) const {
    const float values[kPlace] = {p[0], p[1], p[2], high, square - high, e[0], e[1], e[2]};
    std::copy(values, values + kPlace, to);
  }
  // Replaces the means of what was attended to by how that lies to this place: the
  // displacement, the squared distance, the cosine, and p.
  void relate(float *means) const {
    const float *m = means, *w = means + 5;
    const float distance = square - 2 * (p[0] * m[0] + p[1] * m[1] + p[2] * m[2]) + (means[3] + means[4]);
    const float cosine = e[0] * w[0] + e[1] * w[1] + e[2] * w[2];
    const float values[kPlace] = {m[0] - p[0], m[1] - p[1], m[2] - p[2], distance, cosine, p[0], p[1], p[2]};
    std::copy(values, values + kPlace, means);
  }
};

}  // namespace
}  // namespace agiformer

using namespace agiformer;

extern "C" {

agi_error *agi_spatial_step(agi_tensor projected, agi_tensor points, agi_tensor cos, agi_tensor sin,
                            agi_tensor distance, agi_tensor direction, agi_tensor keys, agi_tensor values,
                            int64_t position, double scale, agi_tensor *out) {
  return guard([&] {
    at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor &packed = ref(projected), &k = ref(keys), &v = ref(values);
    check_step(packed, ref(cos), ref(sin), k, v, position);
    const int64_t heads = k.size(1), width = k.size(3), all = heads * width, content = width - kPlace;
    TORCH_CHECK(ref(points).numel() == 3 * heads && ref(distance).numel() == heads && ref(direction).numel() == heads &&
                    2 * ref(cos).numel() <= content,
                "points ", ref(points).sizes(), " do not fit ", heads, " heads of ", width);
    const at::Tensor raw = ref(points).to(at::kFloat).contiguous();
    const at::Tensor near = ref(distance).to(at::kFloat).contiguous();
    const at::Tensor along = ref(direction).to(at::kFloat).contiguous();
    float *q = packed.mutable_data_ptr<float>();
    rotate(q, 2 * heads, width, ref(cos), ref(sin), std::nullopt);
    std::vector<Place> places;
    for (int64_t h = 0; h < heads; ++h) {
      const Place &place = places.emplace_back(raw.const_data_ptr<float>() + 3 * h, k.scalar_type());
      float *to = q + h * width + content;
      const float r = static_cast<float>(1 / scale);
      place.query(to, r * std::exp(near.const_data_ptr<float>()[h]), r * along.const_data_ptr<float>()[h]);
      place.key(to + all);
      place.key(to + 2 * all);
    }
    store(q + all, k, position);
    store(q + 2 * all, v, position);
    at::Tensor y = at::empty({1, 1, all}, packed.options());
    float *attended = y.mutable_data_ptr<float>();
    attend(kept(k, v, position + 1), q, static_cast<float>(scale), attended);
    for (int64_t h = 0; h < heads; ++h) places[h].relate(attended + h * width + content);
    *out = give(std::move(y));
  });
}

}  // extern "C"
