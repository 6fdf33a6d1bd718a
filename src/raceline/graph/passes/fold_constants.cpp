// Computes what does not depend on the network's inputs.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/graph/rewrite.h"

namespace raceline {
namespace {

// Folding spends memory, for as long as the graph lives, and time while it is loaded, to save time in every
// run. A file of a few bytes may ask for all there is of both: ones of 2^40 elements, products of constants
// without end.

/// Results up to as many times their constant operands are always worth it: the widest cast is from i8 to
/// f64.
constexpr double usual_growth = 8;
/// Beyond that growth (Expand, Tile, Pad, ...) all results together may take as much.
constexpr double most_grown_bytes = 256.0 * (1 << 20);
/// Operations and bytes moved: some ten seconds of the reference, and in large models some passes over the
/// weights.
constexpr double most_work = 1e10, most_work_a_byte = 100;

class ConstantFolder {
 public:
  ConstantFolder(Graph graph, const Evaluator& evaluate)
      : rewriter_(std::move(graph)),
        evaluate_(evaluate),
        work_left_(most_work + most_work_a_byte * static_cast<double>(source().constant_bytes())) {}

  Graph run() {
    const auto count = static_cast<NodeId>(source().nodes().size());
    for (NodeId id = 0; id < count; ++id) {
      if (!fold(id)) copy(id);
    }
    for (const Graph::Output& output : source().outputs()) keep(output.value);
    return rewriter_.finish();
  }

 private:
  /// A result that no node of the target needs yet. Chains of folded nodes leave only their ends.
  struct Result {
    Tensor data;
    size_t uses;
  };

  const Graph& source() const { return rewriter_.source(); }
  bool is_known(ValueId value) const {
    return source().is_constant(value) || results_.contains(value) || kept(value);
  }
  bool kept(ValueId value) const { return std::binary_search(kept_.begin(), kept_.end(), value); }

  /// Enters a result into the target, because a node that stays uses it.
  void keep(ValueId value) {
    const auto found = results_.find(value);
    if (found == results_.end()) return;
    const std::string& name = source().value(value).name;
    rewriter_.replace(value, rewriter_.target().add_constant(name, std::move(found->second.data)));
    results_.erase(found);
    mark_kept(value);
  }

  void mark_kept(ValueId value) { kept_.insert(std::upper_bound(kept_.begin(), kept_.end(), value), value); }

  void copy(NodeId id) {
    for (const ValueId input : source().node(id).inputs) keep(input);
    rewriter_.copy(id);
  }

  TensorView view(ValueId value) {
    if (value == absent) return {};
    if (const auto found = results_.find(value); found != results_.end()) return found->second.data.view();
    if (source().is_constant(value)) return source().constant(value);
    return rewriter_.target().constant(rewriter_.map(value));
  }

  bool fold(NodeId id) {
    const Node& node = source().node(id);
    if (node.op == OpKind::shape_of) {
      add_result(node.outputs[0], shape_of(node));
      drop_uses(node);
      return true;
    }
    const bool known = std::all_of(node.inputs.begin(), node.inputs.end(),
                                   [&](ValueId input) { return input == absent || is_known(input); });
    if (!known || node.inputs.empty()) return false;
    if (op_info(node.op).sized) return false;  // a constant would lose its extents
    if (node.op == OpKind::identity) {
      // Nothing is computed or copied: the same constant goes on under its own name.
      keep(node.inputs[0]);
      rewriter_.replace(node.outputs[0], rewriter_.map(node.inputs[0]));
      mark_kept(node.outputs[0]);
      return true;
    }
    if (!evaluate_) return false;
    LayerDesc layer = source().layer(id);
    for (OperandDesc& operand : layer.inputs) operand.constant = operand.present;
    if (!is_worth_it(layer)) return false;
    std::vector<TensorView> operands;
    for (const ValueId input : node.inputs) operands.push_back(view(input));
    std::vector<Tensor> results;
    try {
      results = evaluate_(layer, operands);
    } catch (const UnsupportedError&) {
      return false;  // the node stays, and whoever looks for a primitive for it says so
    }
    if (results.size() != node.outputs.size()) {
      throw GraphError(fmt::format("node '{}': {} results evaluated; {} wanted", node.name, results.size(),
                                   node.outputs.size()));
    }
    for (size_t slot = 0; slot < results.size(); ++slot) {
      const TensorDesc& wanted = source().desc(node.outputs[slot]);
      if (results[slot].desc() != wanted) {
        throw GraphError(fmt::format("node '{}': evaluated to {}; {} wanted", node.name,
                                     results[slot].desc().to_string(), wanted.to_string()));
      }
      add_result(node.outputs[slot], std::move(results[slot]));
    }
    drop_uses(node);
    return true;
  }

  bool is_worth_it(const LayerDesc& layer) {
    double given = 0, made = 0;
    for (const OperandDesc& operand : layer.inputs) {
      if (operand.present) given += static_cast<double>(operand.desc.bytes());
    }
    for (const TensorDesc& output : layer.outputs) made += static_cast<double>(output.bytes());
    const double grown = made > usual_growth * given ? made : 0;
    const double work = layer.flops() + made + given;
    if (grown > grown_bytes_left_ || work > work_left_) return false;
    grown_bytes_left_ -= grown;
    work_left_ -= work;
    return true;
  }

  Tensor shape_of(const Node& node) const {
    const auto& p = std::get<ShapeOfParams>(node.params);
    const auto dims = source().desc(node.inputs[0]).shape.dims();
    return Tensor::of<int64_t>(Shape{p.end - p.start}, dims.subspan(static_cast<size_t>(p.start),
                                                                    static_cast<size_t>(p.end - p.start)));
  }

  void add_result(ValueId value, Tensor data) {
    const size_t uses = source().consumers(value).size() + (source().is_output(value) ? 1 : 0);
    if (uses > 0) results_.insert_or_assign(value, Result{std::move(data), uses});
  }

  /// Gives back operands that the folded node was the last to use.
  void drop_uses(const Node& node) {
    for (const ValueId input : node.inputs) {
      const auto found = results_.find(input);
      if (found != results_.end() && --found->second.uses == 0) results_.erase(found);
    }
  }

  Rewriter rewriter_;
  const Evaluator& evaluate_;
  double grown_bytes_left_ = most_grown_bytes;
  double work_left_;
  std::map<ValueId, Result> results_;
  std::vector<ValueId> kept_;  ///< results that are constants of the target by now; sorted
};

}  // namespace

Graph fold_constants(Graph graph, const Evaluator& evaluate) {
  return ConstantFolder(std::move(graph), evaluate).run();
}

}  // namespace raceline
