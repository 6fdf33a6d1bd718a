// unary in every layout: one function over all stored elements, in place where the plan allows it. Source of
// the functions: kernels/common/elementwise.h. Limits: f32.
#include "raceline/kernels/common/elementwise.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

class UnaryKernel final : public Kernel {
 public:
  UnaryKernel(const LayerDesc& layer, Layout layout)
      : params_(layer.as<UnaryParams>()),
        desc_(layer.outputs[0].with(layout)),
        clears_(!keeps_zero(params_)) {}

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    parallel_slices(args.queue.threads(), desc_.stored_elements(), 16, 4096, [&](Slice slice, int) {
      unary_span(params_, x + slice.first, y + slice.first, slice.size());
      if (clears_) clear_padding(desc_, y, slice.first, slice.last);
    });
    return Status::ok();
  }

 private:
  UnaryParams params_;
  TensorDesc desc_;
  bool clears_;
};

class UnaryPrimitive final : public Primitive {
 public:
  explicit UnaryPrimitive(Layout layout) : Primitive(native_info(OpKind::unary, "loop", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    return needs_layout(layer, info().output);
  }
  Sharing sharing(const LayerDesc& layer) const override {
    return layer.inputs[0].constant ? Sharing::none : Sharing::in_place;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<UnaryKernel>(layer, info().output);
  }
};

}  // namespace

void register_unary_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<UnaryPrimitive>(layout));
}

}  // namespace raceline
