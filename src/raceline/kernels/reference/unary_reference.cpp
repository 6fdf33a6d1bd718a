// Functions of one element: a loop over kernels/common/scalar_math.h.
#include "raceline/kernels/reference/elementwise_loop.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Support supports(const LayerDesc& layer) {
  return layer.outputs[0].type == DataType::boolean ? Support::yes() : only_numbers(layer);
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_element(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_unary<T>(layer.as<UnaryParams>(), elements<T>(args.inputs[0]), elements<T>(args.outputs[0]),
                 layer.outputs[0].shape.elements());
  });
}

Sharing sharing(const LayerDesc&) {
  return Sharing::in_place;
}

}  // namespace

void register_unary_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::unary, "loop", {supports, run, sharing});
}

}  // namespace raceline
