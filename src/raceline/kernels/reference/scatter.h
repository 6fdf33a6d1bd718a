// What scatter_elements and scatter_nd share: the copy of the data, and what an update does to an element.
#pragma once
#include <cstring>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {

inline BinaryKind function_of(ScatterReduction reduction) {
  switch (reduction) {
    case ScatterReduction::mul:
      return BinaryKind::mul;
    case ScatterReduction::max:
      return BinaryKind::max;
    case ScatterReduction::min:
      return BinaryKind::min;
    default:
      return BinaryKind::add;
  }
}

/// Copies the data to the output, unless that lies over it, and calls scatter(output, updates, put), where
/// put(y, u) lets the element u act on y.
template <class Scatter>
Status run_scatter(const LayerDesc& layer, const KernelArgs& args, Scatter&& scatter) {
  const TensorView& y = args.outputs[0];
  if (y.desc.bytes() > 0 && y.data<std::byte>() != args.inputs[0].data<std::byte>())
    std::memcpy(y.data<std::byte>(), args.inputs[0].data<std::byte>(), y.desc.bytes());
  const ScatterReduction reduction = layer.as<ScatterParams>().reduction;
  Status status = Status::ok();
  if (reduction == ScatterReduction::none) {
    with_bits(y.desc.type, [&](auto tag) {
      using T = typename decltype(tag)::type;
      status = scatter(y.data<T>(), args.inputs[2].data<T>(), [](T& to, T from) { to = from; });
    });
    return status;
  }
  const BinaryKind kind = function_of(reduction);
  const Status typed = with_number(y.desc.type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    status = scatter(y.data<T>(), args.inputs[2].data<T>(),
                     [kind](T& to, T from) { to = apply_binary<T>(kind, to, from); });
  });
  return typed.is_ok() ? status : typed;
}

inline Support supports_scatter(const LayerDesc& layer) {
  const bool computes = layer.as<ScatterParams>().reduction != ScatterReduction::none;
  const DataType type = layer.outputs[0].type;
  if (computes && is_half(type)) return Support::no("the reference does not reduce halves");
  return Support::yes();
}

inline Sharing scatters_in_place(const LayerDesc&) {
  return Sharing::in_place;
}

}  // namespace raceline
