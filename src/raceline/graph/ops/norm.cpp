// Shape rules of batch_norm, lrn and softmax. Source: ONNX BatchNormalization, LRN, Softmax, LogSoftmax.
#include "raceline/graph/ops/norm.h"

#include <fmt/format.h>

#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

std::vector<TensorDesc> infer_batch_norm(const OpParams& params, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  want_float(x, "input");
  want_rank(x, "input", 2, Shape::max_rank);
  want_not_nan(as<BatchNormParams>(params).epsilon, "epsilon");
  constexpr std::string_view names[] = {"scale", "bias", "mean", "variance"};
  for (size_t index = 1; index <= 4; ++index) {
    const TensorDesc& statistic = operand(operands, index, names[index - 1]);
    want_same_type(statistic, names[index - 1], x);
    want_shape(statistic, names[index - 1], Shape{x.shape[1]});
  }
  return {{x.type, x.shape}};
}

/// A multiply-add an element: the four statistics make one scale and one shift a channel.
double flops_batch_norm(const OpParams&, Operands, std::span<const TensorDesc> outputs) {
  return 2 * static_cast<double>(outputs[0].shape.elements());
}

std::vector<TensorDesc> infer_lrn(const OpParams& params, Operands operands) {
  const auto& p = as<LrnParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  want_float(x, "input");
  want_rank(x, "input", 2, Shape::max_rank);
  if (p.size < 1 || p.size > largest_extent)
    refuse(fmt::format("size={}: 1 to {} wanted", p.size, largest_extent));
  want_not_nan(p.alpha, "alpha");
  want_not_nan(p.beta, "beta");
  want_not_nan(p.bias, "bias");
  return {{x.type, x.shape}};
}

/// For each element the sum of squares over the window, scale and shift of it, a power and a division.
double flops_lrn(const OpParams& params, Operands, std::span<const TensorDesc> outputs) {
  return static_cast<double>(outputs[0].shape.elements()) *
         (2 * static_cast<double>(as<LrnParams>(params).size) + 4);
}

std::vector<TensorDesc> infer_softmax(const OpParams& params, Operands operands) {
  const auto& p = as<SoftmaxParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  want_float(x, "input");
  if (p.first_axis < 0 || p.end_axis <= p.first_axis || p.end_axis > x.shape.rank()) {
    refuse(fmt::format("axes {} to {} (the end is not included) of input {}", p.first_axis, p.end_axis,
                       x.to_string()));
  }
  return {{x.type, x.shape}};
}

/// For each element a comparison, a subtraction, an exponential, an addition and a division.
double flops_softmax(const OpParams&, Operands, std::span<const TensorDesc> outputs) {
  return 5 * static_cast<double>(outputs[0].shape.elements());
}

}  // namespace

void rules::add_norm_ops(std::vector<OpInfo>& table) {
  table.push_back({OpKind::batch_norm, "batch_norm", BatchNormParams{}, 5, 5, keep_params, infer_batch_norm,
                   flops_batch_norm});
  table.push_back({OpKind::lrn, "lrn", LrnParams{}, 1, 1, keep_params, infer_lrn, flops_lrn});
  table.push_back(
      {OpKind::softmax, "softmax", SoftmaxParams{}, 1, 1, keep_params, infer_softmax, flops_softmax});
}

}  // namespace raceline
