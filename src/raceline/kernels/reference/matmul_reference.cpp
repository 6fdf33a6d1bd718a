// Products of stacks of matrices with NumPy's rules: an operand of rank 1 is a row on the left and a column
// on the right, the leading axes broadcast. Integers wrap around.
#include "raceline/kernels/reference/broadcast.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/matrix_product.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
struct Stack {
  int64_t rows, columns, inner;
  T* output;

  /// Multiplies all matrices below the leading axes that remain.
  void run(std::span<const int64_t> dims, const T* a, const int64_t* a_strides, const T* b,
           const int64_t* b_strides) {
    if (dims.empty()) {
      multiply(rows, columns, inner, Matrix<T>{a, inner, 1}, Matrix<T>{b, columns, 1}, output);
      output += rows * columns;
      return;
    }
    for (int64_t i = 0; i < dims[0]; ++i) {
      run(dims.subspan(1), a + i * a_strides[0], a_strides + 1, b + i * b_strides[0], b_strides + 1);
    }
  }
};

/// The axes before the matrix.
std::span<const int64_t> leading(const Shape& shape) {
  return shape.dims().first(static_cast<size_t>(std::max(shape.rank() - 2, 0)));
}

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const Shape& a = layer.inputs[0].desc.shape;
  const Shape& b = layer.inputs[1].desc.shape;
  const int64_t rows = a.rank() == 1 ? 1 : a[a.rank() - 2];
  const int64_t columns = b.rank() == 1 ? 1 : b[b.rank() - 1];
  const int64_t inner = a[a.rank() - 1];
  const int matrix_axes = (a.rank() > 1 ? 1 : 0) + (b.rank() > 1 ? 1 : 0);
  const auto dims = layer.outputs[0].shape.dims();
  const auto batches = dims.first(dims.size() - static_cast<size_t>(matrix_axes));
  const auto a_strides = broadcast_strides(leading(a), batches, rows * inner);
  const auto b_strides = broadcast_strides(leading(b), batches, inner * columns);
  Stack<T> stack{rows, columns, inner, args.outputs[0].data<T>()};
  stack.run(batches, args.inputs[0].data<T>(), a_strides.data(), args.inputs[1].data<T>(), b_strides.data());
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_number(layer.outputs[0].type,
                     [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_matmul_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::matmul, "loop", {only_numbers, run});
}

}  // namespace raceline
