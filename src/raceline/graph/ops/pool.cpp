// Shape rules of max_pool and average_pool. Source: ONNX MaxPool, AveragePool.
#include "raceline/graph/ops/pool.h"

#include <fmt/format.h>

#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

void normalise_pool(OpParams& params, Operands operands) {
  auto& p = std::get<PoolParams>(params);
  const int spatial = spatial_rank(operands);
  fill(p.stride, spatial, 1);
  fill(p.dilation, spatial, 1);
  fill(p.pads_begin, spatial, 0);
  fill(p.pads_end, spatial, 0);
}

void normalise_max(OpParams& params, Operands operands) {
  normalise_pool(params, operands);
  std::get<PoolParams>(params).count_include_pad = false;
}

void normalise_average(OpParams& params, Operands operands) {
  normalise_pool(params, operands);
  std::get<PoolParams>(params).column_major = false;
}

int64_t pooled_extent(const PoolParams& p, int axis, int64_t in) {
  const auto at = static_cast<size_t>(axis);
  const int64_t window = p.dilation[at] * (p.kernel[at] - 1) + 1;
  if (p.pads_begin[at] >= window || p.pads_end[at] >= window) {
    refuse(
        fmt::format("pads {} and {} of spatial axis {}: a window of {} elements would lie outside the image",
                    p.pads_begin[at], p.pads_end[at], axis, window));
  }
  const int64_t padded = in + p.pads_begin[at] + p.pads_end[at];
  const int64_t stride = p.stride[at];
  const int64_t room = padded - window + (p.ceil_mode ? stride - 1 : 0);
  if (in < 1 || room < 0) {
    refuse(fmt::format("the kernel covers {} elements of spatial axis {}, which has {} with its padding",
                       window, axis, padded));
  }
  int64_t extent = room / stride + 1;
  // In ceil mode the last window may hang over the end, but it starts in the image or in the padding before
  // it.
  if (p.ceil_mode && (extent - 1) * stride >= in + p.pads_begin[at]) --extent;
  return extent;
}

Shape pooled_shape(const PoolParams& p, const TensorDesc& x) {
  want_rank(x, "input", 3, 5);
  const int spatial = x.shape.rank() - 2;
  want_values(p.kernel, "kernel", spatial, 1, largest_extent);
  want_values(p.stride, "stride", spatial, 1, largest_extent);
  want_values(p.dilation, "dilation", spatial, 1, largest_extent);
  want_values(p.pads_begin, "pads_begin", spatial, 0, largest_extent);
  want_values(p.pads_end, "pads_end", spatial, 0, largest_extent);
  std::vector<int64_t> dims = {x.shape[0], x.shape[1]};
  for (int axis = 0; axis < spatial; ++axis) dims.push_back(pooled_extent(p, axis, x.shape[axis + 2]));
  return Shape(dims);
}

std::vector<TensorDesc> infer_max(const OpParams& params, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  want_number(x, "input");
  const Shape shape = pooled_shape(as<PoolParams>(params), x);
  return {{x.type, shape}, {DataType::i64, shape}};
}

std::vector<TensorDesc> infer_average(const OpParams& params, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  want_float(x, "input");
  return {{x.type, pooled_shape(as<PoolParams>(params), x)}};
}

/// A comparison or an addition for each element of each window; the division is not counted.
double flops_pool(const OpParams& params, Operands, std::span<const TensorDesc> outputs) {
  auto count = static_cast<double>(outputs[0].shape.elements());
  for (const int64_t extent : as<PoolParams>(params).kernel) count *= static_cast<double>(extent);
  return count;
}

}  // namespace

void rules::add_pool_ops(std::vector<OpInfo>& table) {
  table.push_back({OpKind::max_pool, "max_pool", PoolParams{}, 1, 1, normalise_max, infer_max, flops_pool});
  table.push_back({OpKind::average_pool, "average_pool", PoolParams{}, 1, 1, normalise_average, infer_average,
                   flops_pool});
}

}  // namespace raceline
