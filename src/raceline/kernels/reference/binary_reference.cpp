// Functions of two elements with NumPy's broadcasting: loops over kernels/common/scalar_math.h.
#include <fmt/format.h>

#include "raceline/kernels/reference/broadcast.h"
#include "raceline/kernels/reference/elementwise_loop.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// y[i] = f(a[i * a_stride], b[i * b_stride]); y is Stored<T>, or bytes of 0 and 1.
template <class T>
using Loop = void (*)(int64_t count, const Stored<T>* a, int64_t a_stride, const Stored<T>* b,
                      int64_t b_stride, void* y);

template <class T, BinaryKind kind>
void loop(int64_t count, const Stored<T>* a, int64_t a_stride, const Stored<T>* b, int64_t b_stride,
          void* output) {
  if constexpr (gives_bool(kind)) {
    auto* y = static_cast<uint8_t*>(output);
    for (int64_t i = 0; i < count; ++i) {
      y[i] = apply_comparison<T>(kind, static_cast<T>(a[i * a_stride]), static_cast<T>(b[i * b_stride]));
    }
  } else {
    auto* y = static_cast<Stored<T>*>(output);
    for (int64_t i = 0; i < count; ++i) {
      y[i] = apply_binary<T>(kind, static_cast<T>(a[i * a_stride]), static_cast<T>(b[i * b_stride]));
    }
  }
}

template <class T, size_t... kinds>
constexpr std::array<Loop<T>, sizeof...(kinds)> loops(std::index_sequence<kinds...>) {
  return {loop<T, static_cast<BinaryKind>(kinds)>...};
}

/// Walks the outer axes and calls the loop along the last one.
template <class T>
struct Walk {
  Loop<T> loop;
  size_t output_bytes;  ///< of one element
  std::byte* output;

  void run(std::span<const int64_t> dims, const Stored<T>* a, const int64_t* a_strides, const Stored<T>* b,
           const int64_t* b_strides) {
    if (dims.size() == 1) {
      loop(dims[0], a, a_strides[0], b, b_strides[0], output);
      output += static_cast<size_t>(dims[0]) * output_bytes;
      return;
    }
    for (int64_t i = 0; i < dims[0]; ++i) {
      run(dims.subspan(1), a + i * a_strides[0], a_strides + 1, b + i * b_strides[0], b_strides + 1);
    }
  }
};

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  static constexpr auto table = loops<T>(std::make_index_sequence<binary_kinds>());
  const Shape& a = layer.inputs[0].desc.shape;
  const Shape& b = layer.inputs[1].desc.shape;
  const Shape& y = layer.outputs[0].shape;
  const int64_t count = y.elements();
  Walk<T> walk{table[static_cast<size_t>(layer.as<BinaryParams>().kind)], size_of(layer.outputs[0].type),
               args.outputs[0].data<std::byte>()};
  const Stored<T>* a_data = elements<T>(args.inputs[0]);
  const Stored<T>* b_data = elements<T>(args.inputs[1]);
  const auto flat = [&](const Shape& shape) { return shape.elements() == count || shape.elements() == 1; };
  if (flat(a) && flat(b)) {
    const int64_t a_stride = a.elements() == 1 ? 0 : 1;
    const int64_t b_stride = b.elements() == 1 ? 0 : 1;
    walk.run({&count, 1}, a_data, &a_stride, b_data, &b_stride);
    return;
  }
  const Strides a_strides = broadcast_strides(a.dims(), y.dims(), 1);
  const Strides b_strides = broadcast_strides(b.dims(), y.dims(), 1);
  walk.run(y.dims(), a_data, a_strides.data(), b_data, b_strides.data());
}

Support supports(const LayerDesc& layer) {
  for (size_t operand = 0; operand < 2; ++operand) {
    const DataType type = layer.inputs[operand].desc.type;
    if (is_half(type))
      return Support::no(fmt::format("the reference does not compute in {}", to_string(type)));
  }
  return Support::yes();
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_element(layer.inputs[0].desc.type,
                      [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

Sharing sharing(const LayerDesc& layer) {
  return layer.inputs[0].desc == layer.outputs[0] ? Sharing::in_place : Sharing::none;
}

}  // namespace

void register_binary_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::binary, "loop", {supports, run, sharing});
}

}  // namespace raceline
