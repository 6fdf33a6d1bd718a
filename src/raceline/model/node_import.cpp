#include "raceline/model/node_import.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include "raceline/base/error.h"
#include "raceline/model/graph_import.h"
#include "raceline/model/number.h"
#include "raceline/model/tensor_proto.h"

namespace raceline {

using onnx::AttributeProto;

NodeImport::NodeImport(GraphImport& import, const onnx::NodeProto& node, const OnnxOp& op, int64_t opset,
                       std::string name)
    : import_(import), node_(node), op_(op), opset_(opset), name_(std::move(name)) {
  operands_ = static_cast<size_t>(node.input_size());
  while (operands_ > 0 && node.input(static_cast<int>(operands_) - 1).empty()) --operands_;
}

const AttributeProto* NodeImport::find(std::string_view name) const {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

// The type of an attribute is stated since IR version 2; a field at its default may be left out of the file.
int64_t NodeImport::attribute(std::string_view name, int64_t otherwise) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return otherwise;
  if (!attribute->has_i() && attribute->type() != AttributeProto::INT) {
    fail(fmt::format("attribute '{}' is no integer", name));
  }
  return attribute->i();
}

float NodeImport::attribute(std::string_view name, float otherwise) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return otherwise;
  if (!attribute->has_f() && attribute->type() != AttributeProto::FLOAT) {
    fail(fmt::format("attribute '{}' is no float", name));
  }
  return attribute->f();
}

std::string NodeImport::attribute(std::string_view name, std::string_view otherwise) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return std::string(otherwise);
  if (!attribute->has_s() && attribute->type() != AttributeProto::STRING) {
    fail(fmt::format("attribute '{}' is no string", name));
  }
  return attribute->s();
}

std::optional<std::vector<int64_t>> NodeImport::integers(std::string_view name) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return std::nullopt;
  if (attribute->ints_size() == 0 && attribute->type() != AttributeProto::INTS) {
    fail(fmt::format("attribute '{}' is no list of integers", name));
  }
  return std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

std::optional<std::vector<float>> NodeImport::floats(std::string_view name) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return std::nullopt;
  if (attribute->floats_size() == 0 && attribute->type() != AttributeProto::FLOATS) {
    fail(fmt::format("attribute '{}' is no list of floats", name));
  }
  return std::vector<float>(attribute->floats().begin(), attribute->floats().end());
}

std::optional<Tensor> NodeImport::tensor(std::string_view name) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return std::nullopt;
  if (!attribute->has_t()) fail(fmt::format("attribute '{}' is no tensor", name));
  return import_.copy(attribute->t(), fmt::format("attribute '{}'", name));
}

DataType NodeImport::type_attribute(std::string_view name) const {
  const int64_t number = attribute(name, int64_t{0});
  if (number < 0 || number > INT32_MAX) fail(fmt::format("attribute '{}' is {}", name, number));
  return data_type_from_onnx(static_cast<int32_t>(number), fmt::format("attribute '{}'", name));
}

void NodeImport::only(std::string_view name, int64_t value, std::string_view why) const {
  if (attribute(name, value) != value) refuse(std::string(why), std::string(name));
}

bool NodeImport::has(size_t operand) const {
  return operand < operands_ && !node_.input(static_cast<int>(operand)).empty();
}

ValueId NodeImport::operand(size_t index) const {
  if (!has(index)) fail(fmt::format("operand {} is missing", index));
  const ValueId value = import_.find(node_.input(static_cast<int>(index)));
  if (import_.graph().value(value).extents != absent) {
    throw Deferred{.name = node_.input(static_cast<int>(index)),
                   .why = fmt::format("the size of operand {} ('{}') depends on data", index,
                                      node_.input(static_cast<int>(index)))};
  }
  return value;
}

const TensorDesc& NodeImport::desc(ValueId value) const {
  return descs_.try_emplace(value, import_.graph().desc(value)).first->second;
}

bool NodeImport::is_constant(ValueId value) const {
  return import_.graph().is_constant(value);
}

bool NodeImport::known(ValueId value) const {
  return import_.known().known(value);
}

TensorView NodeImport::value(size_t index) const {
  const ValueId id = operand(index);
  if (!known(id)) {
    const std::string& name = node_.input(static_cast<int>(index));
    throw Deferred{
        .name = name,
        .value = true,
        .why = fmt::format("operand {} ('{}') must be known before the run; it depends on an input's values",
                           index, name)};
  }
  return import_.known().get(id);
}

std::vector<int64_t> NodeImport::integers(size_t index) const {
  const TensorView view = value(index);
  const auto collect = [&]<class T>(const T* data) {
    return std::vector<int64_t>(data, data + view.desc.shape.elements());
  };
  if (view.desc.type == DataType::i64) return collect(view.data<int64_t>());
  if (view.desc.type == DataType::i32) return collect(view.data<int32_t>());
  fail(fmt::format("operand {} is {}; i64 or i32 wanted", index, view.desc.to_string()));
}

double NodeImport::scalar(size_t index) const {
  const TensorView view = value(index);
  if (view.desc.shape.elements() != 1) {
    fail(fmt::format("operand {} is {}; a single element wanted", index, view.desc.to_string()));
  }
  const auto number = first_element(view);
  if (!number) refuse(fmt::format("operand {} is too large a number", index));
  return *number;
}

