#include "raceline/kernels/opencl/channel_epilogue.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void channel_epilogue(__global const float* bias, ulong bias_at, __global const float* residual,
                      ulong residual_at, __global float* y, ulong y_at, int inner, int channels, int each,
                      int has_bias, int adds, int function, float low, float high) {
  AT(bias); AT(residual); AT(y);
  const int row = get_global_id(1);
  residual += (ulong)row * inner;
  y += (ulong)row * inner;
  int i = get_global_id(0) * each;
  const int end = min(i + each, inner);
  if (channels == 0) {  // one number for each element of a row
    for (; i < end; ++i)
      y[i] = finish_one(y[i] + (has_bias ? bias[i] : 0.0f), adds ? residual[i] : 0.0f, adds, function, low, high);
    return;
  }
  const float one = has_bias ? bias[row % channels] : 0.0f;
  for (; i + 16 <= end; i += 16) {
    const float16 other = adds ? vload16(0, residual + i) : (float16)0.0f;
    vstore16(finish(vload16(0, y + i) + one, other, adds, function, low, high), 0, y + i);
  }
  for (; i < end; ++i)
    y[i] = finish_one(y[i] + one, adds ? residual[i] : 0.0f, adds, function, low, high);
}
)";

}  // namespace

ChannelEpilogue::ChannelEpilogue(const LayerDesc& layer, OpenClDevice& device, int64_t rows, int64_t inner,
                                 int64_t channels)
    : epilogue_(layer),
      is_empty_(layer.epilogue.empty()),
      rows_(rows),
      inner_(inner),
      channels_(channels),
      each_(elements_per_item(device, inner, 3)),
      kernel_(device.kernel(with_prelude(source), "channel_epilogue")) {}

Status ChannelEpilogue::run(OpenClQueue& queue, Memory bias, Memory residual, Memory result) const {
  if (is_empty_ && !bias) return Status::ok();
  return queue.launch(kernel_, {.items = {items_for(inner_, each_), static_cast<size_t>(rows_), 1}}, bias,
                      residual, result, inner_, channels_, each_, cl_int{bias ? 1 : 0}, epilogue_.adds,
                      epilogue_.function, epilogue_.low, epilogue_.high);
}

}  // namespace raceline
