// The positions of all elements that are not zero, in row-major order: a column for each, a row for each
// axis.
#include <array>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/extents.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// Any zero, -0.0 among them.
template <class T>
bool is_zero(T x) {
  return x == T{};
}

template <class T>
int64_t run_type(const Shape& shape, const T* x, int64_t* y) {
  const int64_t count = shape.elements();
  const auto strides = shape.strides();
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (is_zero(x[i])) continue;
    for (int axis = 0; axis < shape.rank(); ++axis)
      y[axis * count + found] = i / strides[static_cast<size_t>(axis)] % shape[axis];
    ++found;
  }
  return found;
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  clear_output(args);
  const TensorView& x = args.inputs[0];
  int64_t found = 0;
  const Status status = with_element(x.desc.type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    found = run_type(layer.inputs[0].desc.shape, elements<T>(x), args.outputs[0].data<int64_t>());
  });
  write_extents(args, 1, found);
  return status;
}

Support supports(const LayerDesc& layer) {
  const DataType type = layer.inputs[0].desc.type;
  if (is_half(type)) return Support::no("the reference does not compare halves");
  return Support::yes();
}

}  // namespace

void register_non_zero_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::non_zero, "loop", {supports, run});
}

}  // namespace raceline
