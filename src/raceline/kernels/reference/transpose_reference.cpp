// Transposition: the output in order, the input by the permuted strides.
#include "raceline/kernels/reference/broadcast.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const auto& perm = layer.as<TransposeParams>().perm;
  const Strides from = layer.inputs[0].desc.shape.strides();
  Strides strides{};
  for (size_t axis = 0; axis < perm.size(); ++axis) strides[axis] = from[static_cast<size_t>(perm[axis])];
  with_bits(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_strided(layer.outputs[0].shape.dims(), args.inputs[0].data<T>(), strides.data(),
                 args.outputs[0].data<T>());
  });
  return Status::ok();
}

}  // namespace

void register_transpose_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::transpose, "loop", {any_type, run});
}

}  // namespace raceline
