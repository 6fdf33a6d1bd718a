// Shape rules of gemm and matmul. Source: ONNX Gemm and MatMul (NumPy's matmul).
#include "raceline/graph/ops/matmul.h"

#include <fmt/format.h>

#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

std::vector<TensorDesc> infer_gemm(const OpParams& params, Operands operands) {
  const auto& p = as<GemmParams>(params);
  const TensorDesc& a = operand(operands, 0, "A");
  const TensorDesc& b = operand(operands, 1, "B");
  want_not_nan(p.alpha, "alpha");
  want_not_nan(p.beta, "beta");
  want_number(a, "A");
  want_same_type(b, "B", a);
  want_rank(a, "A", 2, 2);
  want_rank(b, "B", 2, 2);
  const int64_t inner_a = a.shape[p.trans_a ? 0 : 1];
  const int64_t inner_b = b.shape[p.trans_b ? 1 : 0];
  if (inner_a != inner_b) {
    refuse(fmt::format("A {}{} and B {}{} do not fit: {} against {}", a.to_string(),
                       p.trans_a ? " transposed" : "", b.to_string(), p.trans_b ? " transposed" : "", inner_a,
                       inner_b));
  }
  const Shape result{a.shape[p.trans_a ? 1 : 0], b.shape[p.trans_b ? 0 : 1]};
  if (const TensorDesc* c = optional_operand(operands, 2)) {
    want_same_type(*c, "C", a);
    if (!broadcasts_to(c->shape, result)) {
      refuse(
          fmt::format("C is {}; a shape that broadcasts to {} wanted", c->to_string(), result.to_string()));
    }
  }
  return {{a.type, result}};
}

double flops_gemm(const OpParams& params, Operands operands, std::span<const TensorDesc> outputs) {
  const auto inner = static_cast<double>(operands[0]->shape[as<GemmParams>(params).trans_a ? 0 : 1]);
  const auto results = static_cast<double>(outputs[0].shape.elements());
  return results * (2 * inner + (optional_operand(operands, 2) != nullptr ? 1 : 0));
}

std::vector<TensorDesc> infer_matmul(const OpParams&, Operands operands) {
  const TensorDesc& a = operand(operands, 0, "A");
  const TensorDesc& b = operand(operands, 1, "B");
  want_number(a, "A");
  want_same_type(b, "B", a);
  want_rank(a, "A", 1, Shape::max_rank);
  want_rank(b, "B", 1, Shape::max_rank);
  const int rank_a = a.shape.rank();
  const int rank_b = b.shape.rank();
  const int64_t inner_a = a.shape[rank_a - 1];
  const int64_t inner_b = b.shape[rank_b == 1 ? 0 : rank_b - 2];
  if (inner_a != inner_b) {
    refuse(fmt::format("A {} and B {} do not fit: {} against {}", a.to_string(), b.to_string(), inner_a,
                       inner_b));
  }
  const auto batch = [](const Shape& shape) {
    const auto dims = shape.dims();
    return Shape(dims.first(dims.size() < 2 ? 0 : dims.size() - 2));
  };
  const Shape batches = broadcast(batch(a.shape), batch(b.shape));
  std::vector<int64_t> dims(batches.dims().begin(), batches.dims().end());
  if (rank_a > 1) dims.push_back(a.shape[rank_a - 2]);
  if (rank_b > 1) dims.push_back(b.shape[rank_b - 1]);
  return {{a.type, Shape(dims)}};
}

double flops_matmul(const OpParams&, Operands operands, std::span<const TensorDesc> outputs) {
  const Shape& a = operands[0]->shape;
  return 2 * static_cast<double>(outputs[0].shape.elements()) * static_cast<double>(a[a.rank() - 1]);
}

}  // namespace

void rules::add_matmul_ops(std::vector<OpInfo>& table) {
  table.push_back({OpKind::gemm, "gemm", GemmParams{}, 2, 3, keep_params, infer_gemm, flops_gemm});
  table.push_back({OpKind::matmul, "matmul", NoParams{}, 2, 2, keep_params, infer_matmul, flops_matmul});
}

}  // namespace raceline
