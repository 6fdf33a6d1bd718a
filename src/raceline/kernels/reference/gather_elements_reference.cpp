// For each index, the element at its own position but for one axis, where the index says. An index outside of
// the axis fails the run; what was written before it is unspecified.
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  bool inside = true;
  with_bits(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = args.inputs[0].data<T>();
    T* y = args.outputs[0].data<T>();
    inside = each_element_index(args.inputs[1], layer.inputs[0].desc.shape,
                                static_cast<int>(layer.as<GatherParams>().axis),
                                [&](int64_t i, int64_t from) { y[i] = x[from]; });
  });
  return inside ? Status::ok() : Status::failed("gather_elements: an index lies outside of the axis");
}

}  // namespace

void register_gather_elements_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::gather_elements, "loop", {any_type, run});
}

}  // namespace raceline
