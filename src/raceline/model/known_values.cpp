#include "raceline/model/known_values.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

Tensor shape_tensor(const Shape& shape, const ShapeOfParams& params) {
  const auto first =
      shape.dims().subspan(static_cast<size_t>(params.start), static_cast<size_t>(params.end - params.start));
  return Tensor::of<int64_t>({static_cast<int64_t>(first.size())}, first);
}

}  // namespace

bool KnownValues::known(ValueId value) {
  // Operands have smaller numbers than results, so one pass over the values added since is enough.
  while (known_.size() < graph_.values().size()) {
    const auto id = static_cast<ValueId>(known_.size());
    const NodeId producer = graph_.value(id).producer;
    bool known = graph_.is_constant(id);
    if (producer != absent) {
      const Node& node = graph_.node(producer);
      known = node.op == OpKind::shape_of ||
              std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
                return input == absent || known_[static_cast<size_t>(input)];
              });
    }
    known_.push_back(known);
  }
  return known_[static_cast<size_t>(value)];
}

TensorView KnownValues::held_view(ValueId value) const {
  return graph_.is_constant(value) ? graph_.constant(value) : computed_.at(value).view();
}

TensorView KnownValues::get(ValueId value) {
  // An explicit stack: a chain of nodes may be as long as the file is large.
  std::vector<NodeId> pending;
  if (!held(value)) pending.push_back(graph_.value(value).producer);
  while (!pending.empty()) {
    const NodeId id = pending.back();
    const Node& node = graph_.node(id);
    if (held(node.outputs[0])) {
      pending.pop_back();
      continue;
    }
    const size_t before = pending.size();
    if (node.op != OpKind::shape_of) {
      for (const ValueId input : node.inputs) {
        if (input != absent && !held(input)) pending.push_back(graph_.value(input).producer);
      }
    }
    if (pending.size() > before) continue;
    compute(id);
    pending.pop_back();
  }
  return held_view(value);
}

void KnownValues::spend(size_t bytes, std::string_view node) {
  computed_bytes_ += bytes;
  if (computed_bytes_ > most_bytes) {
    throw UnsupportedError(fmt::format(
        "what is computed of the model up to node '{}' needs {} bytes; at most {} are spent on it", node,
        computed_bytes_, most_bytes));
  }
}

void KnownValues::compute(NodeId id) {
  const Node& node = graph_.node(id);
  for (const ValueId output : node.outputs) spend(graph_.desc(output).bytes(), node.name);
  std::vector<Tensor> results;
  LayerDesc layer = graph_.layer(id);
  work_ += layer.flops();
  if (work_ > most_work) {
    throw UnsupportedError(fmt::format(
        "the shape arithmetic up to node '{}' takes {:.2g} operations; at most {:.2g} are spent on it",
        node.name, work_, most_work));
  }
  if (node.op == OpKind::shape_of) {
    results.push_back(shape_tensor(graph_.desc(node.inputs[0]).shape, layer.as<ShapeOfParams>()));
  } else {
    if (!evaluate_)
      throw UnsupportedError(fmt::format("node '{}' decides a shape; no evaluator is given", node.name));
    std::vector<TensorView> operands;
    for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
      layer.inputs[slot].constant = layer.inputs[slot].present;
      operands.push_back(node.inputs[slot] == absent ? TensorView{} : held_view(node.inputs[slot]));
    }
    try {
      results = evaluate_(layer, operands);
    } catch (const Error& error) {
      throw UnsupportedError(
          fmt::format("node '{}' decides a shape and cannot be computed: {}", node.name, error.what()));
    }
  }
  for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
    computed_.emplace(node.outputs[slot], std::move(results.at(slot)));
  }
}

}  // namespace raceline
