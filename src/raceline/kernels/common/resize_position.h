// Where the elements of a resized axis lie among those of the input. Source: ONNX Resize.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "raceline/graph/layer_desc.h"

namespace raceline {

/// One axis of a resize layer. Positions are computed in double, so that they are the same for every type.
struct ResizeAxis {
  int64_t in = 1, out = 1;
  double scale = 1;  ///< what the mode of the place divides by
  ResizePlace place = ResizePlace::half_pixel;
  NearestRounding rounding = NearestRounding::round_prefer_floor;
  double start = 0, end = 1;  ///< of the region of tf_crop_and_resize
  bool exact = true;          ///< the scale is out / in
  bool kept = true;           ///< the axis stays as it is

  static ResizeAxis of(const LayerDesc& layer, int axis) {
    const auto& p = layer.as<ResizeParams>();
    const auto at = static_cast<size_t>(axis);
    ResizeAxis a;
    a.in = layer.inputs[0].desc.shape[axis];
    a.out = layer.outputs[0].shape[axis];
    a.place = p.place;
    a.rounding = p.rounding;
    a.exact = p.scales[at] == 0;
    a.scale = a.exact ? static_cast<double>(a.out) / static_cast<double>(std::max<int64_t>(1, a.in))
                      : static_cast<double>(p.scales[at]);
    if (p.place == ResizePlace::tf_crop_and_resize) {
      a.start = static_cast<double>(p.roi[at]);
      a.end = static_cast<double>(p.roi[p.roi.size() / 2 + at]);
    }
    a.kept = a.in == a.out && a.exact && a.start == 0 && a.end == 1;
    return a;
  }

  /// Of output element i, in elements of the input; may lie outside of it.
  double position(int64_t i) const {
    const auto x = static_cast<double>(i);
    if (kept) return x;
    const auto last = static_cast<double>(in - 1);
    const auto last_out = static_cast<double>(out - 1);
    switch (place) {
      case ResizePlace::half_pixel:
        return unscaled(x + 0.5) - 0.5;
      case ResizePlace::half_pixel_symmetric: {
        const double adjustment = exact ? 1 : static_cast<double>(out) / (scale * static_cast<double>(in));
        return static_cast<double>(in) / 2 * (1 - adjustment) + unscaled(x + 0.5) - 0.5;
      }
      case ResizePlace::pytorch_half_pixel:
        return out > 1 ? unscaled(x + 0.5) - 0.5 : 0;
      case ResizePlace::align_corners:
        return out > 1 ? x * last / last_out : 0;
      case ResizePlace::asymmetric:
        return unscaled(x);
      case ResizePlace::tf_half_pixel_for_nn:
        return unscaled(x + 0.5);
      case ResizePlace::tf_crop_and_resize:
        return out > 1 ? start * last + x * (end - start) * last / last_out : (start + end) * last / 2;
    }
    return x;
  }

  /// Whether a position takes the value of extrapolation.
  bool is_outside(double position) const {
    return place == ResizePlace::tf_crop_and_resize &&
           !(position >= 0 && position <= static_cast<double>(in - 1));
  }

  /// The element nearest to a position, inside of the axis.
  int64_t nearest(double position) const {
    double at = position;
    switch (rounding) {
      case NearestRounding::round_prefer_floor:
        at = std::ceil(position - 0.5);
        break;
      case NearestRounding::round_prefer_ceil:
        at = std::floor(position + 0.5);
        break;
      case NearestRounding::floor:
        at = std::floor(position);
        break;
      case NearestRounding::ceil:
        at = std::ceil(position);
        break;
      case NearestRounding::simple:
        at = scale < 1 ? std::ceil(position) : std::floor(position);
        break;
    }
    return static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(in - 1)));
  }

 private:
  /// x / scale. By the extents where it can be, so that whole quotients come out whole.
  double unscaled(double x) const {
    return exact ? x * static_cast<double>(in) / static_cast<double>(out) : x / scale;
  }
};

}  // namespace raceline
