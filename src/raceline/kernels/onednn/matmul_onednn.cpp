// Matrix products of oneDNN's matmul: batch-reduced GEMM ("brgemm") and plain GEMM, for the op matmul and for
// gemm. A constant second operand is packed. "ref:any" is left out on purpose.
#include <algorithm>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;
using Dims = dnnl::memory::dims;

constexpr Layout plain[] = {Layout::nchw};

constexpr Implementation matmul_rows[] = {
    {"brg:avx512_core", "brgemm", "avx512_core", plain},
    {"gemm:jit", "gemm", "", plain},
};
/// For gemm the names say that it is not an inner product.
constexpr Implementation gemm_rows[] = {
    {"brg:avx512_core", "matmul_brgemm", "avx512_core", plain},
    {"gemm:jit", "matmul_gemm", "", plain},
};

/// C[..., M, N] = A[..., M, K] B[..., K, N] in the library's terms: equal ranks, batches of one or equal.
struct Product {
  dnnl::memory::desc a, b, c;
};

dnnl::memory::desc any_format(const dnnl::memory::desc& desc) {
  return {desc.dims(), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

/// A row-major matrix, or the transpose of one.
dnnl::memory::desc matrix(int64_t rows, int64_t columns, bool transposed) {
  return {{rows, columns},
          dnnl::memory::data_type::f32,
          transposed ? dnnl::memory::format_tag::ba : dnnl::memory::format_tag::ab};
}

Product gemm_product(const LayerDesc& layer) {
  const auto& params = layer.as<GemmParams>();
  const Shape& a = layer.inputs[0].desc.shape;
  const int64_t rows = layer.outputs[0].shape[0];
  const int64_t columns = layer.outputs[0].shape[1];
  const int64_t depth = params.trans_a ? a[0] : a[1];
  return {matrix(rows, depth, params.trans_a), matrix(depth, columns, params.trans_b),
          matrix(rows, columns, false)};
}

Product matmul_product(const LayerDesc& layer) {
  const Shape& a = layer.inputs[0].desc.shape;
  const Shape& b = layer.inputs[1].desc.shape;
  // A vector is a row on the left and a column on the right; the output leaves out the extent of one.
  const int64_t depth = a[a.rank() - 1];
  const int64_t rows = a.rank() == 1 ? 1 : a[a.rank() - 2];
  const int64_t columns = b.rank() == 1 ? 1 : b[b.rank() - 1];
  const int a_batches = std::max(a.rank() - 2, 0);
  const int b_batches = std::max(b.rank() - 2, 0);
  if (b.elements(0, b_batches) == 1) {
    const int64_t all_rows = a.elements(0, a_batches) * rows;
    return {matrix(all_rows, depth, false), matrix(depth, columns, false), matrix(all_rows, columns, false)};
  }
  const int batches = std::max(a_batches, b_batches);
  const auto with_batches = [&](const Shape& shape, int own, int64_t height, int64_t width) {
    Dims dims(static_cast<size_t>(batches - own), 1);
    dims.insert(dims.end(), shape.dims().begin(), shape.dims().begin() + own);
    dims.insert(dims.end(), {height, width});
    return dims;
  };
  const Dims a_dims = with_batches(a, a_batches, rows, depth);
  const Dims b_dims = with_batches(b, b_batches, depth, columns);
  Dims c_dims = a_dims;
  for (size_t axis = 0; axis < static_cast<size_t>(batches); ++axis)
    c_dims[axis] = std::max(a_dims[axis], b_dims[axis]);
  c_dims.back() = columns;
  return {plain_desc(a_dims), plain_desc(b_dims), plain_desc(c_dims)};
}

class OnednnMatmul final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    if (layer.op == OpKind::matmul) return Support::yes();
    const auto& params = layer.as<GemmParams>();
    if (params.alpha != 1) return Support::no("alpha is not 1");
    if (!has_operand(layer, 2)) return Support::yes();
    if (params.beta != 1) return Support::no("beta is not 1");
    const Shape& bias = layer.inputs[2].desc.shape;
    if (bias.elements() == layer.outputs[0].shape[1] && bias.elements() == last_dim(bias))
      return Support::yes();
    return Support::no("C is not one row");
  }

  bool fuses() const override { return true; }

  Question question(const LayerDesc& layer) const override {
    const Product product = layer.op == OpKind::matmul ? matmul_product(layer) : gemm_product(layer);
    const auto b = layer.inputs[1].constant ? any_format(product.b) : product.b;
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, product.a);
    question.add_operand(DNNL_ARG_WEIGHTS, 1, product.b);
    question.add_output(product.c);
    if (layer.op == OpKind::gemm && has_operand(layer, 2)) {
      const auto bias = matrix(1, layer.outputs[0].shape[1], false);
      question.add_operand(DNNL_ARG_BIAS, 2, bias);
      question.offers = offers_of(dnnl::matmul::desc(product.a, b, bias, product.c));
    } else {
      question.offers = offers_of(dnnl::matmul::desc(product.a, b, product.c));
    }
    return question;
  }

 private:
  static int64_t last_dim(const Shape& shape) { return shape.rank() == 0 ? 1 : shape[shape.rank() - 1]; }
};

}  // namespace

void register_matmul_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnMatmul>(registry, OpKind::matmul, matmul_rows);
  add_rows<OnednnMatmul>(registry, OpKind::gemm, gemm_rows);
}

}  // namespace raceline
