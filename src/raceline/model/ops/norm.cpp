// Normalisation and softmax.
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/import_functions.h"
#include "raceline/model/ops/reduce.h"

namespace raceline {
namespace {

struct Standardised {
  ValueId value, mean, deviation;
};

/// (x - mean) / sqrt(variance + epsilon) over the axes.
Standardised standardised(NodeImport& node, ValueId x, const std::vector<int64_t>& axes, float epsilon) {
  const DataType type = node.desc(x).type;
  const ValueId mean = reduce(node, "mean", ReduceKind::mean, x, axes);
  const ValueId centred = node.binary("centred", BinaryKind::sub, x, mean);
  const ValueId squares = node.binary("squares", BinaryKind::mul, centred, centred);
  const ValueId variance = reduce(node, "variance", ReduceKind::mean, squares, axes);
  const ValueId shifted =
      node.binary("shifted", BinaryKind::add, variance, node.scalar_constant("epsilon", type, epsilon));
  const ValueId deviation = node.unary("deviation", UnaryKind::sqrt, shifted);
  return {node.binary("standardised", BinaryKind::div, centred, deviation), mean, deviation};
}

/// A vector of one entry a channel, to be broadcast against (N, C, ...).
ValueId by_channel(NodeImport& node, std::string_view label, ValueId vector, int64_t channels, int rank) {
  if (node.shape(vector) != Shape{channels}) {
    node.fail(fmt::format("{} is {}; one entry for each of {} channels wanted", label,
                          node.shape(vector).to_string(), channels));
  }
  std::vector<int64_t> dims(static_cast<size_t>(rank - 1), 1);
  dims[0] = channels;
  return node.reshape(label, vector, dims);
}

void scaled_by_channel(NodeImport& node, ValueId x) {
  const int64_t channels = node.shape(x)[1];
  const int rank = node.shape(x).rank();
  const ValueId scale = by_channel(node, "scale", node.operand(1), channels, rank);
  const ValueId bias = by_channel(node, "bias", node.operand(2), channels, rank);
  const ValueId scaled = node.binary("scaled", BinaryKind::mul, x, scale);
  node.result(OpKind::binary, BinaryParams{BinaryKind::add}, {scaled, bias});
}

std::vector<int64_t> axes_from(int first, int rank) {
  std::vector<int64_t> axes(static_cast<size_t>(rank - first));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

void want_channels(const NodeImport& node, const Shape& shape) {
  if (shape.rank() < 3)
    node.fail(fmt::format("its input is {}; N, C and spatial axes wanted", shape.to_string()));
}

}  // namespace

void import_batch_norm(NodeImport& node) {
  node.only("training_mode", 0, "training is not supported");
  node.only("spatial", 1, "statistics of single positions are not supported");
  constexpr int64_t first_without_is_test = 7;
  if (node.opset() < first_without_is_test && node.attribute("is_test", int64_t{0}) == 0) {
    node.refuse("training is not supported (is_test is 0)", "is_test");
  }
  for (size_t output = 1; output < node.outputs(); ++output) {
    if (node.wants(output)) node.refuse(fmt::format("output {} exists in training only", output));
  }
  std::vector<ValueId> operands;
  for (size_t index = 0; index < 5; ++index) operands.push_back(node.operand(index));
  node.result(OpKind::batch_norm, BatchNormParams{node.attribute("epsilon", 1e-5f)}, operands);
}

void import_lrn(NodeImport& node) {
  if (!node.has_attribute("size")) node.fail("attribute 'size' is missing");
  LrnParams params;
  params.size = node.attribute("size", int64_t{0});
  params.alpha = node.attribute("alpha", 1e-4f);
  params.beta = node.attribute("beta", 0.75f);
  params.bias = node.attribute("bias", 1.0f);
  node.result(OpKind::lrn, params, {node.operand(0)});
}

void import_softmax(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{-1});
  const ValueId x = node.operand(0);
  const int64_t axis = node.axis(stated, node.shape(x).rank());
  node.result(OpKind::softmax, SoftmaxParams{axis, axis + 1, node.kind() != 0}, {x});
}

void import_coerced_softmax(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{1});
  const ValueId x = node.operand(0);
  const int rank = node.shape(x).rank();
  node.result(OpKind::softmax, SoftmaxParams{node.axis(stated, rank), rank, node.kind() != 0}, {x});
}

