#include "raceline/profile/sampled_outputs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "raceline/base/random.h"

namespace raceline {
namespace {

using Coordinates = std::array<int64_t, Shape::max_rank>;

Coordinates coordinates_of(const Shape& shape, int64_t position) {
  Coordinates at{};
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    at[static_cast<size_t>(axis)] = position % shape[axis];
    position /= shape[axis];
  }
  return at;
}

int64_t position_of(const Shape& shape, const Coordinates& at) {
  int64_t position = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    position = position * shape[axis] + at[static_cast<size_t>(axis)];
  return position;
}

/// A coordinate where kernels go wrong: a border or the tail of a block; sometimes any.
int64_t awkward_coordinate(int64_t extent, Random& random) {
  const int64_t tail = extent / 16 * 16;
  switch (random.below(6)) {
    case 0:
      return 0;
    case 1:
      return extent - 1;
    case 2:
      return std::min(tail, extent - 1);
    case 3:
      return std::max<int64_t>(0, tail - 1);
    case 4:
      return std::min<int64_t>(1, extent - 1);
    default:
      return random.below(extent);
  }
}

double conv2d_at(const ConvParams& params, std::span<const Tensor> operands, const Coordinates& at) {
  const Shape& x = operands[0].desc().shape;
  const Shape& w = operands[1].desc().shape;
  const auto along = [](const std::vector<int64_t>& values, size_t axis, int64_t otherwise) {
    return axis < values.size() ? values[axis] : otherwise;
  };
  const int64_t first_channel = at[1] / (w[0] / params.group) * w[1];
  double sum = operands.size() > 2 && operands[2] ? operands[2].data<float>()[at[1]] : 0.0;
  for (int64_t ky = 0; ky < w[2]; ++ky) {
    const int64_t y = at[2] * along(params.stride, 0, 1) + ky * along(params.dilation, 0, 1) -
                      along(params.pads_begin, 0, 0);
    if (y < 0 || y >= x[2]) continue;
    for (int64_t kx = 0; kx < w[3]; ++kx) {
      const int64_t column = at[3] * along(params.stride, 1, 1) + kx * along(params.dilation, 1, 1) -
                             along(params.pads_begin, 1, 0);
      if (column < 0 || column >= x[3]) continue;
      const float* pixel =
          operands[0].data<float>() + ((at[0] * x[1] + first_channel) * x[2] + y) * x[3] + column;
      const float* weight = operands[1].data<float>() + (at[1] * w[1] * w[2] + ky) * w[3] + kx;
      for (int64_t c = 0; c < w[1]; ++c) {
        sum += static_cast<double>(pixel[c * x[2] * x[3]]) * static_cast<double>(weight[c * w[2] * w[3]]);
      }
    }
  }
  return sum;
}

double conv2d_max_pool_at(const ConvMaxPoolParams& params, std::span<const Tensor> operands,
                          const Coordinates& at) {
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t row = 0; row < params.window[0]; ++row) {
    for (int64_t column = 0; column < params.window[1]; ++column) {
      Coordinates result = at;
      result[2] = at[2] * params.window[0] + row;
      result[3] = at[3] * params.window[1] + column;
      const double value = conv2d_at(params.conv, operands, result);
      if (value > largest || std::isnan(value)) largest = value;
    }
  }
  return largest;
}

