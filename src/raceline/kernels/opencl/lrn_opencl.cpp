// Local response normalisation across channels by its definition: a work-item computes 16 neighbouring pixels
// of one channel at a time.
#include <memory>

#include "raceline/kernels/opencl/flat_work.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void lrn(__global const float* x, ulong x_at, __global float* y, ulong y_at, int channels, int inner, int each,
         int size, float factor, float beta, float bias) {
  AT(x); AT(y);
  const int channel = get_global_id(1);
  x += (ulong)get_global_id(2) * channels * inner;
  y += ((ulong)get_global_id(2) * channels + channel) * inner;
  const int first = max(0, channel - (size - 1) / 2), last = min(channels - 1, channel + size / 2);
  int i = get_global_id(0) * each;
  const int end = min(i + each, inner);
  for (; i + 16 <= end; i += 16) {
    float16 sum = (float16)0.0f;
    for (int other = first; other <= last; ++other) {
      const float16 neighbour = vload16(0, x + other * inner + i);
      sum = fma(neighbour, neighbour, sum);
    }
    const float16 base = fma((float16)factor, sum, (float16)bias);
    // beta is 0.75 in nearly every network: two square roots in the place of a power.
    const float16 root = beta == 0.75f ? sqrt(base * sqrt(base)) : pow(base, (float16)beta);
    vstore16(vload16(0, x + channel * inner + i) / root, 0, y + i);
  }
  for (; i < end; ++i) {
    float sum = 0.0f;
    for (int other = first; other <= last; ++other) sum = fma(x[other * inner + i], x[other * inner + i], sum);
    const float base = fma(factor, sum, bias);
    y[i] = x[channel * inner + i] / (beta == 0.75f ? sqrt(base * sqrt(base)) : pow(base, beta));
  }
}
)";

class LrnKernel final : public Kernel {
 public:
  LrnKernel(const LayerDesc& layer, const PrepareArgs& args) : params_(layer.as<LrnParams>()) {
    const Shape& shape = layer.outputs[0].shape;
    images_ = shape[0];
    channels_ = shape[1];
    inner_ = shape.elements(2, shape.rank());
    each_ = elements_per_item(opencl_device(args), inner_, 2.0 * static_cast<double>(params_.size) + 20);
    kernel_ = opencl_device(args).kernel(with_prelude(source), "lrn");
  }
  Status run(const KernelArgs& args) const noexcept override {
    return opencl_queue(args).launch(
        kernel_,
        {.items = {items_for(inner_, each_), static_cast<size_t>(channels_), static_cast<size_t>(images_)}},
        args.inputs[0].memory, args.outputs[0].memory, channels_, inner_, each_, params_.size,
        params_.alpha / static_cast<float>(params_.size), params_.beta, params_.bias);
  }

 private:
  LrnParams params_;
  int64_t images_ = 0, channels_ = 0, inner_ = 0, each_ = 16;
  OpenClKernel kernel_;
};

class LrnPrimitive final : public Primitive {
 public:
  LrnPrimitive() : Primitive(opencl_info(OpKind::lrn, "vector16")) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
    return needs_plain(layer);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<LrnKernel>(layer, args);
  }
};

}  // namespace

void register_lrn_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<LrnPrimitive>());
}

}  // namespace raceline
