#include "raceline/graph/graph.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

/// Pages of a file that lie in this part of it leave memory; nothing is done for other memory.
void forget(std::span<const MappedFile> files, std::span<const std::byte> part) {
  for (const MappedFile& file : files) {
    const auto bytes = file.bytes();
    if (part.data() >= bytes.data() && part.data() < bytes.data() + bytes.size()) file.forget(part);
  }
}

std::string params_text(const LayerDesc& layer) {
  // The key of a layer ends with its parameters; operands are listed by name in the graph's text.
  const std::string key = layer.key();
  std::string text;
  for (const std::string_view part : words(key)) {
    if (part.find('=') != std::string_view::npos) text += fmt::format(" {}", part);
  }
  return text;
}

}  // namespace

ValueId Graph::add_value(Value value) {
  const auto id = static_cast<ValueId>(values_.size());
  if (value.name.empty()) throw GraphError("a value of the graph has no name");
  if (!value_names_.emplace(value.name, id).second) {
    throw GraphError(fmt::format("two values of the graph are named '{}'", value.name));
  }
  values_.push_back(std::move(value));
  consumers_.emplace_back();
  return id;
}

ValueId Graph::add_input(std::string name, const TensorDesc& desc) {
  const ValueId id = add_value({.name = std::move(name), .desc = desc});
  inputs_.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string name, Tensor data) {
  const TensorDesc desc = data.desc();
  const auto index = static_cast<int32_t>(constants_.size());
  const ValueId id = add_value({.name = std::move(name), .desc = desc, .constant = index});
  constants_.push_back({.owned = std::move(data)});
  return id;
}

ValueId Graph::add_constant_view(std::string name, const TensorDesc& desc, std::span<const std::byte> bytes) {
  if (bytes.size() != desc.bytes()) {
    throw GraphError(fmt::format("constant '{}' is {} and wants {} bytes; {} given", name, desc.to_string(),
                                 desc.bytes(), bytes.size()));
  }
  const auto index = static_cast<int32_t>(constants_.size());
  const ValueId id = add_value({.name = std::move(name), .desc = desc, .constant = index});
  constants_.push_back({.view = bytes});
  return id;
}

