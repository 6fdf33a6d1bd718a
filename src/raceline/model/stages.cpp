// The part of GraphImport that knows of stages.
#include "raceline/model/stages.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/graph_import.h"
#include "raceline/model/node_import.h"
#include "raceline/model/op_table.h"

namespace raceline {
namespace {

/// A few integers that may decide shapes further down become a constant of the next stage: that saves a
/// stage. Other tensors do not, since a stage serves all runs that give its constants.
bool is_shape_arithmetic(const TensorDesc& desc) {
  constexpr int64_t most_elements = 64;
  return (desc.type == DataType::i64 || desc.type == DataType::i32) && desc.shape.elements() <= most_elements;
}

using NameVisitor = std::function<void(const std::string&)>;

/// The names that a node uses, in its subgraphs too.
void each_use(const onnx::NodeProto& node, const NameVisitor& visit) {
  const std::function<void(const onnx::GraphProto&)> each_of_graph = [&](const onnx::GraphProto& graph) {
    for (const onnx::NodeProto& inner : graph.node()) each_use(inner, visit);
    for (const onnx::ValueInfoProto& output : graph.output()) visit(output.name());
  };
  for (const std::string& name : node.input()) {
    if (!name.empty()) visit(name);
  }
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) each_of_graph(attribute.g());
    for (const onnx::GraphProto& graph : attribute.graphs()) each_of_graph(graph);
  }
}

}  // namespace

Stage GraphImport::first_stage(std::span<const OnnxInput> inputs, const Bindings& bindings,
                               const std::vector<std::string>& shape_arguments) {
  collect_names();
  check_nodes();
  try {
    add_inputs(inputs, bindings, shape_arguments);
  } catch (const GraphError&) {
    if (!refusals_.empty()) throw_refused();
    throw;
  }
  for (const onnx::ValueInfoProto& output : source_.output()) {
    if (wanted_.insert(output.name()).second) continue;
    throw GraphError(fmt::format("two outputs of the graph are named '{}'", output.name()));
  }
  add_nodes([](int) { return true; });
  if (source_.output_size() == 0) throw GraphError("the model has no outputs");
  return finish_stage();
}

Stage GraphImport::later_stage(const StageInputs& given) {
  collect_names();
  wanted_ = given.outputs;
  by_value_ = given.by_value;
  std::set<std::string> needed = given.outputs;
  std::vector<bool> is_needed(static_cast<size_t>(source_.node_size()));
  for (int index = source_.node_size() - 1; index >= 0; --index) {
    const onnx::NodeProto& node = source_.node(index);
    const bool gives = std::any_of(node.output().begin(), node.output().end(),
                                   [&](const std::string& output) { return needed.contains(output); });
    if (!gives) continue;
    is_needed[static_cast<size_t>(index)] = true;
    each_use(node, [&](const std::string& name) {
      if (!given.values.contains(name)) needed.insert(name);
    });
  }
  for (const auto& [name, value] : given.values) {
    define(name, given.by_value.contains(name) ? graph_.add_constant(name, with_layout(value, Layout::nchw))
                                               : graph_.add_input(name, value.desc));
  }
  add_nodes([&](int index) { return static_cast<bool>(is_needed[static_cast<size_t>(index)]); });
  Stage stage = finish_stage();
  // A node that all others waited for has its values now; so stages come to an end.
  if (stage.deferred >= given.deferred && stage.by_value.size() <= given.by_value.size()) {
    throw Error(fmt::format("'{}': a stage of the model made no progress at {}", file_.path().string(),
                            stage.waiting.empty() ? "its outputs" : stage.waiting.front()));
  }
  return stage;
}

void GraphImport::add_nodes(const std::function<bool(int)>& wanted) {
  for (at_ = 0; at_ < source_.node_size(); ++at_) {
    const onnx::NodeProto& node = source_.node(at_);
    if (!wanted(at_)) continue;
    if (refused_nodes_[static_cast<size_t>(at_)]) {
      poison(node);
    } else {
      add_node(node, file_.opset_of(node, opset_));
    }
  }
  if (!refusals_.empty()) throw_refused();
}

