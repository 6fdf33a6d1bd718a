// Parameters of pooling.
#pragma once
#include <cstdint>
#include <vector>

namespace raceline {

/// max_pool and average_pool over 1 to 3 spatial dimensions (N, C, spatial...). Global pooling is a pool
/// whose kernel is the image. A window that starts in the end padding is dropped in ceil mode. max_pool may
/// have a second output, the indices (i64, row-major over the whole input tensor, or column-major inside an
/// image with column_major). average_pool with count_include_pad divides by the window clipped to the padded
/// image, otherwise by the elements inside the image. Source: ONNX MaxPool, AveragePool.
struct PoolParams {
  std::vector<int64_t> kernel, stride, dilation, pads_begin, pads_end;
  bool ceil_mode = false;
  bool count_include_pad = false;
  bool column_major = false;
  friend bool operator==(const PoolParams&, const PoolParams&) = default;
};

template <class Visitor>
void visit_fields(PoolParams& p, Visitor&& visit) {
  visit("kernel", p.kernel);
  visit("stride", p.stride);
  visit("dilation", p.dilation);
  visit("pads_begin", p.pads_begin);
  visit("pads_end", p.pads_end);
  visit("ceil", p.ceil_mode);
  visit("include_pad", p.count_include_pad);
  visit("column_major", p.column_major);
}

}  // namespace raceline
