// Parameters of ops that read a tensor between its elements.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace raceline {

enum class Interpolation : uint8_t { nearest, linear, cubic };

/// Where element i of n outputs lies among the m inputs of its axis, with s = n / m or the scale given.
enum class ResizePlace : uint8_t {
  half_pixel,            ///< (i + 1/2) / s - 1/2
  half_pixel_symmetric,  ///< the same, shifted so that both ends are treated alike where s m is not whole
  pytorch_half_pixel,    ///< half_pixel, and 0 where there is one output
  align_corners,         ///< i (m - 1) / (n - 1), and 0 where there is one output
  asymmetric,            ///< i / s
  tf_half_pixel_for_nn,  ///< (i + 1/2) / s
  tf_crop_and_resize,    ///< from roi start to roi end, as shares of m - 1; outside is the extrapolation
};

/// How a place between two elements is rounded to the nearest one.
enum class NearestRounding : uint8_t {
  round_prefer_floor,
  round_prefer_ceil,
  floor,
  ceil,
  simple,  ///< floor when the axis grows, ceil when it shrinks: what the first Resize did
};

enum class GridPadding : uint8_t { zeros, border, reflection };

/// resize to `sizes`, one extent an axis, axis by axis. Elements outside of the tensor are those of its edge,
/// or carry no weight with exclude_outside. With antialias the filter of an axis that shrinks is stretched to
/// cover what it leaves out. Source: ONNX Resize, Upsample.
struct ResizeParams {
  Interpolation mode = Interpolation::nearest;
  ResizePlace place = ResizePlace::half_pixel;
  NearestRounding rounding = NearestRounding::round_prefer_floor;
  std::vector<int64_t> sizes;
  /// One an axis, for places computed with another scale than output by input extent; 0: with that quotient.
  std::vector<float> scales;
  std::vector<float> roi;  ///< tf_crop_and_resize: the start of each axis, then the end of each
  float cubic_a = -0.75f;
  bool exclude_outside = false, antialias = false;
  float extrapolation = 0;
  friend bool operator==(const ResizeParams&, const ResizeParams&) = default;
};

/// grid_sample: reads x [N, C, spatial...] at the places that the grid [N, out spatial..., spatial rank]
/// lists, the last spatial axis first. -1 and 1 are the centres of the corner elements with align_corners,
/// otherwise their outer edges. cubic is Keys's kernel of a = -0.75. Source: ONNX GridSample.
struct GridSampleParams {
  Interpolation mode = Interpolation::linear;
  GridPadding padding = GridPadding::zeros;
  bool align_corners = false;
  friend bool operator==(const GridSampleParams&, const GridSampleParams&) = default;
};

/// roi_align. Operands: x [N, C, H, W], rois [R, 4] (x1, y1, x2, y2), the image of each roi [R] i64. Each of
/// out_height x out_width bins takes the average of sampling_ratio^2 bilinear samples, or the largest term of
/// one; sampling_ratio 0: as many as it covers elements. half_pixel shifts rois by half an element; without
/// it a roi has at least the extent of one. Source: ONNX RoiAlign.
struct RoiAlignParams {
  int64_t out_height = 1, out_width = 1, sampling_ratio = 0;
  float spatial_scale = 1;
  bool half_pixel = true, max = false;
  friend bool operator==(const RoiAlignParams&, const RoiAlignParams&) = default;
};

std::string_view to_string(Interpolation mode);
std::string_view to_string(ResizePlace place);
std::string_view to_string(NearestRounding rounding);
std::string_view to_string(GridPadding padding);
/// Throw ParseError.
Interpolation parse_interpolation(std::string_view text);
ResizePlace parse_resize_place(std::string_view text);
NearestRounding parse_nearest_rounding(std::string_view text);
GridPadding parse_grid_padding(std::string_view text);

template <class Visitor>
void visit_fields(ResizeParams& p, Visitor&& visit) {
  visit("mode", p.mode);
  visit("place", p.place);
  visit("rounding", p.rounding);
  visit("sizes", p.sizes);
  visit("scales", p.scales);
  visit("roi", p.roi);
  visit("cubic_a", p.cubic_a);
  visit("exclude_outside", p.exclude_outside);
  visit("antialias", p.antialias);
  visit("extrapolation", p.extrapolation);
}

template <class Visitor>
void visit_fields(GridSampleParams& p, Visitor&& visit) {
  visit("mode", p.mode);
  visit("padding", p.padding);
  visit("align_corners", p.align_corners);
}

template <class Visitor>
void visit_fields(RoiAlignParams& p, Visitor&& visit) {
  visit("out_height", p.out_height);
  visit("out_width", p.out_width);
  visit("sampling_ratio", p.sampling_ratio);
  visit("spatial_scale", p.spatial_scale);
  visit("half_pixel", p.half_pixel);
  visit("max", p.max);
}

}  // namespace raceline
