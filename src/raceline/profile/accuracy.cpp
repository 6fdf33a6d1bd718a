#include "raceline/profile/accuracy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/layer_run.h"
#include "raceline/profile/sampled_outputs.h"
#include "raceline/tensor/half.h"

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

/// Reads elements as doubles; 64-bit integers above 2^53 lose their last digits.
double element(const TensorView& view, int64_t offset) {
  switch (view.desc.type) {
    case DataType::f32:
      return static_cast<double>(view.data<float>()[offset]);
    case DataType::f64:
      return view.data<double>()[offset];
    case DataType::f16:
      return static_cast<double>(view.data<Half>()[offset]);
    case DataType::bf16:
      return static_cast<double>(view.data<BFloat16>()[offset]);
    case DataType::i8:
      return view.data<int8_t>()[offset];
    case DataType::boolean:  // rubbish in a bool is no bool: read the byte
    case DataType::u8:
      return view.data<uint8_t>()[offset];
    case DataType::i16:
      return view.data<int16_t>()[offset];
    case DataType::u16:
      return view.data<uint16_t>()[offset];
    case DataType::i32:
      return view.data<int32_t>()[offset];
    case DataType::u32:
      return view.data<uint32_t>()[offset];
    case DataType::i64:
      return static_cast<double>(view.data<int64_t>()[offset]);
    case DataType::u64:
      return static_cast<double>(view.data<uint64_t>()[offset]);
  }
  return 0;
}

/// Where the element of a row-major index lies.
int64_t offset_of(const TensorDesc& desc, int64_t index) {
  if (desc.layout == Layout::nchw) return index;
  const Shape& shape = desc.shape;
  const int64_t w = index % shape[3];
  const int64_t h = index / shape[3] % shape[2];
  const int64_t c = index / (shape[3] * shape[2]) % shape[1];
  return element_offset(desc, index / (shape[3] * shape[2] * shape[1]), c, h, w);
}

/// The largest difference, and the largest wanted value, seen so far.
struct Worst {
  double difference = 0, wanted = 0;
  void add(double got, double want) {
    if (std::isfinite(want)) wanted = std::max(wanted, std::fabs(want));
    if (got == want || (std::isnan(got) && std::isnan(want))) return;
    const double apart = std::fabs(got - want);
    difference = std::isfinite(apart) ? std::max(difference, apart) : std::numeric_limits<double>::infinity();
  }
  double error() const { return difference == 0 || wanted == 0 ? difference : difference / wanted; }
};

/// Whether a padded channel of a blocked tensor holds anything but zero.
bool has_dirty_padding(const TensorView& view) {
  const int block = block_of(view.desc.layout);
  if (block == 1) return false;
  const Shape& shape = view.desc.shape;
  const int64_t padded = (shape[1] + block - 1) / block * block;
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t c = shape[1]; c < padded; ++c) {
      for (int64_t h = 0; h < shape[2]; ++h) {
        for (int64_t w = 0; w < shape[3]; ++w) {
          if (element(view, element_offset(view.desc, n, c, h, w)) != 0) return true;
        }
      }
    }
  }
  return false;
}

Tensor to_f64(const Tensor& tensor) {
  Tensor wide({DataType::f64, tensor.desc().shape, Layout::nchw});
  const int64_t count = tensor.desc().stored_elements();
  for (int64_t i = 0; i < count; ++i) wide.data<double>()[i] = element(tensor.view(), i);
  return wide;
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

double storing_error(DataType type) {
  return type == DataType::f16 ? 0x1p-11 : type == DataType::bf16 ? 0x1p-8 : 0;
}

double error_bound(const Primitive& primitive, const LayerDesc& layer) {
  if (const std::optional<double> own = primitive.error_bound(layer)) return *own;
  const double roundings = additions(layer);
  if (roundings == 0 && !clips(layer)) return 0;
  return rounding_constant * std::sqrt(roundings) * 0x1p-24 + storing_error(layer.outputs[0].type);
}

std::vector<Tensor> reference_outputs_f64(const PrimitiveRegistry& registry, Device& device,
                                          const LayerDesc& layer, std::span<const Tensor> operands) {
  std::vector<OperandDesc> inputs = layer.inputs;
  std::vector<Tensor> wide(operands.size());
  std::vector<TensorView> views(operands.size());
  // A cast and a reorder name types themselves, and round nothing that another primitive would round
  // otherwise.
  const bool widen = layer.op != OpKind::cast && layer.op != OpKind::reorder;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i]) continue;
    views[i] = operands[i].view();
    if (!widen || !is_float(inputs[i].desc.type) || inputs[i].desc.type == DataType::f64) continue;
    inputs[i].desc.type = DataType::f64;
    wide[i] = to_f64(operands[i]);
    views[i] = wide[i].view();
  }
  if (layer.op == OpKind::reorder) {
    std::vector<Tensor> same;
    same.push_back(with_layout(views[0], Layout::nchw));
    return same;
  }
  const LayerDesc wide_layer =
      LayerDesc::make(layer.op, layer.params, inputs, layer.epilogue, static_cast<int>(layer.outputs.size()));
  return reference_evaluator(registry, device)(wide_layer, views);
}

