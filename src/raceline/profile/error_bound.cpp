#include "raceline/profile/error_bound.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace raceline {
namespace {

/// Roundings that an evaluation of exp, log or pow may take: 16 allow an error of 4 * 4 * 2^-24, about 1e-6.
constexpr double function_roundings = 16;

double additions_of(const UnaryParams& unary) {
  switch (unary.kind) {
    case UnaryKind::relu:
    case UnaryKind::clip:
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::sign:
    case UnaryKind::round:
    case UnaryKind::thresholded_relu:
    case UnaryKind::logical_not:
      return 0;
    case UnaryKind::leaky_relu:
    case UnaryKind::sqrt:
    case UnaryKind::reciprocal:
    case UnaryKind::shrink:
      return 1;
    case UnaryKind::hard_sigmoid:
    case UnaryKind::hard_swish:
    case UnaryKind::softsign:
      return 3;
    default:
      return function_roundings;
  }
}

double additions_of(const BinaryParams& binary) {
  switch (binary.kind) {
    case BinaryKind::add:
    case BinaryKind::sub:
    case BinaryKind::mul:
    case BinaryKind::div:
    case BinaryKind::prelu:
    case BinaryKind::modulo:
      return 1;
    case BinaryKind::pow:
      return function_roundings;
    default:
      return 0;
  }
}

double additions_of(ReduceKind kind, double terms) {
  switch (kind) {
    case ReduceKind::max:
    case ReduceKind::min:
      return 0;
    case ReduceKind::log_sum:
    case ReduceKind::log_sum_exp:
      return terms + function_roundings;
    default:
      return terms + 1;
  }
}

/// Each axis of a filter is a sum of as many terms as it has taps, whose weights are rounded too.
double additions_of_resize(const LayerDesc& layer) {
  const auto& resize = layer.as<ResizeParams>();
  if (resize.mode == Interpolation::nearest) return 0;
  double count = 0;
  for (int axis = 0; axis < layer.outputs[0].shape.rank(); ++axis) {
    const auto in = static_cast<double>(layer.inputs[0].desc.shape[axis]);
    const auto out = static_cast<double>(std::max<int64_t>(1, layer.outputs[0].shape[axis]));
    const double stretch = resize.antialias ? std::max(1.0, in / out) : 1;
    count += stretch * (resize.mode == Interpolation::linear ? 4 : 8);
  }
  return count;
}

/// Terms of the longest sum behind one output, before the epilogue.
double own_additions(const LayerDesc& layer) {
  const auto shape = [&](size_t operand) -> const Shape& { return layer.inputs[operand].desc.shape; };
  const auto extent = [](const Shape& of, int first, int last) {
    return static_cast<double>(of.elements(std::clamp(first, 0, of.rank()), std::clamp(last, 0, of.rank())));
  };
  switch (layer.op) {
    case OpKind::conv2d:
    case OpKind::conv2d_max_pool:
    case OpKind::conv3d:
      return extent(shape(1), 1, Shape::max_rank) + 1;
    case OpKind::conv_transpose:
      return extent(shape(1), 0, 1) * extent(shape(1), 2, Shape::max_rank) + 1;
    case OpKind::gemm:
      return static_cast<double>(shape(0)[layer.as<GemmParams>().trans_a ? 0 : 1]) + 3;
    case OpKind::matmul:
      return extent(shape(0), shape(0).rank() - 1, shape(0).rank());
    case OpKind::average_pool: {
      double window = 1;
      for (const int64_t edge : layer.as<PoolParams>().kernel) window *= static_cast<double>(edge);
      return window;
    }
    case OpKind::batch_norm:
      return 6;
    case OpKind::lrn:
      return static_cast<double>(layer.as<LrnParams>().size) + function_roundings;
    case OpKind::softmax: {
      const auto& softmax = layer.as<SoftmaxParams>();
      return extent(shape(0), static_cast<int>(softmax.first_axis), static_cast<int>(softmax.end_axis)) +
             function_roundings;
    }
    case OpKind::reduce: {
      const double terms = static_cast<double>(shape(0).elements()) /
                           std::max(1.0, static_cast<double>(layer.outputs[0].shape.elements()));
      return additions_of(layer.as<ReduceParams>().kind, terms);
    }
    case OpKind::cum_sum: {
      const auto axis = static_cast<int>(layer.as<CumSumParams>().axis);
      return extent(shape(0), axis, axis + 1);
    }
    case OpKind::scatter_elements:
    case OpKind::scatter_nd: {
      const ScatterReduction reduction = layer.as<ScatterParams>().reduction;
      const bool rounds = reduction == ScatterReduction::add || reduction == ScatterReduction::mul;
      return rounds ? static_cast<double>(shape(2).elements()) : 0;
    }
    case OpKind::resize:
      return additions_of_resize(layer);
    case OpKind::grid_sample: {
      const auto mode = layer.as<GridSampleParams>().mode;
      if (mode == Interpolation::nearest) return 0;
      return 2 * std::pow(mode == Interpolation::linear ? 2 : 4, shape(0).rank() - 2);
    }
    case OpKind::roi_align:
      return 16;
    case OpKind::unary:
      return additions_of(layer.as<UnaryParams>());
    case OpKind::binary:
      return additions_of(layer.as<BinaryParams>());
    default:
      return 0;
  }
}

/// Whether a result may be a limit of clip, which the layer's type need not hold exactly.
bool clips(const LayerDesc& layer) {
  const auto is_clip = [](const UnaryParams& unary) { return unary.kind == UnaryKind::clip; };
  return (layer.op == OpKind::unary && is_clip(layer.as<UnaryParams>())) ||
         std::any_of(layer.epilogue.begin(), layer.epilogue.end(),
                     [&](const EpilogueStep& step) { return is_clip(step.unary); });
}

}  // namespace

double additions(const LayerDesc& layer) {
  double count = layer.outputs.empty() || is_float(layer.outputs[0].type) ? own_additions(layer) : 0;
  for (const EpilogueStep& step : layer.epilogue) {
    count += step.kind == EpilogueStep::Kind::add ? 1 : additions_of(step.unary);
  }
  return count;
}

bool sums_products(OpKind op) {
  switch (op) {
    case OpKind::conv2d:
    case OpKind::conv2d_max_pool:
    case OpKind::conv3d:
    case OpKind::conv_transpose:
    case OpKind::gemm:
    case OpKind::matmul:
      return true;
    default:
      return false;
  }
}

double storing_error(DataType type) {
  return type == DataType::f16 ? 0x1p-11 : type == DataType::bf16 ? 0x1p-8 : 0;
}

double error_bound(const Primitive& primitive, const LayerDesc& layer) {
  if (const std::optional<double> own = primitive.error_bound(layer)) return *own;
  const double roundings = additions(layer);
  if (roundings == 0 && !clips(layer)) return 0;
  return rounding_constant * std::sqrt(roundings) * 0x1p-24 + storing_error(layer.outputs[0].type);
}

double wanted_error(const LayerDesc& layer, double max_error) {
  return max_error + storing_error(layer.outputs[0].type);
}

double allowed_error(const Primitive& primitive, const LayerDesc& layer, double max_error) {
  return std::min(error_bound(primitive, layer), wanted_error(layer, max_error));
}

}  // namespace raceline