/// Whether a stage can hand this value to the next: it is no value inside a branch.
bool GraphImport::can_be_carried(const std::string& name) const {
  const auto gives = [&](const onnx::NodeProto& node) {
    return std::find(node.output().begin(), node.output().end(), name) != node.output().end();
  };
  const auto is_it = [&](const onnx::ValueInfoProto& input) { return input.name() == name; };
  return std::any_of(source_.input().begin(), source_.input().end(), is_it) ||
         std::any_of(source_.node().begin(), source_.node().end(), gives);
}

void GraphImport::defer(const onnx::NodeProto& node, int64_t opset, const OnnxOp& op,
                        const Deferred* reason) {
  const bool inside = &node != &source_.node(at_);  // of a branch, which is deferred as a whole
  if (inside && reason != nullptr && !can_be_carried(reason->name)) {
    refuse(node, opset, {}, fmt::format("{}; inside a branch that is not supported", reason->why));
    return poison(node);
  }
  if (!inside) deferred_.push_back(at_);
  if (reason != nullptr) {
    waiting_.push_back(fmt::format("{}: {}", describe(node, at_), reason->why));
    if (reason->value) by_value_.insert(reason->name);
  }
  // What the node would ask for next is asked for at once.
  for (int operand = 0; operand < std::min(node.input_size(), 32); ++operand) {
    const auto found = values_.find(node.input(operand));
    if ((op.values >> operand & 1) == 0 || found == values_.end() || found->second < 0) continue;
    if (!known_.known(found->second)) by_value_.insert(node.input(operand));
  }
  for (const std::string& output : node.output()) {
    if (!output.empty()) values_[output] = deferred;
  }
}

/// Values that the model itself holds, at once or by arithmetic on constants: each stage makes them anew.
std::unordered_set<std::string> GraphImport::fixed_names() const {
  std::unordered_set<std::string> fixed;
  for (const auto& [name, index] : initializers_) fixed.insert(name);
  for (const onnx::NodeProto& node : source_.node()) {
    bool all = true;
    each_use(node, [&](const std::string& name) { all = all && fixed.contains(name); });
    if (all) fixed.insert(node.output().begin(), node.output().end());
  }
  return fixed;
}

Stage GraphImport::finish_stage() {
  Stage stage;
  for (const onnx::ValueInfoProto& output : source_.output()) {
    if (!wanted_.contains(output.name())) continue;
    const auto found = values_.find(output.name());
    if (found != values_.end() && found->second == deferred) {
      stage.left.insert(output.name());
    } else {
      graph_.mark_output(find(output.name()), output.name());
    }
  }
  if (!stage.left.empty()) {
    const std::unordered_set<std::string> fixed = fixed_names();
    for (const int index : deferred_) {
      each_use(source_.node(index), [&](const std::string& name) {
        const auto found = values_.find(name);
        if (found != values_.end() && found->second >= 0 && !fixed.contains(name)) stage.carried.insert(name);
      });
    }
  }
  for (const std::string& name : stage.carried) {
    const ValueId id = values_.at(name);
    const Value& value = graph_.value(id);
    const bool is_input = value.producer == absent && value.constant == absent && value.name == name;
    if (known_.known(id)) {
      stage.known.emplace(name, with_layout(known_.get(id), Layout::nchw));
    } else if (!is_input && !wanted_.contains(name)) {
      graph_.mark_output(id, name);
    }
    if (needed_.contains(name) && is_shape_arithmetic(graph_.desc(id))) {
      by_value_.insert(name);
    }
  }
  graph_.mark_extents();
  graph_.keep(std::move(mapping_));
  for (MappedFile& file : external_.take()) graph_.keep(std::move(file));
  stage.by_value = std::move(by_value_);
  stage.deferred = deferred_.size();
  stage.waiting = std::move(waiting_);
  stage.graph = std::move(graph_);
  return stage;
}

}  // namespace raceline
