// A choice between two tensors, element by element, with NumPy's broadcasting.
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const auto dims = layer.outputs[0].shape.dims();
  const auto walk = [&](size_t operand) {
    return StridedWalk(dims, broadcast_strides(layer.inputs[operand].desc.shape.dims(), dims, 1));
  };
  StridedWalk at_condition = walk(0);
  StridedWalk at_a = walk(1);
  StridedWalk at_b = walk(2);
  const uint8_t* condition = args.inputs[0].data<uint8_t>();
  const T* a = args.inputs[1].data<T>();
  const T* b = args.inputs[2].data<T>();
  T* y = args.outputs[0].data<T>();
  const int64_t count = layer.outputs[0].shape.elements();
  for (int64_t i = 0; i < count; ++i) {
    y[i] = condition[at_condition.offset()] != 0 ? a[at_a.offset()] : b[at_b.offset()];
    at_condition.next();
    at_a.next();
    at_b.next();
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  with_bits(layer.outputs[0].type, [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
  return Status::ok();
}

}  // namespace

void register_where_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::where, "loop", {any_type, run});
}

}  // namespace raceline
