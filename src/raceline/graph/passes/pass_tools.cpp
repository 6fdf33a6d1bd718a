#include "raceline/graph/passes/pass_tools.h"

#include <algorithm>

#include <fmt/format.h>

namespace raceline {

std::string fresh_name(Rewriter& rewriter, std::string_view stem) {
  const auto used = [&](const Graph& graph, const std::string& name) {
    return graph.find_value(name) != absent || graph.find_node(name) != absent;
  };
  std::string name(stem);
  for (int suffix = 1; used(rewriter.source(), name) || used(rewriter.target(), name); ++suffix) {
    name = fmt::format("{}_{}", stem, suffix);
  }
  return name;
}

bool is_real(DataType type) {
  return type == DataType::f32 || type == DataType::f64;
}

std::vector<double> numbers(const TensorView& tensor) {
  const auto count = static_cast<size_t>(tensor.desc.shape.elements());
  std::vector<double> values(count);
  for (size_t index = 0; index < count; ++index) {
    values[index] = tensor.desc.type == DataType::f64
                        ? tensor.data<const double>()[index]
                        : static_cast<double>(tensor.data<const float>()[index]);
  }
  return values;
}

Tensor tensor_of(DataType type, const Shape& shape, std::span<const double> numbers) {
  Tensor tensor({type, shape});
  for (size_t index = 0; index < numbers.size(); ++index) {
    if (type == DataType::f64) {
      tensor.data<double>()[index] = numbers[index];
    } else {
      tensor.data<float>()[index] = static_cast<float>(numbers[index]);
    }
  }
  return tensor;
}

bool has_channels(const Node& node) {
  return node.op == OpKind::conv2d || node.op == OpKind::conv3d || node.op == OpKind::conv_transpose ||
         node.op == OpKind::gemm;
}

int64_t output_channels(const Graph& graph, const Node& node) {
  return graph.desc(node.outputs[0]).shape[1];
}

std::optional<std::vector<double>> bias_of(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 3 || node.inputs[2] == absent) {
    return std::vector<double>(static_cast<size_t>(output_channels(graph, node)), 0.0);
  }
  const ValueId bias = node.inputs[2];
  if (!graph.is_constant(bias)) return std::nullopt;
  // A convolution's bias [K] has no axis 0 to broadcast over: as [1, K] it fits like a gemm's row.
  const Shape channels{1, output_channels(graph, node)};
  const Shape rows = node.op == OpKind::gemm ? graph.desc(node.outputs[0]).shape : channels;
  auto values = per_channel(graph, bias, rows);
  if (values && node.op == OpKind::gemm) {
    for (double& value : *values) value *= static_cast<double>(std::get<GemmParams>(node.params).beta);
  }
  return values;
}

std::optional<std::vector<double>> per_channel(const Graph& graph, ValueId constant, const Shape& shape) {
  const TensorDesc& desc = graph.desc(constant);
  if (!graph.is_constant(constant) || !is_real(desc.type) || desc.shape.rank() > shape.rank())
    return std::nullopt;
  const int missing = shape.rank() - desc.shape.rank();
  for (int axis = 0; axis < desc.shape.rank(); ++axis) {
    const int64_t dim = desc.shape[axis];
    if (dim != 1 && (axis + missing != 1 || dim != shape[1])) return std::nullopt;
  }
  std::vector<double> values = numbers(graph.constant(constant));
  if (values.size() == 1) values.assign(static_cast<size_t>(shape[1]), values[0]);
  return values;
}

NodeId only_consumer(const Graph& graph, ValueId value) {
  const auto consumers = graph.consumers(value);
  return consumers.size() == 1 && !graph.is_output(value) ? consumers[0] : absent;
}

void replace_channels_node(Rewriter& rewriter, NodeId id, ValueId weights, std::span<const double> bias,
                           ValueId result) {
  const Graph& source = rewriter.source();
  const Node& node = source.node(id);
  Graph& target = rewriter.target();
  const ValueId input = rewriter.map(node.inputs[0]);
  const Shape shape{static_cast<int64_t>(bias.size())};
  const ValueId bias_value = target.add_constant(fresh_name(rewriter, fmt::format("{}.bias", node.name)),
                                                 tensor_of(target.desc(weights).type, shape, bias));
  OpParams params = node.params;
  if (auto* gemm = std::get_if<GemmParams>(&params)) gemm->beta = 1;  // the bias has been multiplied by it
  const NodeId made = target.add_node(node.name, node.op, std::move(params), {input, weights, bias_value},
                                      {source.value(result).name});
  rewriter.replace(result, target.node(made).outputs[0]);
}

}  // namespace raceline
