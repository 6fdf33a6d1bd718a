// Sums, differences, products and quotients, largest and smallest of two tensors of one shape, or of a tensor
// and a constant with one number for each channel, or one for all.
#include <memory>
#include <optional>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/flat_work.h"

namespace raceline {
namespace {

// b_step is 1 where both tensors advance together; otherwise b holds one number for each `inner` elements of
// a, `channels` of them again and again.
constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void binary(__global const float* a_given, ulong a_given_at, __global const float* b_given, ulong b_given_at,
            __global const float* residual, ulong residual_at, __global float* y, ulong y_at, int count,
            int each, int together, int channels, int adds, int function, float low, float high) {
  AT(a_given); AT(b_given); AT(residual); AT(y);
  const int row = get_global_id(1);
  const int first = get_global_id(0) * each, end = min(first + each, count);
  a_given += (ulong)row * count;
  residual += (ulong)row * count;
  y += (ulong)row * count;
  float16 b = (float16)0.0f;
  if (!together) b = (float16)(b_given[row % channels]);
  int i = first;
  for (; i + 16 <= end; i += 16) {
    const float16 a = vload16(0, a_given + i);
    if (together) b = vload16(0, b_given + i);
    const float16 other = adds ? vload16(0, residual + i) : (float16)0.0f;
    vstore16(finish(FUNCTION, other, adds, function, low, high), 0, y + i);
  }
  if (i < end) {
    float of_a[16], of_b[16];
    for (int j = 0; j < 16; ++j) {
      of_a[j] = i + j < end ? a_given[i + j] : 1.0f;
      of_b[j] = together && i + j < end ? b_given[i + j] : 1.0f;
    }
    const float16 a = vload16(0, of_a);
    if (together) b = vload16(0, of_b);
    vstore16(FUNCTION, 0, of_a);
    for (int j = 0; i + j < end; ++j)
      y[i + j] = finish_one(of_a[j], adds ? residual[i + j] : 0.0f, adds, function, low, high);
  }
}
)";

std::optional<std::string_view> expression(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return "a+b";
    case BinaryKind::sub:
      return "a-b";
    case BinaryKind::mul:
      return "a*b";
    case BinaryKind::div:
      return "a/b";
    case BinaryKind::max:
      return "select(select(b,a,a>b),a,isnan(a))";  // fmax would drop NaN
    case BinaryKind::min:
      return "select(select(b,a,a<b),a,isnan(a))";
    default:
      return std::nullopt;
  }
}

/// The constant's numbers: one for each channel (axis 1), or one for all; 0 when its shape is another.
int64_t channels_of(const LayerDesc& layer) {
  const Shape& y = layer.outputs[0].shape;
  const Shape& b = layer.inputs[1].desc.shape;
  if (b.elements() == 1) return 1;
  if (y.rank() < 2 || b.elements() != y[1]) return 0;
  const int axis = 1 - (y.rank() - b.rank());  // of the channels, in b
  return axis >= 0 && b[axis] == y[1] ? y[1] : 0;
}

class BinaryKernel final : public Kernel {
 public:
  BinaryKernel(const LayerDesc& layer, const PrepareArgs& args) : layer_(layer), epilogue_(layer) {
    OpenClDevice& device = opencl_device(args);
    const Shape& y = layer.outputs[0].shape;
    together_ = !layer.inputs[1].constant;
    if (!together_) {
      channels_ = channels_of(layer);
      constant_ = upload(device, floats_of(args.constants[1]));
    }
    count_ = channels_ > 1 ? y.elements(2, y.rank()) : y.elements();
    rows_ = count_ == 0 ? 0 : y.elements() / count_;
    each_ = elements_per_item(device, count_, 2);
    kernel_ =
        device.kernel(with_prelude(source), "binary",
                      fmt::format("-DFUNCTION={}", expression(layer.as<BinaryParams>().kind).value_or("a")));
  }
  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return constant_.bytes(); }
  Status run(const KernelArgs& args) const noexcept override {
    return opencl_queue(args).launch(
        kernel_, {.items = {items_for(count_, each_), static_cast<size_t>(rows_), 1}}, args.inputs[0].memory,
        together_ ? args.inputs[1].memory : constant_.memory(), residual_of(layer_, args),
        args.outputs[0].memory, count_, each_, cl_int{together_ ? 1 : 0}, channels_, epilogue_.adds,
        epilogue_.function, epilogue_.low, epilogue_.high);
  }

 private:
  LayerDesc layer_;
  DeviceEpilogue epilogue_;
  bool together_ = true;
  int64_t channels_ = 1, count_ = 0, rows_ = 1, each_ = 16;
  Buffer constant_;
  OpenClKernel kernel_;
};

class BinaryPrimitive final : public Primitive {
 public:
  BinaryPrimitive() : Primitive(opencl_info(OpKind::binary, "vector16")) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
    const BinaryKind kind = layer.as<BinaryParams>().kind;
    if (!expression(kind)) return Support::no(fmt::format("no {}", to_string(kind)));
    const Shape& y = layer.outputs[0].shape;
    if (layer.inputs[0].desc.shape != y) return Support::no("the first operand is repeated");
    if (!layer.inputs[1].constant) {
      if (layer.inputs[1].desc.shape != y) return Support::no("operands of two shapes, neither constant");
    } else if (channels_of(layer) == 0) {
      return Support::no("a constant that is not one number for each channel, nor one for all");
    }
    return DeviceEpilogue::supports(layer);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<BinaryKernel>(layer, args);
  }
};

}  // namespace

void register_binary_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<BinaryPrimitive>());
}

}  // namespace raceline
