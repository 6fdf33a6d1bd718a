// Drops nodes whose output is their operand.
#include <algorithm>
#include <vector>

#include "raceline/graph/passes/passes.h"
#include "raceline/graph/rewrite.h"

namespace raceline {
namespace {

bool all_equal(const std::vector<int64_t>& values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [&](int64_t value) { return value == wanted; });
}

/// Whether the node's first output has the elements of its first operand in the same order, type and shape.
bool changes_nothing(const Graph& graph, const Node& node) {
  const TensorDesc& input = graph.desc(node.inputs[0]);
  if (graph.desc(node.outputs[0]) != input) return false;
  switch (node.op) {
    case OpKind::identity:
    case OpKind::reshape:
    case OpKind::cast:
    case OpKind::expand:
      return true;
    case OpKind::concat:
      return node.inputs.size() == 1;
    case OpKind::transpose: {
      // Axes of one element may go anywhere: the order of the others decides.
      int64_t last = -1;
      for (const int64_t axis : std::get<TransposeParams>(node.params).perm) {
        if (input.shape[static_cast<int>(axis)] == 1) continue;
        if (axis < last) return false;
        last = axis;
      }
      return true;
    }
    case OpKind::slice: {
      const auto& p = std::get<SliceParams>(node.params);
      for (size_t axis = 0; axis < p.step.size(); ++axis) {
        // All elements are there; from the last to the first is the only other order.
        if (p.step[axis] < 0 && p.size[axis] > 1) return false;
      }
      return true;
    }
    case OpKind::pad: {
      const auto& p = std::get<PadParams>(node.params);
      return all_equal(p.begin, 0) && all_equal(p.end, 0);
    }
    case OpKind::resize: {
      const auto& p = std::get<ResizeParams>(node.params);
      const bool crops = p.place == ResizePlace::tf_crop_and_resize;
      return !crops && std::all_of(p.scales.begin(), p.scales.end(), [](float scale) { return scale == 0; });
    }
    default:
      return false;
  }
}

}  // namespace

Graph remove_identity(Graph graph, const Evaluator&) {
  Rewriter rewriter(std::move(graph));
  const Graph& source = rewriter.source();
  for (NodeId id = 0; id < static_cast<NodeId>(source.nodes().size()); ++id) {
    const Node& node = source.node(id);
    if (changes_nothing(source, node)) {
      rewriter.replace(node.outputs[0], rewriter.map(node.inputs[0]));
    } else {
      rewriter.copy(id);
    }
  }
  return rewriter.finish();
}

}  // namespace raceline