NodeId Graph::add_node(std::string name, OpKind op, OpParams params, std::vector<ValueId> inputs,
                       std::vector<std::string> output_names) {
  const OpInfo& info = op_info(op);
  const auto fail = [&](std::string_view what) {
    throw GraphError(fmt::format("node '{}' ({}): {}", name, info.name, what));
  };
  if (name.empty()) throw GraphError(fmt::format("a node of op {} has no name", info.name));
  if (node_names_.contains(name)) fail("the name is used twice");
  if (params.index() != info.defaults.index()) fail("the parameters belong to another op");
  const auto given = static_cast<int>(inputs.size());
  if (given < info.min_operands || given > info.max_operands) {
    fail(fmt::format("{} operands given; {} to {} wanted", given, info.min_operands, info.max_operands));
  }
  std::vector<const TensorDesc*> operands;
  for (const ValueId input : inputs) {
    if (input != absent && (input < 0 || static_cast<size_t>(input) >= values_.size())) {
      fail(fmt::format("operand {} does not exist", input));
    }
    operands.push_back(input == absent ? nullptr : &value(input).desc);
  }
  std::vector<TensorDesc> outputs;
  try {
    info.normalise(params, operands);
    outputs = info.infer(params, operands);
  } catch (const GraphError& error) {
    fail(error.what());
  }
  if (output_names.size() > outputs.size()) {
    fail(fmt::format("{} outputs asked for; it has {}", output_names.size(), outputs.size()));
  }
  outputs.resize(std::max<size_t>(info.sized ? 2 : 1, output_names.size()));
  output_names.resize(outputs.size());

  const auto id = static_cast<NodeId>(nodes_.size());
  Node node{.name = name, .op = op, .params = std::move(params), .inputs = std::move(inputs)};
  for (size_t slot = 0; slot < outputs.size(); ++slot) {
    std::string& output = output_names[slot];
    if (output.empty()) output = free_name(fmt::format("{}:{}", name, slot));
    node.outputs.push_back(add_value(
        {.name = std::move(output), .desc = outputs[slot], .producer = id, .slot = static_cast<int>(slot)}));
  }
  if (info.sized) values_[static_cast<size_t>(node.outputs[0])].extents = node.outputs[1];
  for (const ValueId input : node.inputs) {
    if (input != absent) consumers_[static_cast<size_t>(input)].push_back(id);
  }
  node_names_.emplace(std::move(name), id);
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::mark_output(ValueId value, std::string name) {
  if (value < 0 || static_cast<size_t>(value) >= values_.size()) {
    throw GraphError(fmt::format("output '{}' is no value of the graph", name));
  }
  for (const Output& other : outputs_) {
    if (other.name == name) throw GraphError(fmt::format("two outputs of the graph are named '{}'", name));
  }
  outputs_.push_back({std::move(name), value});
}

void Graph::mark_extents() {
  std::vector<Output> added;
  for (const Output& output : outputs_) {
    const ValueId extents = value(output.value).extents;
    const auto is_there = [&](const Output& other) { return other.extents && other.value == extents; };
    if (extents == absent || std::any_of(outputs_.begin(), outputs_.end(), is_there) ||
        std::any_of(added.begin(), added.end(), is_there)) {
      continue;
    }
    added.push_back({.name = output.name + ".extents", .value = extents, .extents = true});
  }
  for (Output& output : added) {
    const std::string stem = output.name;
    const auto is_taken = [&](const Output& other) { return other.name == output.name; };
    for (int suffix = 1; std::any_of(outputs_.begin(), outputs_.end(), is_taken); ++suffix) {
      output.name = fmt::format("{}_{}", stem, suffix);
    }
    outputs_.push_back(std::move(output));
  }
}

void Graph::keep(MappedFile file) {
  files_.push_back(std::move(file));
}

std::string Graph::free_name(std::string_view stem) const {
  std::string name(stem);
  for (int suffix = 1; name.empty() || value_names_.contains(name) || node_names_.contains(name); ++suffix) {
    name = fmt::format("{}_{}", stem, suffix);
  }
  return name;
}

TensorView Graph::constant(ValueId id) const {
  const Value& value = this->value(id);
  const Constant& data = constants_[static_cast<size_t>(value.constant)];
  if (data.released) throw GraphError(fmt::format("constant '{}' has been released", value.name));
  if (data.owned) return data.owned.view();
  // A view's memory is never written: kernels read constants only.
  return {value.desc, {{}, const_cast<std::byte*>(data.view.data()), 0}};
}

bool Graph::is_output(ValueId id) const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [&](const Output& output) { return output.value == id; });
}

ValueId Graph::find_value(std::string_view name) const {
  const auto found = value_names_.find(std::string(name));
  return found == value_names_.end() ? absent : found->second;
}

NodeId Graph::find_node(std::string_view name) const {
  const auto found = node_names_.find(std::string(name));
  return found == node_names_.end() ? absent : found->second;
}

LayerDesc Graph::layer(NodeId id) const {
  const Node& node = this->node(id);
  LayerDesc layer{.op = node.op, .params = node.params};
  for (const ValueId input : node.inputs) {
    OperandDesc operand;
    operand.present = input != absent;
    if (operand.present) {
      operand.desc = desc(input);
      operand.constant = is_constant(input);
      operand.density = value(input).density;
      operand.block_density = value(input).block_density;
    }
    layer.inputs.push_back(operand);
  }
  for (const ValueId output : node.outputs) layer.outputs.push_back(desc(output));
  return layer;
}

void Graph::set_density(ValueId id, uint8_t density, uint8_t block_density) {
  Value& value = values_[static_cast<size_t>(id)];
  value.density = density;
  value.block_density = block_density;
  // Few places of the weights were read for it, of which each may have brought a large page into memory.
  if (value.constant != absent) forget(files_, constants_[static_cast<size_t>(value.constant)].view);
}

void Graph::release_constant(ValueId id) {
  Constant& data = constants_[static_cast<size_t>(value(id).constant)];
  forget(files_, data.view);
  data.owned = {};
  data.view = {};
  data.released = true;
}

size_t Graph::constant_bytes() const {
  size_t bytes = 0;
  for (const Constant& data : constants_) bytes += data.owned ? data.owned.desc().bytes() : data.view.size();
  return bytes;
}

