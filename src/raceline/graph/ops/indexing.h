// Parameters of ops whose operands say where elements come from or go to, and of ops that choose elements by
// their values. Indices are i32 or i64 and count from the end where negative; one that lies outside fails the
// run.
//
// where has no parameters: operands condition (bool), a and b, which all broadcast; a where the condition
// holds, else b. Source: ONNX Where.
//
// gather_nd, scatter_elements and scatter_nd follow ONNX GatherND, ScatterElements and ScatterND;
// gather_elements (GatherParams of movement.h) ONNX GatherElements.
//
// How many elements non_zero, compress and non_max_suppression give depends on values. Their first output has
// the shape for the most there can be; what they give fills its beginning along every axis, and the rest is
// 0. Their second output (i64, one element for each axis of the first) is the shape of that part.
#pragma once
#include <cstdint>
#include <limits>
#include <string_view>

namespace raceline {

/// gather_nd: the last axis of the indices holds places in the first axes of the data behind batch_dims ones
/// that both have in common. Operands: data, indices.
struct GatherNdParams {
  int64_t batch_dims = 0;
  friend bool operator==(const GatherNdParams&, const GatherNdParams&) = default;
};

/// What a scattered element does to the one that is there.
enum class ScatterReduction : uint8_t { none, add, mul, max, min };
std::string_view to_string(ScatterReduction reduction);
/// Throws ParseError.
ScatterReduction parse_scatter_reduction(std::string_view text);

/// scatter_elements and scatter_nd. Operands: data, indices, updates. Updates are applied in order, so of
/// several to one place without reduction the last one stays. axis is scatter_elements' own.
struct ScatterParams {
  ScatterReduction reduction = ScatterReduction::none;
  int64_t axis = 0;
  friend bool operator==(const ScatterParams&, const ScatterParams&) = default;
};

/// compress: the slices along the axis for which the condition holds. Operands: data, condition (bool [n], n
/// at most the axis' extent). Source: ONNX Compress.
struct CompressParams {
  int64_t axis = 0;
  friend bool operator==(const CompressParams&, const CompressParams&) = default;
};

/// non_max_suppression of boxes [N, count, 4] by scores [N, classes, count]: for each image and class the
/// boxes of highest score, at most `most` of them, each of which overlaps none chosen before it by more than
/// iou_threshold. Gives rows (image, class, box) of i64. A box is two opposite corners (y, x, y, x), or
/// (x, y, width, height) around its centre with `centred`. Only scores above score_threshold count; all do
/// where it is -inf. Source: ONNX NonMaxSuppression.
struct NonMaxSuppressionParams {
  int64_t most = std::numeric_limits<int64_t>::max();
  float iou_threshold = 0;
  float score_threshold = -std::numeric_limits<float>::infinity();
  bool centred = false;
  friend bool operator==(const NonMaxSuppressionParams&, const NonMaxSuppressionParams&) = default;
};

template <class Visitor>
void visit_fields(GatherNdParams& p, Visitor&& visit) {
  visit("batch_dims", p.batch_dims);
}
template <class Visitor>
void visit_fields(ScatterParams& p, Visitor&& visit) {
  visit("reduction", p.reduction);
  visit("axis", p.axis);
}
template <class Visitor>
void visit_fields(CompressParams& p, Visitor&& visit) {
  visit("axis", p.axis);
}
template <class Visitor>
void visit_fields(NonMaxSuppressionParams& p, Visitor&& visit) {
  visit("most", p.most);
  visit("iou_threshold", p.iou_threshold);
  visit("score_threshold", p.score_threshold);
  visit("centred", p.centred);
}

}  // namespace raceline
