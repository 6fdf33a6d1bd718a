// Conversion of each element to another type. A float outside of an integer type goes to its nearest end, NaN
// to 0; integers wrap around; what is not 0 is true; 16-bit floats are rounded once, to the nearest even.
#include <type_traits>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// 16-bit floats are read as float and rounded once, from any type.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_arithmetic_v<From> && std::is_arithmetic_v<To>) {
    return saturate_cast<To>(x);
  } else if constexpr (std::is_arithmetic_v<From>) {
    return To(x);
  } else {
    return convert<To>(static_cast<float>(x));
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const int64_t count = layer.outputs[0].shape.elements();
  Status inner = Status::ok();
  const Status outer = with_any(layer.inputs[0].desc.type, [&](auto from_tag) {
    using From = typename decltype(from_tag)::type;
    const Stored<From>* x = elements<From>(args.inputs[0]);
    inner = with_any(layer.outputs[0].type, [&](auto to_tag) {
      using To = typename decltype(to_tag)::type;
      Stored<To>* y = elements<To>(args.outputs[0]);
      for (int64_t i = 0; i < count; ++i) y[i] = convert<To>(static_cast<From>(x[i]));
    });
  });
  return outer.is_ok() ? inner : outer;
}

}  // namespace

void register_cast_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::cast, "loop", {any_type, run});
}

}  // namespace raceline
