// Slicing with steps: the output in order, the input from its start by multiplied strides.
#include "raceline/kernels/reference/broadcast.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const SliceParams& params = layer.as<SliceParams>();
  // An empty slice may start anywhere.
  if (layer.outputs[0].shape.elements() == 0) return Status::ok();
  const Shape& x = layer.inputs[0].desc.shape;
  const Strides from = x.strides();
  Strides strides{};
  int64_t start = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto at = static_cast<size_t>(axis);
    start += params.start[at] * from[at];
    // An axis that takes one element never steps; its step may be anything.
    strides[at] = params.size[at] == 1 ? 0 : params.step[at] * from[at];
  }
  with_bits(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_strided(layer.outputs[0].shape.dims(), args.inputs[0].data<T>() + start, strides.data(),
                 args.outputs[0].data<T>());
  });
  return Status::ok();
}

}  // namespace

void register_slice_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::slice, "loop", {any_type, run});
}

}  // namespace raceline
