// Running sums along an axis: floats in double, integers modulo 2^bits.
#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, T>;
  const auto& params = layer.as<CumSumParams>();
  const Shape& shape = layer.outputs[0].shape;
  const int axis = static_cast<int>(params.axis);
  const int64_t extent = shape[axis];
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  const int64_t outer = extent == 0 ? 0 : shape.elements(0, axis);
  const T* x = args.inputs[0].data<T>();
  T* y = args.outputs[0].data<T>();
  for (int64_t o = 0; o < outer; ++o, x += extent * inner, y += extent * inner) {
    for (int64_t i = 0; i < inner; ++i) {
      Sum sum = 0;
      for (int64_t step = 0; step < extent; ++step) {
        const int64_t at = (params.reverse ? extent - 1 - step : step) * inner + i;
        const Sum next = apply_binary<Sum>(BinaryKind::add, sum, static_cast<Sum>(x[at]));
        y[at] = static_cast<T>(params.exclusive ? sum : next);
        sum = next;
      }
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_number(layer.outputs[0].type,
                     [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

Sharing sharing(const LayerDesc&) {
  return Sharing::in_place;
}

}  // namespace

void register_cum_sum_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::cum_sum, "loop", {only_numbers, run, sharing});
}

}  // namespace raceline
