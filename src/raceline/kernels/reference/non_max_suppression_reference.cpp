// Greedy suppression: the boxes of a class in order of score (of equal ones the first), each kept unless it
// overlaps one kept before it too much. In float whatever the operands, as the thresholds and their ties are
// defined in it. Source: ONNX NonMaxSuppression.
#include <algorithm>
#include <limits>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/extents.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

struct Box {
  float low_y, low_x, high_y, high_x;
  float area() const { return (high_y - low_y) * (high_x - low_x); }
};

template <class T>
Box box_at(const T* coordinates, bool centred) {
  float c[4];
  for (int i = 0; i < 4; ++i) c[i] = static_cast<float>(coordinates[i]);
  if (centred) {
    const float half_width = c[2] / 2;
    const float half_height = c[3] / 2;
    return {c[1] - half_height, c[0] - half_width, c[1] + half_height, c[0] + half_width};
  }
  return {std::min(c[0], c[2]), std::min(c[1], c[3]), std::max(c[0], c[2]), std::max(c[1], c[3])};
}

/// Whether the intersection is more than this share of the union.
bool overlap(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.high_y, b.high_y) - std::max(a.low_y, b.low_y);
  const float width = std::min(a.high_x, b.high_x) - std::max(a.low_x, b.low_x);
  if (!(height > 0) || !(width > 0)) return false;
  const float both = height * width;
  const float area_a = a.area();
  const float area_b = b.area();
  const float either = area_a + area_b - both;
  if (!(area_a > 0) || !(area_b > 0) || !(either > 0)) return false;
  return both / either > threshold;
}

/// Writes the rows of one class and gives their number.
template <class T>
int64_t choose(const NonMaxSuppressionParams& params, const T* boxes, const T* scores, int64_t count,
               int64_t image, int64_t label, int64_t* order, int64_t* rows) {
  constexpr float all = -std::numeric_limits<float>::infinity();
  int64_t candidates = 0;
  for (int64_t box = 0; box < count; ++box) {
    const auto score = static_cast<float>(scores[box]);
    // NaN is no score.
    if (score > params.score_threshold || (params.score_threshold == all && score == score))
      order[candidates++] = box;
  }
  std::sort(order, order + candidates,
            [&](int64_t a, int64_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); });
  int64_t chosen = 0;
  for (int64_t at = 0; at < candidates && chosen < params.most; ++at) {
    const Box box = box_at(boxes + order[at] * 4, params.centred);
    bool stays = true;
    for (int64_t other = 0; other < chosen && stays; ++other) {
      const Box kept = box_at(boxes + rows[other * 3 + 2] * 4, params.centred);
      stays = !overlap(box, kept, params.iou_threshold);
    }
    if (!stays) continue;
    int64_t* row = rows + chosen++ * 3;
    row[0] = image;
    row[1] = label;
    row[2] = order[at];
  }
  return chosen;
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const auto& params = layer.as<NonMaxSuppressionParams>();
  const Shape& shape = layer.inputs[1].desc.shape;
  const int64_t count = shape[2];
  auto* order = reinterpret_cast<int64_t*>(args.workspace.host());
  int64_t* rows = args.outputs[0].data<int64_t>();
  int64_t found = 0;
  clear_output(args);
  const Status status = with_float(layer.inputs[0].desc.type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* boxes = args.inputs[0].data<T>();
    const T* scores = args.inputs[1].data<T>();
    if (count == 0 || params.most == 0) return;
    for (int64_t image = 0; image < shape[0]; ++image, boxes += count * 4) {
      for (int64_t label = 0; label < shape[1]; ++label, scores += count) {
        found += choose(params, boxes, scores, count, image, label, order, rows + found * 3);
      }
    }
  });
  write_extents(args, 0, found);
  return status;
}

Support supports(const LayerDesc& layer) {
  const DataType type = layer.inputs[0].desc.type;
  if (type == DataType::f32 || type == DataType::f64) return Support::yes();
  return Support::no("the reference does not compute in halves");
}

size_t workspace_bytes(const LayerDesc& layer) {
  return static_cast<size_t>(layer.inputs[1].desc.shape[2]) * sizeof(int64_t);
}

}  // namespace

void register_non_max_suppression_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::non_max_suppression, "greedy", {supports, run, nullptr, workspace_bytes});
}

}  // namespace raceline
