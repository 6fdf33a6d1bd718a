// The operand's dimensions, which are known when the layer is prepared.
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const ShapeOfParams& params = layer.as<ShapeOfParams>();
  int64_t* y = args.outputs[0].data<int64_t>();
  for (int64_t axis = params.start; axis < params.end; ++axis) {
    *y++ = layer.inputs[0].desc.shape[static_cast<int>(axis)];
  }
  return Status::ok();
}

}  // namespace

void register_shape_of_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::shape_of, "loop", {any_type, run});
}

}  // namespace raceline
