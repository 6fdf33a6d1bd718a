// Where along an axis the largest or smallest element is: one pass over each line.
#include "raceline/kernels/reference/extreme.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const auto& params = layer.as<ArgReduceParams>();
  const Shape& shape = layer.inputs[0].desc.shape;
  const int axis = static_cast<int>(params.axis);
  const int64_t extent = shape[axis];
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  const int64_t outer = extent == 0 ? 0 : shape.elements(0, axis);
  const T* x = args.inputs[0].data<T>();
  int64_t* y = args.outputs[0].data<int64_t>();
  for (int64_t o = 0; o < outer; ++o, x += extent * inner) {
    for (int64_t i = 0; i < inner; ++i) {
      int64_t best = 0;
      for (int64_t at = 1; at < extent; ++at) {
        const T value = x[at * inner + i];
        const T held = x[best * inner + i];
        const bool better = params.last ? !comes_before(held, value, params.smallest)
                                        : comes_before(value, held, params.smallest);
        if (better) best = at;
      }
      *y++ = best;
    }
  }
}

Support supports(const LayerDesc& layer) {
  const DataType type = layer.inputs[0].desc.type;
  if (is_half(type)) return Support::no("the reference does not compare halves");
  return Support::yes();
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_number(layer.inputs[0].desc.type,
                     [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_arg_reduce_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::arg_reduce, "loop", {supports, run});
}

}  // namespace raceline
