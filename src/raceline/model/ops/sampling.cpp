// Sampling at places that are given: GridSample, AffineGrid, RoiAlign.
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

Interpolation read_grid_mode(const NodeImport& node) {
  constexpr int64_t first_of_any_rank = 20;
  const std::string mode = node.attribute("mode", node.opset() < first_of_any_rank ? "bilinear" : "linear");
  if (mode == "bilinear" || mode == "linear") return Interpolation::linear;
  if (mode == "bicubic" || mode == "cubic") return Interpolation::cubic;
  if (mode == "nearest") return Interpolation::nearest;
  node.refuse(fmt::format("'{}' is not known", mode.substr(0, 40)), "mode");
}

/// Places of `count` elements in [-1, 1]: their centres, the outer ones at the ends with align_corners.
double place_of(int64_t index, int64_t count, bool align_corners) {
  const auto i = static_cast<double>(index);
  const auto n = static_cast<double>(count);
  if (align_corners) return count > 1 ? -1 + 2 * i / (n - 1) : 0;
  return (2 * i + 1) / n - 1;
}

/// Homogeneous coordinates of each element of an image, the last axis first.
template <class T>
Tensor homogeneous_places(std::span<const int64_t> image, int64_t elements, bool align_corners) {
  const auto axes = static_cast<int64_t>(image.size());
  Tensor places({data_type_of<T>, Shape{elements, axes + 1}, Layout::nchw});
  T* to = places.data<T>();
  for (int64_t element = 0; element < elements; ++element) {
    int64_t rest = element;
    for (size_t axis = image.size(); axis-- > 0; rest /= image[axis]) {
      *to++ = static_cast<T>(place_of(rest % image[axis], image[axis], align_corners));
    }
    *to++ = 1;
  }
  return places;
}

}  // namespace

void import_grid_sample(NodeImport& node) {
  GridSampleParams params;
  params.mode = read_grid_mode(node);
  const std::string padding = node.attribute("padding_mode", "zeros");
  try {
    params.padding = parse_grid_padding(padding);
  } catch (const ParseError& error) {
    node.refuse(error.what(), "padding_mode");
  }
  params.align_corners = node.attribute("align_corners", int64_t{0}) != 0;
  node.result(OpKind::grid_sample, params, {node.operand(0), node.operand(1)});
}

/// The places of the grid are those of an image, transformed by theta: a product of matrices.
void import_affine_grid(NodeImport& node) {
  const bool align_corners = node.attribute("align_corners", int64_t{0}) != 0;
  const ValueId theta = node.operand(0);
  const TensorDesc desc = node.desc(theta);
  const std::vector<int64_t> size = node.integers(size_t{1});
  const auto axes = static_cast<int64_t>(size.size()) - 2;
  if (axes < 2 || axes > 3) node.fail(fmt::format("a size of {} extents; 4 or 5 wanted", size.size()));
  if (desc.shape != Shape{size[0], axes, axes + 1}) {
    node.fail(
        fmt::format("theta is {}; {} wanted", desc.to_string(), Shape{size[0], axes, axes + 1}.to_string()));
  }
  const auto image = std::span(size).subspan(2);
  const int64_t elements = Shape(image).elements();
  constexpr int64_t most_elements = int64_t{1} << 24;
  if (elements > most_elements) node.refuse(fmt::format("a grid of {} places", elements));
  Tensor places;
  if (desc.type == DataType::f32) {
    places = homogeneous_places<float>(image, elements, align_corners);
  } else if (desc.type == DataType::f64) {
    places = homogeneous_places<double>(image, elements, align_corners);
  } else {
    node.refuse(fmt::format("theta is {}; f32 and f64 are supported", desc.to_string()));
  }
  const ValueId turned = node.add("turned", OpKind::transpose, TransposeParams{{0, 2, 1}}, {theta});
  const ValueId grid =
      node.add_main(OpKind::matmul, NoParams{}, {node.constant("places", std::move(places)), turned});
  std::vector<int64_t> dims = {size[0]};
  dims.insert(dims.end(), image.begin(), image.end());
  dims.push_back(axes);
  node.result(OpKind::reshape, ReshapeParams{dims}, {grid}, "out");
}

void import_roi_align(NodeImport& node) {
  constexpr int64_t first_with_places = 16;
  RoiAlignParams params;
  const std::string mode = node.attribute("mode", "avg");
  if (mode != "avg" && mode != "max")
    node.refuse(fmt::format("'{}' is not known", mode.substr(0, 40)), "mode");
  const std::string place =
      node.attribute("coordinate_transformation_mode",
                     node.opset() < first_with_places ? "output_half_pixel" : "half_pixel");
  if (place != "half_pixel" && place != "output_half_pixel") {
    node.refuse(fmt::format("'{}' is not known", place.substr(0, 40)), "coordinate_transformation_mode");
  }
  params.out_height = node.attribute("output_height", int64_t{1});
  params.out_width = node.attribute("output_width", int64_t{1});
  params.sampling_ratio = node.attribute("sampling_ratio", int64_t{0});
  params.spatial_scale = node.attribute("spatial_scale", 1.0f);
  params.half_pixel = place == "half_pixel";
  params.max = mode == "max";
  node.result(OpKind::roi_align, params, {node.operand(0), node.operand(1), node.operand(2)});
}

}  // namespace raceline
