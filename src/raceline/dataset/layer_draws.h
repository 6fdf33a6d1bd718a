// How one layer of each type is drawn. Private to this room.
#pragma once
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/dataset/spaces.h"

namespace raceline {

/// An activation [batch, channels, height, width].
struct Image {
  int64_t batch = 1, channels = 1, height = 1, width = 1;
};

inline int64_t between(Random& random, int64_t low, int64_t high) {
  return low + random.below(high - low + 1);
}

inline int64_t log_between(Random& random, double low, double high) {
  return std::llround(std::exp(random.uniform(std::log(low), std::log(high))));
}

inline bool chance(Random& random, double share) {
  return random.uniform() < share;
}

inline OperandDesc activation(const Image& x) {
  return {.desc = {DataType::f32, Shape{x.batch, x.channels, x.height, x.width}}};
}

inline OperandDesc weights(const Shape& shape) {
  return {.desc = {DataType::f32, shape}, .constant = true};
}

/// A number of channels near the one given.
inline int64_t jitter(Random& random, int64_t value, double factor) {
  const double scale = std::exp(random.uniform(-std::log(factor), std::log(factor)));
  return std::max<int64_t>(1, std::llround(static_cast<double>(value) * scale));
}

/// A convolution or a pool in the papers' terms.
struct WindowLayer {
  Image image;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, group = 1;
  int64_t outputs = 1;
  bool same = false, relu = false, bias = false;
};

struct DenseLayer {
  int64_t batch = 1, inputs = 1, outputs = 1;
  bool relu = false, bias = false;
};

/// Whether the layer is within the caps; what is not is counted.
bool admits(const LayerDesc& layer, const SampleOptions& options, SampleReport& report);

/// A layer of the type with this window: conv, depthwise, grouped_conv, max_pool or average_pool. Nothing
/// where there is none (a window larger than the image, or as large as a pool's).
std::optional<LayerDesc> window_layer(std::string_view type, WindowLayer w);
LayerDesc conv_layer(const WindowLayer& w);
LayerDesc pool_layer(const WindowLayer& w, bool is_max);
LayerDesc dense_layer(const DenseLayer& d);

/// A layer of the papers' spaces; the type is conv, max_pool or dense. Nothing when the draw is impossible (a
/// window larger than the image).
std::optional<LayerDesc> draw_paper(std::string_view type, bool square, Random& random);
/// A log-uniform layer of the type.
std::optional<LayerDesc> draw_log(std::string_view type, Random& random);
/// A layer like a real one: batch, extents and channels changed together. Nothing when none is of the type.
std::optional<SampledLayer> draw_prior(std::string_view type, std::span<const PriorLayer> prior,
                                       Random& random);
/// Layers that differ in the number of channels only, around multiples of 8 to 64; empty for types without.
std::vector<LayerDesc> draw_stairs(std::string_view type, std::span<const PriorLayer> prior, Random& random);

/// The types whose layers work on one image, and how a layer is made of it; nothing for other types.
std::optional<LayerDesc> image_layer(std::string_view type, const Image& image, Random& random);

}  // namespace raceline
