// Elementwise functions of one operand.
#include <memory>
#include <optional>

#include "raceline/kernels/opencl/flat_work.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void unary(__global const float* x_given, ulong x_given_at, __global float* y, ulong y_at, int count, int each,
           float alpha, float beta) {
  AT(x_given); AT(y);
  const int first = get_global_id(0) * each, end = min(first + each, count);
  int i = first;
  for (; i + 16 <= end; i += 16) {
    const float16 x = vload16(0, x_given + i);
    vstore16(FUNCTION, 0, y + i);
  }
  if (i < end) {
    float parts[16];
    for (int j = 0; j < 16; ++j) parts[j] = i + j < end ? x_given[i + j] : 1.0f;
    const float16 x = vload16(0, parts);
    vstore16(FUNCTION, 0, parts);
    for (int j = 0; i + j < end; ++j) y[i + j] = parts[j];
  }
}
)";

/// The function in OpenCL C, of a float16 x; nothing for those that are not offered. `select` takes its
/// second value where the condition holds.
std::optional<std::string_view> expression(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::relu:
      return "select(x,(float16)0.0f,x<(float16)0.0f)";
    case UnaryKind::leaky_relu:
      return "select(x,x*alpha,x<(float16)0.0f)";
    case UnaryKind::clip:
      return "between(x,alpha,beta)";
    case UnaryKind::sigmoid:
      return "1.0f/(1.0f+exp(-x))";
    case UnaryKind::hard_sigmoid:
      return "between(alpha*x+beta,0.0f,1.0f)";
    case UnaryKind::hard_swish:
      return "x*between(x/6.0f+0.5f,0.0f,1.0f)";
    case UnaryKind::tanh:
      return "tanh(x)";
    case UnaryKind::elu:
      return "select(x,alpha*expm1(x),x<(float16)0.0f)";
    case UnaryKind::exp:
      return "exp(x)";
    case UnaryKind::sqrt:
      return "sqrt(x)";
    case UnaryKind::abs:
      return "fabs(x)";
    case UnaryKind::neg:
      return "-x";
    default:
      return std::nullopt;
  }
}

class UnaryKernel final : public Kernel {
 public:
  UnaryKernel(const LayerDesc& layer, const PrepareArgs& args)
      : params_(layer.as<UnaryParams>()), count_(layer.outputs[0].shape.elements()) {
    OpenClDevice& device = opencl_device(args);
    each_ = elements_per_item(device, count_, 2);
    kernel_ = device.kernel(with_prelude(source), "unary",
                            fmt::format("-DFUNCTION={}", expression(params_.kind).value_or("x")));
  }
  Status run(const KernelArgs& args) const noexcept override {
    return opencl_queue(args).launch(kernel_, {.items = {items_for(count_, each_), 1, 1}},
                                     args.inputs[0].memory, args.outputs[0].memory, count_, each_,
                                     params_.alpha, params_.beta);
  }

 private:
  UnaryParams params_;
  int64_t count_, each_ = 16;
  OpenClKernel kernel_;
};

class UnaryPrimitive final : public Primitive {
 public:
  UnaryPrimitive() : Primitive(opencl_info(OpKind::unary, "vector16")) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
    const UnaryKind kind = layer.as<UnaryParams>().kind;
    if (!expression(kind)) return Support::no(fmt::format("no {}", to_string(kind)));
    return needs_plain(layer);
  }
  Sharing sharing(const LayerDesc& /*layer*/) const override { return Sharing::in_place; }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<UnaryKernel>(layer, args);
  }
};

}  // namespace

void register_unary_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<UnaryPrimitive>());
}

}  // namespace raceline
