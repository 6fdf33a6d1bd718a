// Resize by its definition: each output is a weighted sum over the taps of all axes. Weights and sums are
// computed in double for every type; integers are cut off towards zero. The taps of each axis are tabulated
// at the start of each run, in the workspace.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/kernels/common/resize_position.h"
#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// An element of the input and how much of it an output takes. The first of an output that lies outside of
/// the region has index -1.
struct Tap {
  int64_t index;
  double weight;
};

/// The filter of one axis.
struct Filter {
  ResizeAxis axis;
  Interpolation mode = Interpolation::nearest;
  double a = 0;             ///< of the cubic kernel
  double shrink = 1;        ///< positions are multiplied by this before they are weighed
  bool drops = false;       ///< elements outside carry no weight
  bool normalises = false;  ///< weights are divided by their sum

  static Filter of(const LayerDesc& layer, int axis) {
    const auto& p = layer.as<ResizeParams>();
    Filter filter;
    filter.axis = ResizeAxis::of(layer, axis);
    filter.mode = filter.axis.kept ? Interpolation::nearest : p.mode;
    filter.a = static_cast<double>(p.cubic_a);
    if (p.antialias) filter.shrink = std::min(1.0, filter.axis.scale);
    filter.drops = p.exclude_outside;
    filter.normalises = p.exclude_outside || filter.shrink < 1;
    return filter;
  }

  /// Half of the width that carries weight.
  double support() const { return (mode == Interpolation::linear ? 1 : 2) / shrink; }
  int64_t taps() const {
    return mode == Interpolation::nearest ? 1 : 2 * static_cast<int64_t>(std::ceil(support()));
  }

  double weight(double distance) const {
    const double x = std::fabs(distance) * shrink;
    if (mode == Interpolation::linear) return std::max(0.0, 1 - x);
    // R. Keys: Cubic convolution interpolation for digital image processing, 1981.
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
  }

  void tabulate(int64_t output, Tap* to) const {
    double position = axis.position(output);
    const int64_t count = taps();
    std::fill_n(to, count, Tap{0, 0});
    if (axis.is_outside(position)) {
      to[0].index = -1;
      return;
    }
    if (mode == Interpolation::nearest) {
      to[0] = {axis.kept ? output : axis.nearest(position), 1};
      return;
    }
    const int64_t first = static_cast<int64_t>(std::floor(position)) - count / 2 + 1;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index = first + i;
      to[i].index = std::clamp<int64_t>(index, 0, axis.in - 1);
      if (drops && index != to[i].index) continue;
      to[i].weight = weight(position - static_cast<double>(index));
      sum += to[i].weight;
    }
    if (!normalises || sum == 0) return;
    for (int64_t i = 0; i < count; ++i) to[i].weight /= sum;
  }
};

/// The taps of one axis: `count` for each output.
struct Axis {
  const Tap* taps = nullptr;
  int64_t count = 1, out = 1, x_stride = 1;
};

template <class T>
struct Resize {
  Axis axes[Shape::max_rank];
  const Tap* at[Shape::max_rank];  ///< the taps of the output in hand
  int rank;
  T extrapolation;

  double sum(int axis, const T* x) const {
    if (axis == rank) return static_cast<double>(*x);
    const Tap* taps = at[axis];
    const int64_t stride = axes[axis].x_stride;
    const int64_t count = axes[axis].count;
    if (count == 1) return sum(axis + 1, x + taps->index * stride);
    double result = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (taps[i].weight != 0) result += taps[i].weight * sum(axis + 1, x + taps[i].index * stride);
    }
    return result;
  }

  T* run(int axis, const T* x, T* y, bool outside) {
    if (axis == rank) {
      *y = outside ? extrapolation : saturate_cast<T>(sum(0, x));
      return y + 1;
    }
    const Axis& along = axes[axis];
    for (int64_t o = 0; o < along.out; ++o) {
      at[axis] = along.taps + o * along.count;
      y = run(axis + 1, x, y, outside || at[axis]->index < 0);
    }
    return y;
  }

  /// One tap of weight one along each axis: elements of any kind are copied.
  T* copy(int axis, const T* x, T* y, bool outside) {
    if (axis == rank) {
      *y = outside ? extrapolation : *x;
      return y + 1;
    }
    const Axis& along = axes[axis];
    for (int64_t o = 0; o < along.out; ++o) {
      const int64_t index = along.taps[o].index;
      y = copy(axis + 1, x + std::max<int64_t>(index, 0) * along.x_stride, y, outside || index < 0);
    }
    return y;
  }
};

template <class T>
Resize<T> tabulated(const LayerDesc& layer, const KernelArgs& args, T extrapolation) {
  const Shape& x = layer.inputs[0].desc.shape;
  Resize<T> resize{{}, {}, x.rank(), extrapolation};
  const auto strides = x.strides();
  Tap* free = reinterpret_cast<Tap*>(args.workspace.host());
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Filter filter = Filter::of(layer, axis);
    resize.axes[axis] = {free, filter.taps(), filter.axis.out, strides[static_cast<size_t>(axis)]};
    for (int64_t o = 0; o < filter.axis.out; ++o, free += filter.taps()) filter.tabulate(o, free);
  }
  return resize;
}

Support supports(const LayerDesc& layer) {
  const DataType type = layer.outputs[0].type;
  return is_half(type) ? Support::no(fmt::format("{} is resized as f32", to_string(type))) : Support::yes();
}

size_t workspace_bytes(const LayerDesc& layer) {
  size_t taps = 0;
  for (int axis = 0; axis < layer.outputs[0].shape.rank(); ++axis) {
    const Filter filter = Filter::of(layer, axis);
    taps += static_cast<size_t>(filter.taps()) * static_cast<size_t>(filter.axis.out);
  }
  return taps * sizeof(Tap);
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const auto& p = layer.as<ResizeParams>();
  if (layer.outputs[0].shape.elements() == 0) return Status::ok();
  return with_element(layer.outputs[0].type, [&](auto tag) {
    using T = Stored<typename decltype(tag)::type>;
    auto resize = tabulated<T>(layer, args, saturate_cast<T>(p.extrapolation));
    const T* x = args.inputs[0].data<T>();
    T* y = args.outputs[0].data<T>();
    p.mode == Interpolation::nearest ? resize.copy(0, x, y, false) : resize.run(0, x, y, false);
  });
}

}  // namespace

void register_resize_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::resize, "direct", {supports, run, nullptr, workspace_bytes});
}

}  // namespace raceline
