// GridSample by its definition, in double whatever the type: each place of the grid is padded into the image,
// and each channel is a weighted sum over its neighbours there. A place that is not a number lies outside.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

constexpr int most_axes = Shape::max_rank - 2;
constexpr int most_taps = 4;

struct Tap {
  int64_t offset = 0;  ///< in elements of the input
  double weight = 0;   ///< 0 also outside of an image padded with zeros
};

/// One spatial axis of the image.
struct Axis {
  int64_t extent, stride;
  GridPadding padding;
  bool align_corners;

  double first() const { return align_corners ? 0 : -0.5; }
  double last() const { return static_cast<double>(extent) - (align_corners ? 1 : 0.5); }

  /// From [-1, 1] to elements. Places that are too far out to matter are brought near, so that they can be
  /// counted.
  double denormalise(double place) const {
    const auto length = static_cast<double>(extent);
    const double at = align_corners ? (place + 1) / 2 * (length - 1) : ((place + 1) * length - 1) / 2;
    if (std::isnan(at)) return -far_away;
    return padding == GridPadding::reflection ? std::clamp(at, -1e15, 1e15)
                                              : std::clamp(at, -far_away, length + far_away);
  }

  double reflect(double at) const {
    const double width = last() - first();
    if (width <= 0) return first();
    const double beyond = at < first() ? first() - at : at > last() ? at - last() : -1;
    if (beyond < 0) return at;
    const double times = std::floor(beyond / width);
    const double rest = beyond - times * width;
    const bool from_first = (at < first()) == (std::fmod(times, 2) == 0);
    return from_first ? first() + rest : last() - rest;
  }

  double pad(double at) const {
    if (padding == GridPadding::border) return std::clamp(at, 0.0, static_cast<double>(extent - 1));
    return padding == GridPadding::reflection ? reflect(at) : at;
  }

  Tap tap(int64_t index, double weight) const {
    if (index < 0 || index >= extent) {
      if (padding == GridPadding::zeros) return {};
      if (padding == GridPadding::reflection)
        index = static_cast<int64_t>(reflect(static_cast<double>(index)));
      index = std::clamp<int64_t>(index, 0, extent - 1);
    }
    return {index * stride, weight};
  }

  static constexpr double far_away = 8;
};

/// Keys's kernel of a = -0.75 at a distance.
double cubic(double distance) {
  constexpr double a = -0.75;
  const double x = std::fabs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// Fills the taps of one axis; says how many there are.
int tabulate(const Axis& axis, Interpolation mode, double place, Tap* taps) {
  double at = axis.denormalise(place);
  if (mode == Interpolation::nearest) {
    taps[0] = axis.tap(static_cast<int64_t>(axis.pad(std::nearbyint(at))), 1);
    return 1;
  }
  at = axis.pad(at);
  const int count = mode == Interpolation::linear ? 2 : 4;
  const auto first = static_cast<int64_t>(std::floor(at)) - count / 2 + 1;
  for (int i = 0; i < count; ++i) {
    const double distance = at - static_cast<double>(first + i);
    taps[i] = axis.tap(first + i, count == 2 ? 1 - std::fabs(distance) : cubic(distance));
  }
  return count;
}

template <class T>
struct Sample {
  int axes = 0;
  int counts[most_axes] = {};
  Tap taps[most_axes][most_taps];

  double sum(int axis, const T* x) const {
    if (axis == axes) return static_cast<double>(*x);
    double result = 0;
    for (int i = 0; i < counts[axis]; ++i) {
      const Tap& tap = taps[axis][i];
      if (tap.weight != 0) result += tap.weight * sum(axis + 1, x + tap.offset);
    }
    return result;
  }
};

template <class T, class G>
void run_types(const LayerDesc& layer, const KernelArgs& args) {
  const auto& p = layer.as<GridSampleParams>();
  const Shape& shape = layer.inputs[0].desc.shape;
  const Shape& out = layer.outputs[0].shape;
  const auto strides = shape.strides();
  const int axes = shape.rank() - 2;
  const int64_t image = shape.elements(1, shape.rank());
  const int64_t plane = shape.elements(2, shape.rank());
  const int64_t places = out.elements(2, out.rank());
  const G* grid = args.inputs[1].data<G>();
  T* y = args.outputs[0].data<T>();
  Sample<T> sample;
  sample.axes = axes;
  for (int64_t n = 0; n < out[0]; ++n, y += out[1] * places) {
    const T* x = args.inputs[0].data<T>() + n * image;
    for (int64_t place = 0; place < places; ++place, grid += axes) {
      for (int axis = 0; axis < axes; ++axis) {
        const Axis along{shape[axis + 2], strides[static_cast<size_t>(axis) + 2], p.padding, p.align_corners};
        sample.counts[axis] =
            tabulate(along, p.mode, static_cast<double>(grid[axes - 1 - axis]), sample.taps[axis]);
      }
      for (int64_t c = 0; c < out[1]; ++c)
        y[c * places + place] = static_cast<T>(sample.sum(0, x + c * plane));
    }
  }
}

Support supports(const LayerDesc& layer) {
  for (const size_t operand : {size_t{0}, size_t{1}}) {
    const DataType type = layer.inputs[operand].desc.type;
    if (type != DataType::f32 && type != DataType::f64)
      return Support::no(fmt::format("the reference does not compute in {}", to_string(type)));
  }
  return Support::yes();
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_float(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    layer.inputs[1].desc.type == DataType::f32 ? run_types<T, float>(layer, args)
                                               : run_types<T, double>(layer, args);
  });
}

}  // namespace

void register_grid_sample_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::grid_sample, "direct", {supports, run});
}

}  // namespace raceline
