// Softmax and its logarithm: a work-item a line. The largest element is subtracted first, so that nothing
// overflows.
#include <memory>

#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void softmax(__global const float* x, ulong x_at, __global float* y, ulong y_at, int count, int inner,
             int is_log) {
  AT(x); AT(y);
  const ulong at = (ulong)get_global_id(1) * count * inner + get_global_id(0);
  x += at;
  y += at;
  float largest = x[0];
  for (int i = 1; i < count; ++i) largest = fmax(largest, x[i * inner]);
  // Sums of some tens, added up: the error of a sum grows with the number of its terms.
  float sum = 0.0f;
  for (int begin = 0; begin < count; begin += 64) {
    float part = 0.0f;
    for (int i = begin; i < min(begin + 64, count); ++i) {
      const float shifted = x[i * inner] - largest, exponential = exp(shifted);
      part += exponential;
      y[i * inner] = is_log ? shifted : exponential;
    }
    sum += part;
  }
  const float log_sum = log(sum);
  for (int i = 0; i < count; ++i) y[i * inner] = is_log ? y[i * inner] - log_sum : y[i * inner] / sum;
}
)";

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(const LayerDesc& layer, const PrepareArgs& args) {
    const SoftmaxParams& params = layer.as<SoftmaxParams>();
    const Shape& shape = layer.outputs[0].shape;
    const auto first = static_cast<int>(params.first_axis), end = static_cast<int>(params.end_axis);
    count_ = shape.elements(first, end);
    inner_ = shape.elements(end, shape.rank());
    outer_ = count_ == 0 ? 0 : shape.elements(0, first);
    is_log_ = params.log ? 1 : 0;
    kernel_ = opencl_device(args).kernel(with_prelude(source), "softmax");
  }
  Status run(const KernelArgs& args) const noexcept override {
    return opencl_queue(args).launch(kernel_,
                                     {.items = {static_cast<size_t>(inner_), static_cast<size_t>(outer_), 1}},
                                     args.inputs[0].memory, args.outputs[0].memory, count_, inner_, is_log_);
  }

 private:
  int64_t count_ = 0, inner_ = 0, outer_ = 0;
  cl_int is_log_ = 0;
  OpenClKernel kernel_;
};

class SoftmaxPrimitive final : public Primitive {
 public:
  SoftmaxPrimitive() : Primitive(opencl_info(OpKind::softmax, "line")) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
    return needs_plain(layer);
  }
  Sharing sharing(const LayerDesc& /*layer*/) const override { return Sharing::in_place; }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<SoftmaxKernel>(layer, args);
  }
};

}  // namespace

void register_softmax_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<SoftmaxPrimitive>());
}

}  // namespace raceline
