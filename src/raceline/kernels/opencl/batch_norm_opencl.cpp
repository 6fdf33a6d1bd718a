// Batch normalisation at inference with constant statistics: one product and one sum for each element.
#include <cmath>
#include <memory>

#include "raceline/kernels/opencl/flat_work.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void batch_norm(__global const float* x, ulong x_at, __global const float* numbers, ulong numbers_at,
                __global float* y, ulong y_at, int inner, int channels, int each) {
  AT(x); AT(numbers); AT(y);
  const int row = get_global_id(1), channel = row % channels;
  const float factor = numbers[3 * channel], mean = numbers[3 * channel + 1], bias = numbers[3 * channel + 2];
  int i = get_global_id(0) * each;
  const int end = min(i + each, inner);
  x += (ulong)row * inner;
  y += (ulong)row * inner;
  for (; i + 16 <= end; i += 16) vstore16(fma(vload16(0, x + i) - mean, (float16)factor, (float16)bias), 0, y + i);
  for (; i < end; ++i) y[i] = fma(x[i] - mean, factor, bias);
}
)";

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const LayerDesc& layer, const PrepareArgs& args) {
    OpenClDevice& device = opencl_device(args);
    const Shape& shape = layer.outputs[0].shape;
    channels_ = shape[1];
    inner_ = shape.elements(2, shape.rank());
    rows_ = shape[0] * channels_;
    each_ = elements_per_item(device, inner_, 2);
    const auto statistic = [&](size_t operand) { return floats_of(args.constants[operand]); };
    const float epsilon = layer.as<BatchNormParams>().epsilon;
    std::vector<float> numbers;
    for (size_t c = 0; c < static_cast<size_t>(channels_); ++c) {
      numbers.push_back(statistic(1)[c] / std::sqrt(statistic(4)[c] + epsilon));
      numbers.push_back(statistic(3)[c]);
      numbers.push_back(statistic(2)[c]);
    }
    numbers_ = upload(device, numbers);
    kernel_ = device.kernel(with_prelude(source), "batch_norm");
  }
  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return numbers_.bytes(); }
  Status run(const KernelArgs& args) const noexcept override {
    return opencl_queue(args).launch(
        kernel_, {.items = {items_for(inner_, each_), static_cast<size_t>(rows_), 1}}, args.inputs[0].memory,
        numbers_.memory(), args.outputs[0].memory, inner_, channels_, each_);
  }

 private:
  int64_t inner_ = 0, channels_ = 0, rows_ = 0, each_ = 16;
  Buffer numbers_;
  OpenClKernel kernel_;
};

class BatchNormPrimitive final : public Primitive {
 public:
  BatchNormPrimitive() : Primitive(opencl_info(OpKind::batch_norm, "vector16")) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
    for (size_t operand = 1; operand < 5; ++operand) {
      if (!layer.inputs[operand].constant) return Support::no("statistics that are not constant");
    }
    return needs_plain(layer);
  }
  Sharing sharing(const LayerDesc& /*layer*/) const override { return Sharing::in_place; }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<BatchNormKernel>(layer, args);
  }
};

}  // namespace

void register_batch_norm_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<BatchNormPrimitive>());
}

}  // namespace raceline