int64_t NodeImport::axis(int64_t axis, int64_t rank, bool end) const {
  if (axis < -rank || axis > rank || (axis == rank && !end)) {
    fail(fmt::format("axis {} of a tensor of rank {}", axis, rank));
  }
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> NodeImport::axes(std::vector<int64_t> axes, int64_t rank) const {
  std::vector<bool> seen(static_cast<size_t>(rank));
  for (int64_t& each : axes) {
    each = axis(each, rank);
    if (seen[static_cast<size_t>(each)]) fail(fmt::format("axis {} is given twice", each));
    seen[static_cast<size_t>(each)] = true;
  }
  return axes;
}

size_t NodeImport::outputs() const {
  return static_cast<size_t>(node_.output_size());
}

bool NodeImport::wants(size_t output) const {
  if (output >= outputs()) return false;
  const std::string& name = node_.output(static_cast<int>(output));
  return !name.empty() && import_.used(name);
}

size_t NodeImport::nodes() const {
  return import_.graph().nodes().size();
}

std::string NodeImport::helper_name(std::string_view label) {
  return import_.fresh(fmt::format("{}.{}", name_, label));
}

std::string NodeImport::output_name(size_t output) {
  if (output < outputs() && !node_.output(static_cast<int>(output)).empty()) {
    return node_.output(static_cast<int>(output));
  }
  return import_.fresh(fmt::format("{}:{}", name_, output));
}

ValueId NodeImport::add_named(std::string node_name, OpKind op, OpParams params, std::vector<ValueId> inputs,
                              std::vector<std::string> outputs) {
  Graph& graph = import_.graph();
  const NodeId node =
      graph.add_node(std::move(node_name), op, std::move(params), std::move(inputs), std::move(outputs));
  return graph.node(node).outputs[0];
}

ValueId NodeImport::add(std::string_view label, OpKind op, OpParams params, std::vector<ValueId> inputs) {
  std::string name = helper_name(label);
  std::vector<std::string> outputs{import_.fresh(name + ":0")};
  return add_named(std::move(name), op, std::move(params), std::move(inputs), std::move(outputs));
}

ValueId NodeImport::add_main(OpKind op, OpParams params, std::vector<ValueId> inputs) {
  name_used_ = true;
  return add_named(name_, op, std::move(params), std::move(inputs), {import_.fresh(name_ + ":0")});
}

void NodeImport::result(OpKind op, OpParams params, std::vector<ValueId> inputs, std::string_view label,
                        size_t output) {
  std::string name = name_;
  if (name_used_ || !label.empty()) {
    name = helper_name(label.empty() ? "out" : label);
  } else {
    name_used_ = true;
  }
  const ValueId value =
      add_named(std::move(name), op, std::move(params), std::move(inputs), {output_name(output)});
  if (output < outputs()) import_.define(node_.output(static_cast<int>(output)), value);
}

void NodeImport::results(OpKind op, OpParams params, std::vector<ValueId> inputs) {
  name_used_ = true;
  const ValueId first =
      add_named(name_, op, std::move(params), std::move(inputs), {output_name(0), output_name(1)});
  const Graph& graph = import_.graph();
  const Node& node = graph.node(graph.value(first).producer);
  for (size_t output = 0; output < node.outputs.size() && output < outputs(); ++output) {
    import_.define(node_.output(static_cast<int>(output)), node.outputs[output]);
  }
}

void NodeImport::result_sized(OpKind op, OpParams params, std::vector<ValueId> inputs) {
  const bool all_known = std::all_of(inputs.begin(), inputs.end(),
                                     [&](ValueId input) { return input == absent || known(input); });
  if (all_known) {
    const ValueId data = add_main(op, std::move(params), std::move(inputs));
    KnownValues& values = import_.known();
    const TensorView extents = values.get(import_.graph().value(data).extents);
    const auto rank = static_cast<size_t>(extents.desc.shape[0]);
    return result(first_part(values.get(data), Shape({extents.data<int64_t>(), rank})));
  }
  result(op, std::move(params), std::move(inputs));
}

void NodeImport::result(Tensor constant, size_t output) {
  const ValueId value = import_.graph().add_constant(output_name(output), std::move(constant));
  if (output < outputs()) import_.define(node_.output(static_cast<int>(output)), value);
}

void NodeImport::result_tensor(std::string_view name) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr || !attribute->has_t()) fail(fmt::format("attribute '{}' is no tensor", name));
  const ValueId value = import_.add_constant(output_name(0), attribute->t());
  if (outputs() > 0) import_.define(node_.output(0), value);
}

void NodeImport::branch(std::string_view name) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr || !attribute->has_g()) fail(fmt::format("attribute '{}' is no graph", name));
  import_.add_branch(attribute->g(), {node_.output().begin(), node_.output().end()}, opset_);
}

ValueId NodeImport::constant(std::string_view label, Tensor data) {
  return import_.graph().add_constant(helper_name(label), std::move(data));
}

ValueId NodeImport::scalar_constant(std::string_view label, DataType type, double value) {
  return constant(label, filled(type, {}, value));
}

ValueId NodeImport::reshape(std::string_view label, ValueId value, std::vector<int64_t> dims) {
  return add(label, OpKind::reshape, ReshapeParams{std::move(dims)}, {value});
}

ValueId NodeImport::unary(std::string_view label, UnaryKind kind, ValueId x, float alpha, float beta) {
  return add(label, OpKind::unary, UnaryParams{kind, alpha, beta}, {x});
}

ValueId NodeImport::binary(std::string_view label, BinaryKind kind, ValueId a, ValueId b) {
  return add(label, OpKind::binary, BinaryParams{kind}, {a, b});
}

void NodeImport::spend(size_t bytes) const {
  import_.known().spend(bytes, name_);
}

void NodeImport::refuse(std::string why, std::string attribute) const {
  throw Refused{std::move(attribute), std::move(why)};
}

void NodeImport::fail(std::string_view what) const {
  throw GraphError(std::string(what));
}

}  // namespace raceline
