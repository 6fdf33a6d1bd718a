// Conversion of each element to another type. A float outside of an integer type goes to its nearest end, NaN
// to 0; integers wrap around; what is not 0 is true.
#include <fmt/format.h>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Support supports(const LayerDesc& layer) {
  for (const DataType type : {layer.inputs[0].desc.type, layer.outputs[0].type}) {
    if (type != DataType::f16 && type != DataType::bf16) continue;
    return Support::no(fmt::format("the reference does not convert {}", to_string(type)));
  }
  return Support::yes();
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const int64_t count = layer.outputs[0].shape.elements();
  Status inner = Status::ok();
  const Status outer = with_element(layer.inputs[0].desc.type, [&](auto from_tag) {
    using From = typename decltype(from_tag)::type;
    const Stored<From>* x = elements<From>(args.inputs[0]);
    inner = with_element(layer.outputs[0].type, [&](auto to_tag) {
      using To = typename decltype(to_tag)::type;
      Stored<To>* y = elements<To>(args.outputs[0]);
      for (int64_t i = 0; i < count; ++i) y[i] = saturate_cast<To>(static_cast<From>(x[i]));
    });
  });
  return outer.is_ok() ? inner : outer;
}

}  // namespace

void register_cast_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::cast, "loop", {supports, run});
}

}  // namespace raceline
