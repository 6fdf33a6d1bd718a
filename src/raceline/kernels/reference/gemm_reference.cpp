// alpha * op(A) * op(B) + beta * C by its definition. Integers are multiplied modulo 2^bits, scaled in
// double.
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/matrix_product.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
T scale(float factor, T x) {
  if constexpr (std::is_integral_v<T>) {
    return factor == 1 ? x : saturate_cast<T>(static_cast<double>(factor) * static_cast<double>(x));
  } else {
    return static_cast<T>(factor) * x;
  }
}

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const GemmParams& params = layer.as<GemmParams>();
  const Shape& a_shape = layer.inputs[0].desc.shape;
  const Shape& b_shape = layer.inputs[1].desc.shape;
  const int64_t rows = layer.outputs[0].shape[0];
  const int64_t columns = layer.outputs[0].shape[1];
  const int64_t inner = a_shape[params.trans_a ? 0 : 1];
  const auto matrix = [&](size_t operand, bool transposed, int64_t width) {
    const T* data = args.inputs[operand].data<T>();
    return transposed ? Matrix<T>{data, 1, width} : Matrix<T>{data, width, 1};
  };
  T* y = args.outputs[0].data<T>();
  multiply(rows, columns, inner, matrix(0, params.trans_a, a_shape[1]), matrix(1, params.trans_b, b_shape[1]),
           y);

  const bool adds = has_operand(layer, 2) && params.beta != 0;
  if (params.alpha == 1 && !adds) return;
  // C broadcasts: an axis of extent 1, or none, is stepped over with stride 0.
  const T* c = adds ? args.inputs[2].data<T>() : nullptr;
  const Shape c_shape = adds ? layer.inputs[2].desc.shape : Shape{};
  const int rank = c_shape.rank();
  const int64_t c_columns = rank == 0 ? 1 : c_shape[rank - 1];
  const int64_t column_stride = c_columns == 1 ? 0 : 1;
  const int64_t row_stride = rank < 2 || c_shape[0] == 1 ? 0 : c_columns;
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < columns; ++n, ++y) {
      T value = scale(params.alpha, *y);
      if (adds) {
        const T addend = scale(params.beta, c[m * row_stride + n * column_stride]);
        value = apply_binary(BinaryKind::add, value, addend);
      }
      *y = value;
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_number(layer.outputs[0].type,
                     [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_gemm_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::gemm, "loop", {only_numbers, run});
}

}  // namespace raceline