double gemm_at(const LayerDesc& layer, std::span<const Tensor> operands, const Coordinates& at) {
  const auto& params = layer.as<GemmParams>();
  const Shape& a = operands[0].desc().shape;
  const Shape& b = operands[1].desc().shape;
  const int64_t depth = params.trans_a ? a[0] : a[1];
  const float* left = operands[0].data<float>() + (params.trans_a ? at[0] : at[0] * a[1]);
  const float* right = operands[1].data<float>() + (params.trans_b ? at[1] * b[1] : at[1]);
  const int64_t left_step = params.trans_a ? a[1] : 1;
  const int64_t right_step = params.trans_b ? 1 : b[1];
  double sum = 0;
  for (int64_t k = 0; k < depth; ++k) {
    sum += static_cast<double>(left[k * left_step]) * static_cast<double>(right[k * right_step]);
  }
  sum *= static_cast<double>(params.alpha);
  if (operands.size() > 2 && operands[2]) {
    // C broadcasts from the right: a dimension of 1 stands for all.
    const Shape& c = operands[2].desc().shape;
    int64_t index = 0;
    for (int axis = 0; axis < c.rank(); ++axis) {
      const int64_t coordinate = at[static_cast<size_t>(axis + 2 - c.rank())];
      index = index * c[axis] + (c[axis] == 1 ? 0 : coordinate);
    }
    sum += static_cast<double>(params.beta) * static_cast<double>(operands[2].data<float>()[index]);
  }
  return sum;
}

double output_at(const LayerDesc& layer, std::span<const Tensor> operands, const Coordinates& at) {
  switch (layer.op) {
    case OpKind::conv2d:
      return conv2d_at(layer.as<ConvParams>(), operands, at);
    case OpKind::conv2d_max_pool:
      return conv2d_max_pool_at(layer.as<ConvMaxPoolParams>(), operands, at);
    default:
      return gemm_at(layer, operands, at);
  }
}

}  // namespace

bool can_be_sampled(const LayerDesc& layer) {
  const bool known =
      layer.op == OpKind::conv2d || layer.op == OpKind::conv2d_max_pool || layer.op == OpKind::gemm;
  return known && std::all_of(layer.inputs.begin(), layer.inputs.end(), [](const OperandDesc& operand) {
           return !operand.present || operand.desc.type == DataType::f32;
         });
}

std::vector<int64_t> sample_positions(const Shape& shape, int64_t count, uint64_t seed) {
  std::vector<int64_t> positions;
  if (shape.elements() == 0) return positions;
  Random random(seed);
  for (int corner = 0; corner < 1 << shape.rank(); ++corner) {
    Coordinates at{};
    for (int axis = 0; axis < shape.rank(); ++axis) {
      at[static_cast<size_t>(axis)] = (corner >> axis & 1) != 0 ? shape[axis] - 1 : 0;
    }
    positions.push_back(position_of(shape, at));
  }
  for (int64_t i = 0; i < count; ++i) {
    Coordinates at{};
    for (int axis = 0; axis < shape.rank(); ++axis) {
      at[static_cast<size_t>(axis)] =
          i % 2 == 0 ? awkward_coordinate(shape[axis], random) : random.below(shape[axis]);
    }
    positions.push_back(position_of(shape, at));
  }
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  return positions;
}

std::vector<double> sampled_outputs(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                                    std::span<const Tensor> operands, std::span<const int64_t> positions) {
  const Shape& shape = layer.outputs[0].shape;
  const std::span<const Tensor> own = operands.first(operands.size() - (layer.has_residual() ? 1 : 0));
  const TensorDesc values_desc{DataType::f64, {static_cast<int64_t>(positions.size())}, Layout::nchw};
  Tensor values(values_desc);
  for (size_t i = 0; i < positions.size(); ++i) {
    const Coordinates at = coordinates_of(shape, positions[i]);
    values.data<double>()[i] = output_at(layer, own, at);
  }
  const Evaluator evaluate = reference_evaluator(registry, device);
  for (const EpilogueStep& step : layer.epilogue) {
    if (step.kind == EpilogueStep::Kind::add) {
      const float* residual = operands.back().data<float>();
      for (size_t i = 0; i < positions.size(); ++i)
        values.data<double>()[i] += static_cast<double>(residual[positions[i]]);
    } else {
      OperandDesc operand;
      operand.desc = values_desc;
      const TensorView view = values.view();
      values = std::move(evaluate(LayerDesc::make(OpKind::unary, step.unary, {operand}), {&view, 1}).at(0));
    }
  }
  return {values.data<double>(), values.data<double>() + positions.size()};
}

}  // namespace raceline