void import_instance_norm(NodeImport& node) {
  const float epsilon = node.attribute("epsilon", 1e-5f);
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  want_channels(node, shape);
  scaled_by_channel(node, standardised(node, x, axes_from(2, shape.rank()), epsilon).value);
}

void import_group_norm(NodeImport& node) {
  const float epsilon = node.attribute("epsilon", 1e-5f);
  node.only("stash_type", 1, "statistics in another type than f32 are not supported");
  const int64_t groups = node.attribute("num_groups", int64_t{0});
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  want_channels(node, shape);
  if (groups < 1 || shape[1] % groups != 0) {
    node.fail(fmt::format("attribute 'num_groups' is {}; the input is {}", groups, shape.to_string()));
  }
  if (shape.elements() == 0)
    node.refuse(fmt::format("normalisation of the empty tensor {}", shape.to_string()));
  const ValueId rows = node.reshape("groups", x, {shape[0], groups, shape.elements() / shape[0] / groups});
  const ValueId normalised = standardised(node, rows, {2}, epsilon).value;
  const std::vector<int64_t> image(shape.dims().begin(), shape.dims().end());
  constexpr int64_t first_by_channel = 21;
  if (node.opset() >= first_by_channel)
    return scaled_by_channel(node, node.reshape("image", normalised, image));
  // Scale and bias were one for each group, not each channel.
  const ValueId scale = by_channel(node, "scale", node.operand(1), groups, 3);
  const ValueId bias = by_channel(node, "bias", node.operand(2), groups, 3);
  const ValueId scaled = node.binary("scaled", BinaryKind::mul, normalised, scale);
  node.result(OpKind::reshape, ReshapeParams{image}, {node.binary("biased", BinaryKind::add, scaled, bias)});
}

void import_layer_norm(NodeImport& node) {
  const float epsilon = node.attribute("epsilon", 1e-5f);
  node.only("stash_type", 1, "statistics in another type than f32 are not supported");
  const int64_t stated = node.attribute("axis", int64_t{-1});
  const ValueId x = node.operand(0);
  const int rank = node.shape(x).rank();
  const int64_t axis = node.axis(stated, rank);
  const Standardised y = standardised(node, x, axes_from(static_cast<int>(axis), rank), epsilon);
  if (node.has(2)) {
    const ValueId scaled = node.binary("scaled", BinaryKind::mul, y.value, node.operand(1));
    node.result(OpKind::binary, BinaryParams{BinaryKind::add}, {scaled, node.operand(2)});
  } else {
    node.result(OpKind::binary, BinaryParams{BinaryKind::mul}, {y.value, node.operand(1)});
  }
  if (node.wants(1)) node.result(OpKind::identity, NoParams{}, {y.mean}, "mean_out", 1);
  if (node.wants(2)) {
    node.result(OpKind::unary, UnaryParams{UnaryKind::reciprocal}, {y.deviation}, "inverse_deviation", 2);
  }
}

/// (x - mean) / (deviation + 1e-9): the small number stands beside the root, not under it.
void import_mean_variance_norm(NodeImport& node) {
  constexpr double epsilon = 1e-9;
  const std::vector<int64_t> stated = node.integers("axes").value_or(std::vector<int64_t>{0, 2, 3});
  const ValueId x = node.operand(0);
  const std::vector<int64_t> axes = node.axes(stated, node.shape(x).rank());
  const ValueId centred =
      node.binary("centred", BinaryKind::sub, x, reduce(node, "mean", ReduceKind::mean, x, axes));
  const ValueId squares = node.binary("squares", BinaryKind::mul, centred, centred);
  const ValueId variance = reduce(node, "variance", ReduceKind::mean, squares, axes);
  const ValueId deviation = node.unary("deviation", UnaryKind::sqrt, variance);
  const ValueId divisor = node.binary("divisor", BinaryKind::add, deviation,
                                      node.scalar_constant("epsilon", node.desc(x).type, epsilon));
  node.result(OpKind::binary, BinaryParams{BinaryKind::div}, {centred, divisor});
}

}  // namespace raceline