void Graph::verify() const {
  for (const Node& node : nodes_) {
    std::vector<const TensorDesc*> operands;
    for (const ValueId input : node.inputs) operands.push_back(input == absent ? nullptr : &desc(input));
    const std::vector<TensorDesc> inferred = op_info(node.op).infer(node.params, operands);
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      if (inferred[slot] == desc(node.outputs[slot])) continue;
      throw GraphError(fmt::format("node '{}': output {} is {}, its op gives {}", node.name, slot,
                                   desc(node.outputs[slot]).to_string(), inferred[slot].to_string()));
    }
    for (const ValueId input : node.inputs) {
      if (input != absent && value(input).producer >= value(node.outputs[0]).producer) {
        throw GraphError(fmt::format("node '{}' uses '{}' before it is made", node.name, value(input).name));
      }
    }
  }
  for (const Value& value : values_) {
    if (value.extents == absent) continue;
    const TensorDesc wanted{DataType::i64, {value.desc.shape.rank()}};
    if (desc(value.extents) != wanted) {
      throw GraphError(fmt::format("the extents of '{}' are {}; wanted is {}", value.name,
                                   desc(value.extents).to_string(), wanted.to_string()));
    }
  }
  if (outputs_.empty()) throw GraphError("the graph has no output");
  for (const Output& output : outputs_) {
    const ValueId extents = value(output.value).extents;
    if (extents != absent && !is_output(extents)) {
      throw GraphError(
          fmt::format("output '{}': its size depends on data, and its extents are no output", output.name));
    }
  }
  for (const Fusion& fusion : fusions_) operands(fusion);
}

std::string Graph::to_string() const {
  const auto name_of = [&](ValueId id) { return id == absent ? std::string("-") : value(id).name; };
  std::string text;
  for (const ValueId id : inputs_) text += fmt::format("input {} {}\n", value(id).name, desc(id).to_string());
  for (const Value& value : values_) {
    if (value.constant != absent) text += fmt::format("constant {} {}\n", value.name, value.desc.to_string());
  }
  for (NodeId id = 0; id < static_cast<NodeId>(nodes_.size()); ++id) {
    const Node& node = this->node(id);
    std::vector<std::string> operands;
    for (const ValueId input : node.inputs) operands.push_back(name_of(input));
    std::vector<std::string> results;
    for (const ValueId output : node.outputs) {
      results.push_back(fmt::format("{} {}", value(output).name, desc(output).to_string()));
      if (const ValueId extents = value(output).extents; extents != absent) {
        results.back() += fmt::format(" within {}", value(extents).name);
      }
    }
    text += fmt::format("node {}: {} = {}({}){}\n", node.name, join(results, ", "),
                        raceline::to_string(node.op), join(operands, ", "), params_text(layer(id)));
  }
  for (const Fusion& fusion : fusions_) {
    std::vector<std::string> names;
    for (const NodeId id : fusion.nodes) names.push_back(node(id).name);
    text += fmt::format("fusion {}\n", join(names, " + "));
  }
  for (const Output& output : outputs_)
    text += fmt::format("output {} {}\n", output.name, name_of(output.value));
  return text;
}

std::string Graph::key() const {
  return hex(hash_text(to_string()));
}

std::vector<Tensor> output_tensors(const Graph& graph) {
  std::vector<Tensor> outputs;
  for (const Graph::Output& output : graph.outputs()) outputs.emplace_back(graph.desc(output.value));
  return outputs;
}

std::vector<Tensor> cut_outputs(const Graph& graph, std::vector<Tensor> outputs) {
  const auto all = graph.outputs();
  std::vector<Tensor> cut;
  for (size_t index = 0; index < all.size(); ++index) {
    if (all[index].extents) continue;
    const ValueId extents = graph.value(all[index].value).extents;
    if (extents == absent) {
      cut.push_back(std::move(outputs[index]));
      continue;
    }
    size_t there = 0;
    while (all[there].value != extents) ++there;  // verify() promises it
    const auto rank = static_cast<size_t>(outputs[index].desc().shape.rank());
    cut.push_back(first_part(outputs[index].view(), Shape({outputs[there].data<int64_t>(), rank})));
  }
  return cut;
}

}  // namespace raceline
