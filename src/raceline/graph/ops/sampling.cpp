// Shape rules of the ops that read a tensor between its elements. Source: ONNX Resize, GridSample, RoiAlign.
#include "raceline/graph/ops/sampling.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

constexpr std::string_view interpolations[] = {"nearest", "linear", "cubic"};
constexpr std::string_view places[] = {"half_pixel",        "half_pixel_symmetric", "pytorch_half_pixel",
                                       "align_corners",     "asymmetric",           "tf_half_pixel_for_nn",
                                       "tf_crop_and_resize"};
constexpr std::string_view roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                          "simple"};
constexpr std::string_view paddings[] = {"zeros", "border", "reflection"};

template <class Enum>
Enum find(std::span<const std::string_view> names, std::string_view text, std::string_view what) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<Enum>(found - names.begin());
  throw ParseError(
      fmt::format("'{}' is no {}; wanted one of {}", text.substr(0, 40), what, fmt::join(names, ", ")));
}

void normalise_resize(OpParams& params, Operands operands) {
  auto& p = std::get<ResizeParams>(params);
  const TensorDesc* x = optional_operand(operands, 0);
  const int rank = rank_of(operands, 0);
  if (p.sizes.empty() && rank > 0) p.sizes.assign(x->shape.dims().begin(), x->shape.dims().end());
  if (p.scales.empty()) p.scales.assign(static_cast<size_t>(rank), 0);
  for (int axis = 0; axis < rank; ++axis) {
    const auto at = static_cast<size_t>(axis);
    if (at >= p.sizes.size() || at >= p.scales.size()) break;
    if (p.scales[at] == static_cast<float>(p.sizes[at]) / static_cast<float>(x->shape[axis]))
      p.scales[at] = 0;
  }
  if (p.mode != Interpolation::nearest) p.rounding = NearestRounding::round_prefer_floor;
  if (p.mode == Interpolation::nearest) p.antialias = false;
  if (p.mode != Interpolation::cubic) p.cubic_a = ResizeParams{}.cubic_a;
  if (p.mode != Interpolation::cubic && !p.antialias) p.exclude_outside = false;
  if (p.place != ResizePlace::tf_crop_and_resize) {
    p.roi.clear();
    p.extrapolation = 0;
  } else if (p.roi.empty()) {
    p.roi.assign(static_cast<size_t>(rank), 0);
    p.roi.resize(2 * static_cast<size_t>(rank), 1);
  }
}

/// A scale that is given must have led to the size: rounded down, or to the nearest.
void check_scale(const ResizeParams& p, const TensorDesc& x, int axis) {
  const float scale = p.scales[static_cast<size_t>(axis)];
  if (scale == 0) return;
  const auto size = static_cast<double>(p.sizes[static_cast<size_t>(axis)]);
  const double exact = static_cast<double>(x.shape[axis]) * static_cast<double>(scale);
  const double slack = 1e-6 * (1 + size);
  if (std::isfinite(scale) && exact >= size - 0.5 - slack && exact <= size + 1 + slack && scale > 0) return;
  refuse(fmt::format("scale {} of axis {} of input {} does not lead to {} elements", scale, axis,
                     x.to_string(), size));
}

std::vector<TensorDesc> infer_resize(const OpParams& params, Operands operands) {
  const auto& p = as<ResizeParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  const int rank = x.shape.rank();
  const auto wanted = static_cast<size_t>(rank);
  if (p.mode != Interpolation::nearest) want_number(x, "input");
  constexpr int64_t most = int64_t{1} << 40;
  want_values(p.sizes, "sizes", rank, 0, most);
  if (p.scales.size() != wanted)
    refuse(fmt::format("{} scales for input {}", p.scales.size(), x.to_string()));
  for (int axis = 0; axis < rank; ++axis) {
    if (x.shape[axis] == 0 && p.sizes[static_cast<size_t>(axis)] > 0)
      refuse(fmt::format("axis {} of input {} is empty and cannot grow", axis, x.to_string()));
    check_scale(p, x, axis);
  }
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const bool crops = p.place == ResizePlace::tf_crop_and_resize;
  if (p.roi.size() != (crops ? 2 * wanted : 0) || !std::all_of(p.roi.begin(), p.roi.end(), is_finite)) {
    refuse(fmt::format("roi={}: a start, then an end of each axis of {} wanted", fmt::join(p.roi, "x"),
                       x.to_string()));
  }
  if (!is_finite(p.cubic_a) || !is_finite(p.extrapolation))
    refuse(fmt::format("cubic_a={} extrapolation={}: finite numbers wanted", p.cubic_a, p.extrapolation));
  return {{x.type, Shape(p.sizes)}};
}

/// Multiply-adds of passes axis by axis, each over the whole output; the stretch by antialias is not counted.
double flops_resize(const OpParams& params, Operands operands, std::span<const TensorDesc> outputs) {
  const auto& p = as<ResizeParams>(params);
  if (p.mode == Interpolation::nearest) return 0;
  const double taps = p.mode == Interpolation::linear ? 2 : 4;
  double flops = 0;
  for (int axis = 0; axis < outputs[0].shape.rank(); ++axis) {
    if (outputs[0].shape[axis] != operands[0]->shape[axis])
      flops += 2 * taps * static_cast<double>(outputs[0].shape.elements());
  }
  return flops;
}

