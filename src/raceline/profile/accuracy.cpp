#include "raceline/profile/accuracy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/error_bound.h"
#include "raceline/profile/layer_run.h"
#include "raceline/profile/sampled_outputs.h"
#include "raceline/tensor/half.h"

namespace raceline {
namespace {

template <typename T>
void widen(const T* from, int64_t stride, std::span<double> to) {
  for (double& value : to) {
    value = static_cast<double>(*from);
    from += stride;
  }
}

/// Reads elements as doubles, from an offset on, so far apart; 64-bit integers above 2^53 lose their last
/// digits.
void read_elements(const TensorView& view, int64_t offset, int64_t stride, std::span<double> to) {
  switch (view.desc.type) {
    case DataType::f32:
      return widen(view.data<float>() + offset, stride, to);
    case DataType::f64:
      return widen(view.data<double>() + offset, stride, to);
    case DataType::f16:
      return widen(view.data<Half>() + offset, stride, to);
    case DataType::bf16:
      return widen(view.data<BFloat16>() + offset, stride, to);
    case DataType::i8:
      return widen(view.data<int8_t>() + offset, stride, to);
    case DataType::boolean:  // rubbish in a bool is no bool: read the byte
    case DataType::u8:
      return widen(view.data<uint8_t>() + offset, stride, to);
    case DataType::i16:
      return widen(view.data<int16_t>() + offset, stride, to);
    case DataType::u16:
      return widen(view.data<uint16_t>() + offset, stride, to);
    case DataType::i32:
      return widen(view.data<int32_t>() + offset, stride, to);
    case DataType::u32:
      return widen(view.data<uint32_t>() + offset, stride, to);
    case DataType::i64:
      return widen(view.data<int64_t>() + offset, stride, to);
    case DataType::u64:
      return widen(view.data<uint64_t>() + offset, stride, to);
  }
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

double element(const TensorView& view, int64_t index) {
  double value = 0;
  read_elements(view, offset_of(view.desc, index), 1, {&value, 1});
  return value;
}

/// In every layout the elements of an image's channel are equally far apart.
int64_t stride_of(const TensorDesc& desc) {
  return desc.layout == Layout::nchw ? 1 : element_offset(desc, 0, 0, 0, 1);
}

constexpr int64_t longest_run = 1024;

/// Cuts the row-major indices into runs that cross no image's channel: visit(first, size) until it returns
/// false.
template <typename Visit>
void for_each_run(const Shape& shape, Visit visit) {
  const int64_t count = shape.elements();
  const int64_t plane = shape.rank() == 4 ? shape[2] * shape[3] : count;
  for (int64_t first = 0; first < count;) {
    const int64_t size = std::min(longest_run, plane - first % plane);
    if (!visit(first, size)) return;
    first += size;
  }
}

/// The elements of a run, as doubles, in room for them.
std::span<const double> read_run(const TensorView& view, int64_t first, std::span<double> room) {
  read_elements(view, offset_of(view.desc, first), stride_of(view.desc), room);
  return room;
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

/// Row-major index of the first NaN.
std::optional<int64_t> first_nan(const TensorView& view) {
  std::optional<int64_t> found;
  std::array<double, longest_run> room;
  for_each_run(view.desc.shape, [&](int64_t first, int64_t size) {
    const auto run = read_run(view, first, std::span(room).first(static_cast<size_t>(size)));
    const auto nan = std::find_if(run.begin(), run.end(), [](double value) { return std::isnan(value); });
    if (nan != run.end()) found = first + (nan - run.begin());
    return !found;
  });
  return found;
}

/// Whether a padded channel of a blocked tensor holds anything but zero.
bool has_dirty_padding(const TensorView& view) {
  const int block = block_of(view.desc.layout);
  if (block == 1) return false;
  const Shape& shape = view.desc.shape;
  const int64_t padded = (shape[1] + block - 1) / block * block;
  std::vector<double> plane(static_cast<size_t>(padded > shape[1] ? shape[2] * shape[3] : 0));
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t c = shape[1]; c < padded; ++c) {
      read_elements(view, element_offset(view.desc, n, c, 0, 0), stride_of(view.desc), plane);
      if (std::any_of(plane.begin(), plane.end(), [](double value) { return value != 0; })) return true;
    }
  }
  return false;
}

Tensor to_f64(const Tensor& tensor) {
  Tensor wide({DataType::f64, tensor.desc().shape, Layout::nchw});
  const auto count = static_cast<size_t>(tensor.desc().stored_elements());
  read_elements(tensor.view(), 0, 1, {wide.data<double>(), count});
  return wide;
}

}  // namespace

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
  std::array<double, longest_run> got_room, want_room;
  for_each_run(got.desc.shape, [&](int64_t first, int64_t length) {
    const auto size = static_cast<size_t>(length);
    const auto got_run = read_run(got, first, std::span(got_room).first(size));
    const auto want_run = read_run(want, first, std::span(want_room).first(size));
    for (size_t i = 0; i < size; ++i) worst.add(got_run[i], want_run[i]);
    return true;
  });
  return worst.error();
}

double usual_size(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                  std::span<const Tensor> operands) {
  constexpr int64_t few = 16;
  const bool is_sum = layer.op == OpKind::reduce && (layer.as<ReduceParams>().kind == ReduceKind::sum ||
                                                     layer.as<ReduceParams>().kind == ReduceKind::mean);
  if ((!sums_products(layer.op) && !is_sum) || layer.outputs[0].shape.elements() >= few) return 0;
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
        worst.add(element(view, output.positions[i]), output.values[i]);
      }
      error = worst.error();
      if (const auto nan = first_nan(view); nan && result.why.empty()) {
        error = std::numeric_limits<double>::infinity();
        result.why = fmt::format("element {} of output {} is NaN or was not written", *nan, slot);
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
