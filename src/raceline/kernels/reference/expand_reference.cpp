// Broadcasting: the output in order, the input with strides of 0 along the axes that it repeats.
#include "raceline/kernels/reference/broadcast.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const auto dims = layer.outputs[0].shape.dims();
  const Strides strides = broadcast_strides(layer.inputs[0].desc.shape.dims(), dims, 1);
  with_bits(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_strided(dims, args.inputs[0].data<T>(), strides.data(), args.outputs[0].data<T>());
  });
  return Status::ok();
}

}  // namespace

void register_expand_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::expand, "loop", {any_type, run});
}

}  // namespace raceline
