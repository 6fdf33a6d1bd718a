// Elementwise functions of XNNPACK in every layout: threads share the elements. The last elements, fewer
// than four, are done by our own functions, since the library could read behind them. Limits: f32.
#include <vector>

#include "raceline/kernels/common/elementwise.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

/// Sets an operator's pointers; what all elementwise operators of the library have alike.
using SetUp = xnn_status (*)(xnn_operator_t, size_t, const float*, float*, pthreadpool_t);

struct Function {
  Operator op;
  SetUp set_up = nullptr;  ///< nullptr: the library has no such function
};

/// An operator on single numbers: its count is the batch.
Function function_of(const UnaryParams& params) {
  constexpr size_t one = 1;
  constexpr uint32_t flags = 0;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  switch (params.kind) {
    case UnaryKind::relu:
      return {make_operator(xnn_create_clamp_nc_f32, one, one, one, 0.0f, infinity, flags),
              xnn_setup_clamp_nc_f32};
    case UnaryKind::clip:
      if (!(params.alpha < params.beta)) return {};
      return {make_operator(xnn_create_clamp_nc_f32, one, one, one, params.alpha, params.beta, flags),
              xnn_setup_clamp_nc_f32};
    case UnaryKind::leaky_relu:
      // The library wants a slope between 0 and 1.
      if (!(params.alpha > 0 && params.alpha < 1)) return {};
      return {make_operator(xnn_create_leaky_relu_nc_f32, one, one, one, params.alpha, flags),
              xnn_setup_leaky_relu_nc_f32};
    case UnaryKind::elu:
      if (!(params.alpha > 0 && params.alpha < infinity)) return {};
      return {make_operator(xnn_create_elu_nc_f32, one, one, one, params.alpha, flags), xnn_setup_elu_nc_f32};
    case UnaryKind::sigmoid:
      return {make_operator(xnn_create_sigmoid_nc_f32, one, one, one, flags), xnn_setup_sigmoid_nc_f32};
    case UnaryKind::hard_swish:
      return {make_operator(xnn_create_hardswish_nc_f32, one, one, one, flags), xnn_setup_hardswish_nc_f32};
    case UnaryKind::abs:
      return {make_operator(xnn_create_abs_nc_f32, one, one, one, flags), xnn_setup_abs_nc_f32};
    case UnaryKind::neg:
      return {make_operator(xnn_create_negate_nc_f32, one, one, one, flags), xnn_setup_negate_nc_f32};
    case UnaryKind::sqrt:
      return {make_operator(xnn_create_square_root_nc_f32, one, one, one, flags),
              xnn_setup_square_root_nc_f32};
    case UnaryKind::floor:
      return {make_operator(xnn_create_floor_nc_f32, one, one, one, flags), xnn_setup_floor_nc_f32};
    case UnaryKind::ceil:
      return {make_operator(xnn_create_ceiling_nc_f32, one, one, one, flags), xnn_setup_ceiling_nc_f32};
    case UnaryKind::round:
      return {make_operator(xnn_create_bankers_rounding_nc_f32, one, one, one, flags),
              xnn_setup_bankers_rounding_nc_f32};
    default:
      return {};
  }
}

class UnaryKernel final : public Kernel {
 public:
  UnaryKernel(const LayerDesc& layer, Layout layout, int threads)
      : params_(layer.as<UnaryParams>()),
        desc_(layer.outputs[0].with(layout)),
        count_(desc_.stored_elements()) {
    const int64_t lanes = std::clamp<int64_t>(count_ / least, 1, std::max(1, threads));
    for (int64_t lane = 0; lane < lanes; ++lane) functions_.push_back(function_of(params_));
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int64_t lanes = std::ssize(functions_);
    const int64_t whole = count_ / vector * vector;
    const Status status = run_parts(args.queue.threads(), lanes, [&](int64_t lane) {
      const auto& [op, set_up] = functions_[static_cast<size_t>(lane)];
      const Slice slice = slice_of(whole, lane, lanes, 16);
      if (slice.size() == 0) return xnn_status_success;
      return run_after(
          set_up(op.get(), static_cast<size_t>(slice.size()), x + slice.first, y + slice.first, nullptr), op);
    });
    if (!keeps_zero(params_)) clear_padding(desc_, y, 0, whole);
    if (whole < count_) unary_span(params_, x + whole, y + whole, count_ - whole);
    return status;
  }

 private:
  static constexpr int64_t least = 4096;  ///< elements that are worth a thread

  UnaryParams params_;
  TensorDesc desc_;
  int64_t count_;  ///< whole vectors in blocked layouts
  std::vector<Function> functions_;
};

class UnaryPrimitive final : public Primitive {
 public:
  explicit UnaryPrimitive(Layout layout) : Primitive(make_info(OpKind::unary, "vector", layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = check_tensors(layer, info().output); !fits) return fits;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    if (function_of(layer.as<UnaryParams>()).set_up == nullptr)
      return Support::no("the library has no such function, or not with these parameters");
    return Support::yes();
  }
  Sharing sharing(const LayerDesc& layer) const override {
    return layer.inputs[0].constant ? Sharing::none : Sharing::in_place;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<UnaryKernel>(layer, info().output, args.threads);
  }
};

}  // namespace

void register_unary_xnnpack(PrimitiveRegistry& registry) {
  if (!is_ready(registry)) return;
  for (const Layout layout : all_layouts) registry.add(std::make_unique<UnaryPrimitive>(layout));
}

}  // namespace raceline