std::vector<TensorDesc> infer_grid_sample(const OpParams&, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  const TensorDesc& grid = operand(operands, 1, "grid");
  want_float(x, "input");
  want_float(grid, "grid");
  want_rank(x, "input", 3, Shape::max_rank);
  const int rank = x.shape.rank();
  want_rank(grid, "grid", rank, rank);
  if (grid.shape[0] != x.shape[0] || grid.shape[rank - 1] != rank - 2) {
    refuse(fmt::format("grid is {}; {} images and {} numbers for each place wanted, as of input {}",
                       grid.to_string(), x.shape[0], rank - 2, x.to_string()));
  }
  std::vector<int64_t> dims = {x.shape[0], x.shape[1]};
  const auto of_grid = grid.shape.dims().subspan(1, static_cast<size_t>(rank - 2));
  dims.insert(dims.end(), of_grid.begin(), of_grid.end());
  const Shape shape(dims);
  if (shape.elements() > 0 && x.shape.elements() == 0)
    refuse(fmt::format("input {} has no element to sample", x.to_string()));
  return {{x.type, shape}};
}

/// A multiply-add for each neighbour of each sample.
double flops_grid_sample(const OpParams& params, Operands operands, std::span<const TensorDesc> outputs) {
  const auto& p = as<GridSampleParams>(params);
  if (p.mode == Interpolation::nearest) return 0;
  const double taps = p.mode == Interpolation::linear ? 2 : 4;
  return 2 * std::pow(taps, spatial_rank(operands)) * static_cast<double>(outputs[0].shape.elements());
}

std::vector<TensorDesc> infer_roi_align(const OpParams& params, Operands operands) {
  const auto& p = as<RoiAlignParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  const TensorDesc& rois = operand(operands, 1, "rois");
  const TensorDesc& images = operand(operands, 2, "images");
  want_float(x, "input");
  want_rank(x, "input", 4, 4);
  want_same_type(rois, "rois", x);
  want_rank(rois, "rois", 2, 2);
  want_shape(rois, "rois", Shape{rois.shape[0], 4});
  want_shape(images, "images", Shape{rois.shape[0]});
  if (images.type != DataType::i64) refuse(fmt::format("images are {}; i64 wanted", images.to_string()));
  want_values(std::vector{p.out_height, p.out_width}, "output", 2, 1, largest_extent);
  constexpr int64_t most_samples = 1024;
  want_values(std::vector{p.sampling_ratio}, "sampling_ratio", 1, 0, most_samples);
  if (!std::isfinite(p.spatial_scale))
    refuse(fmt::format("spatial_scale={}: a finite number wanted", p.spatial_scale));
  const Shape shape{rois.shape[0], x.shape[1], p.out_height, p.out_width};
  if (shape.elements() > 0 && x.shape.elements() == 0)
    refuse(fmt::format("input {} has no element to sample", x.to_string()));
  return {{x.type, shape}};
}

/// Four multiply-adds a sample; where their number depends on the roi, four samples are reckoned.
double flops_roi_align(const OpParams& params, Operands, std::span<const TensorDesc> outputs) {
  const auto ratio = static_cast<double>(as<RoiAlignParams>(params).sampling_ratio);
  const double samples = ratio > 0 ? ratio * ratio : 4;
  return 8 * samples * static_cast<double>(outputs[0].shape.elements());
}

}  // namespace

std::string_view to_string(Interpolation mode) {
  return interpolations[static_cast<size_t>(mode)];
}

std::string_view to_string(ResizePlace place) {
  return places[static_cast<size_t>(place)];
}

std::string_view to_string(NearestRounding rounding) {
  return roundings[static_cast<size_t>(rounding)];
}

std::string_view to_string(GridPadding padding) {
  return paddings[static_cast<size_t>(padding)];
}

Interpolation parse_interpolation(std::string_view text) {
  return find<Interpolation>(interpolations, text, "interpolation");
}

ResizePlace parse_resize_place(std::string_view text) {
  return find<ResizePlace>(places, text, "place of resized elements");
}

NearestRounding parse_nearest_rounding(std::string_view text) {
  return find<NearestRounding>(roundings, text, "rounding to the nearest element");
}

GridPadding parse_grid_padding(std::string_view text) {
  return find<GridPadding>(paddings, text, "padding of a grid");
}

void rules::add_sampling_ops(std::vector<OpInfo>& table) {
  table.push_back(
      {OpKind::resize, "resize", ResizeParams{}, 1, 1, normalise_resize, infer_resize, flops_resize});
  table.push_back({OpKind::grid_sample, "grid_sample", GridSampleParams{}, 2, 2, keep_params,
                   infer_grid_sample, flops_grid_sample});
  table.push_back({OpKind::roi_align, "roi_align", RoiAlignParams{}, 3, 3, keep_params, infer_roi_align,
                   flops_roi_align});
}

}  // namespace raceline