double relative_error(const TensorView& got, const TensorView& want, double usual) {
  if (got.desc.shape != want.desc.shape) {
    throw Error(
        fmt::format("cannot compare a tensor {} with one {}", got.desc.to_string(), want.desc.to_string()));
  }
  Worst worst{.wanted = usual};
  const int64_t count = got.desc.shape.elements();
  for (int64_t i = 0; i < count; ++i) {
    worst.add(element(got, offset_of(got.desc, i)), element(want, offset_of(want.desc, i)));
  }
  return worst.error();
}

double usual_size(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                  std::span<const Tensor> operands) {
  constexpr int64_t few = 16;
  const bool is_product = layer.op == OpKind::conv2d || layer.op == OpKind::conv3d ||
                          layer.op == OpKind::conv_transpose || layer.op == OpKind::gemm ||
                          layer.op == OpKind::matmul;
  const bool is_sum = layer.op == OpKind::reduce && (layer.as<ReduceParams>().kind == ReduceKind::sum ||
                                                     layer.as<ReduceParams>().kind == ReduceKind::mean);
  if ((!is_product && !is_sum) || layer.outputs[0].shape.elements() >= few) return 0;
  std::vector<Tensor> magnitudes(operands.size());
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i]) continue;
    if (!is_float(operands[i].desc().type)) return 0;
    magnitudes[i] = to_f64(operands[i]);
    const int64_t count = magnitudes[i].desc().stored_elements();
    for (int64_t at = 0; at < count; ++at) {
      double& element = magnitudes[i].data<double>()[at];
      element = std::fabs(element);
    }
  }
  double largest = 0;
  const std::vector<Tensor> sums = reference_outputs_f64(registry, device, layer, magnitudes);
  const int64_t count = sums[0].desc().stored_elements();
  for (int64_t at = 0; at < count; ++at) largest = std::max(largest, std::fabs(sums[0].data<double>()[at]));
  return largest / std::sqrt(std::max(1.0, additions(layer)));
}

Expected expected_outputs(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                          std::span<const Tensor> operands, const CheckOptions& options) {
  Expected expected;
  if (can_be_sampled(layer) && layer.flops() > options.whole_below_flops) {
    Expected::Output output;
    output.positions = sample_positions(layer.outputs[0].shape, options.samples, options.seed);
    output.values = sampled_outputs(registry, device, layer, operands, output.positions);
    expected.outputs.push_back(std::move(output));
    return expected;
  }
  for (Tensor& whole : reference_outputs_f64(registry, device, layer, operands)) {
    expected.outputs.push_back({std::move(whole), {}, {}, usual_size(registry, device, layer, operands)});
  }
  return expected;
}

CheckResult compare_outputs(const Expected& expected, std::span<const TensorView> got) {
  CheckResult result{.error = 0, .why = {}};
  for (size_t slot = 0; slot < expected.outputs.size(); ++slot) {
    const Expected::Output& output = expected.outputs[slot];
    const TensorView& view = got[slot];
    double error = 0;
    if (output.whole) {
      error = relative_error(view, output.whole.view(), output.usual);
    } else {
      Worst worst;
      for (size_t i = 0; i < output.positions.size(); ++i) {
        worst.add(element(view, offset_of(view.desc, output.positions[i])), output.values[i]);
      }
      error = worst.error();
      const int64_t count = view.desc.shape.elements();
      for (int64_t i = 0; i < count && result.why.empty(); ++i) {
        if (!std::isnan(element(view, offset_of(view.desc, i)))) continue;
        error = std::numeric_limits<double>::infinity();
        result.why = fmt::format("element {} of output {} is NaN or was not written", i, slot);
      }
    }
    if (result.why.empty() && has_dirty_padding(view)) {
      result.why = fmt::format("padded channels of output {} are not zero", slot);
    }
    result.error = std::max(result.error, error);
  }
  return result;
}

CheckResult check_primitive(const PrimitiveRegistry& registry, Devices devices, const Primitive& primitive,
                            const LayerDesc& layer, const CheckOptions& options) {
  LayerBuffers buffers(devices, layer, random_operands(layer, options.seed));
  const Expected expected = expected_outputs(registry, devices.host(), layer, buffers.operands(), options);
  const auto queue = devices.at(primitive.info().processor).make_queue(options.threads);
  queue->bind();
  try {
    LayerRun run(primitive, layer, buffers, queue->threads());
    return run.check(expected, *queue);
  } catch (const Error& error) {
    return {std::numeric_limits<double>::infinity(), error.what()};
  }
}

}  // namespace raceline
