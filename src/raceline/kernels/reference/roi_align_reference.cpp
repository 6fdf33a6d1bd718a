// RoiAlign by its definition, in double whatever the type. Samples more than one element outside of the image
// are zero; only the others are visited, so that a roi far larger than the image costs no more than one of
// its size. A roi that is not finite gives NaN; an image that does not exist fails the run.
#include <algorithm>
#include <cmath>
#include <limits>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// The two neighbours of a sample along one axis.
struct Neighbours {
  int64_t low, high;
  double of_low, of_high;
};

/// One axis of a roi.
struct Axis {
  int64_t extent;
  double start, bin;  ///< of the roi, and what each output covers
  double samples;     ///< in each bin

  static Axis of(const RoiAlignParams& p, int64_t extent, int64_t outputs, double from, double to) {
    const auto scale = static_cast<double>(p.spatial_scale);
    const double shift = p.half_pixel ? 0.5 : 0;
    const double start = from * scale - shift;
    double length = to * scale - shift - start;
    if (!p.half_pixel) length = std::max(length, 1.0);
    const double bin = length / static_cast<double>(outputs);
    return {extent, start, bin,
            p.sampling_ratio > 0 ? static_cast<double>(p.sampling_ratio) : std::ceil(bin)};
  }

  double place(int64_t output, double sample) const {
    return start + static_cast<double>(output) * bin + (sample + 0.5) * bin / samples;
  }
  bool is_inside(double place) const { return place >= -1 && place <= static_cast<double>(extent); }

  /// Samples that may be inside of the image: `count` of them from `first` on; a few at either end are not.
  struct Range {
    double first = 0;
    int64_t count = 0;
  };
  Range inside(int64_t output) const {
    if (!(samples > 0)) return {};
    const double step = bin / samples;
    const double origin = place(output, 0);
    if (step == 0) return {0, is_inside(origin) ? static_cast<int64_t>(std::min(samples, most_samples)) : 0};
    const double a = (-1 - origin) / step;
    const double b = (static_cast<double>(extent) - origin) / step;
    const double first = std::clamp(std::floor(std::min(a, b)), 0.0, samples);
    const double last = std::clamp(std::floor(std::max(a, b)) + 2, 0.0, samples);
    return {first, static_cast<int64_t>(std::min(last - first, static_cast<double>(most())))};
  }
  /// No bin has more samples inside: where their number follows from the roi, they lie half an element apart
  /// or more.
  int64_t most() const {
    return std::max(2 * extent + 8, static_cast<int64_t>(std::min(samples, most_samples)));
  }
  static constexpr double most_samples = 1024;

  Neighbours neighbours(double place) const {
    place = std::max(place, 0.0);
    const auto low = static_cast<int64_t>(place);
    if (low >= extent - 1) return {extent - 1, extent - 1, 1, 0};
    const double rest = place - static_cast<double>(low);
    return {low, low + 1, 1 - rest, rest};
  }
};

template <class T>
double sample(const T* x, int64_t width, const Neighbours& v, const Neighbours& h, bool max) {
  const auto at = [&](int64_t y, int64_t z) { return static_cast<double>(x[y * width + z]); };
  const double terms[4] = {v.of_low * h.of_low * at(v.low, h.low), v.of_low * h.of_high * at(v.low, h.high),
                           v.of_high * h.of_low * at(v.high, h.low),
                           v.of_high * h.of_high * at(v.high, h.high)};
  return max ? *std::max_element(terms, terms + 4) : terms[0] + terms[1] + terms[2] + terms[3];
}

template <class T>
double bin(const T* x, const Axis& rows, const Axis& columns, int64_t oy, int64_t ox, bool max) {
  const Axis::Range down = rows.inside(oy);
  const Axis::Range across = columns.inside(ox);
  double sum = 0;
  double largest = -std::numeric_limits<double>::infinity();
  double visited = 0;
  for (int64_t iy = 0; iy < down.count; ++iy) {
    const double y = rows.place(oy, down.first + static_cast<double>(iy));
    if (!rows.is_inside(y)) continue;
    const Neighbours vertical = rows.neighbours(y);
    for (int64_t ix = 0; ix < across.count; ++ix) {
      const double z = columns.place(ox, across.first + static_cast<double>(ix));
      if (!columns.is_inside(z)) continue;
      const double value = sample(x, columns.extent, vertical, columns.neighbours(z), max);
      sum += value;
      largest = std::max(largest, value);
      ++visited;
    }
  }
  const double samples = std::max(0.0, rows.samples) * std::max(0.0, columns.samples);
  if (!max) return sum / std::max(samples, 1.0);
  // Samples outside count as zeros.
  return visited < std::max(samples, 1.0) ? std::max(largest, 0.0) : largest;
}

template <class T>
Status run_type(const LayerDesc& layer, const KernelArgs& args) {
  const auto& p = layer.as<RoiAlignParams>();
  const Shape& shape = layer.inputs[0].desc.shape;
  const Shape& out = layer.outputs[0].shape;
  const int64_t plane = shape[2] * shape[3];
  const T* rois = args.inputs[1].data<T>();
  T* y = args.outputs[0].data<T>();
  for (int64_t r = 0; r < out[0]; ++r, rois += 4) {
    const int64_t image = args.inputs[2].data<int64_t>()[r];
    if (image < 0 || image >= shape[0])
      return Status::failed("roi_align: a roi of an image that does not exist");
    const T* x = args.inputs[0].data<T>() + image * shape[1] * plane;
    const Axis columns =
        Axis::of(p, shape[3], p.out_width, static_cast<double>(rois[0]), static_cast<double>(rois[2]));
    const Axis rows =
        Axis::of(p, shape[2], p.out_height, static_cast<double>(rois[1]), static_cast<double>(rois[3]));
    const bool finite = std::isfinite(columns.start + columns.bin + rows.start + rows.bin);
    for (int64_t c = 0; c < out[1]; ++c, x += plane) {
      for (int64_t oy = 0; oy < p.out_height; ++oy) {
        for (int64_t ox = 0; ox < p.out_width; ++ox) {
          *y++ = finite ? static_cast<T>(bin(x, rows, columns, oy, ox, p.max))
                        : std::numeric_limits<T>::quiet_NaN();
        }
      }
    }
  }
  return Status::ok();
}

Support supports(const LayerDesc& layer) {
  const DataType type = layer.outputs[0].type;
  if (type == DataType::f32 || type == DataType::f64) return Support::yes();
  return Support::no("the reference computes in f32 and f64 only");
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  if (layer.outputs[0].type == DataType::f32) return run_type<float>(layer, args);
  return run_type<double>(layer, args);
}

}  // namespace

void register_roi_align_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::roi_align, "direct", {supports, run});
}

}  // namespace raceline
