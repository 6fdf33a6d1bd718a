// concat in place: the operands are computed where they belong in the output, and nothing is left to be done.
// Where one of them lies elsewhere, it is copied. Wins whenever it is possible: with a single row of runs
// (batch 1 for channels), where each operand is one piece of the output. Limits: f32; no layout in which
// channels of one pixel are neighbours.
#include <cstring>

#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

class GatherKernel final : public Kernel {
 public:
  Status run(const KernelArgs& args) const noexcept override {
    std::byte* place = args.outputs[0].memory.host();
    for (const TensorView& operand : args.inputs) {
      const size_t bytes = operand.desc.bytes();
      if (bytes > 0 && operand.memory.host() != place) std::memcpy(place, operand.memory.host(), bytes);
      place += bytes;
    }
    return Status::ok();
  }
};

class ConcatInPlacePrimitive final : public Primitive {
 public:
  explicit ConcatInPlacePrimitive(Layout layout)
      : Primitive(native_info(OpKind::concat, "in_place", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const Layout layout = info().output;
    const int axis = static_cast<int>(layer.as<ConcatParams>().axis);
    if (layout != Layout::nchw) {
      if (const Support laid = needs_layout(layer, layout); !laid) return laid;
      if (axis != 1) return Support::no("along channels only");
    }
    if (layer.outputs[0].shape.elements(0, axis) != 1)
      return Support::no("an operand is no one piece of the output");
    for (size_t index = 0; index < layer.inputs.size(); ++index) {
      const OperandDesc& operand = layer.inputs[index];
      if (operand.constant) return Support::no("a constant lies elsewhere");
      const bool fills = layout == Layout::nchw || operand.desc.shape[1] % block_of(layout) == 0;
      if (index + 1 < layer.inputs.size() && !fills)
        return Support::no("an operand fills no whole blocks of channels");
    }
    return Support::yes();
  }
  Sharing sharing(const LayerDesc&) const override { return Sharing::gathered; }
  std::unique_ptr<const Kernel> prepare(const LayerDesc&, const PrepareArgs&) const override {
    return std::make_unique<GatherKernel>();
  }
};

}  // namespace

void register_concat_native_in_place(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) {
    if (layout != Layout::nhwc) registry.add(std::make_unique<ConcatInPlacePrimitive>(layout));
  }
}

}  // namespace raceline
