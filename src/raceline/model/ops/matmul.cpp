// Gemm and MatMul.
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {

void import_gemm(NodeImport& node) {
  GemmParams params;
  params.alpha = node.attribute("alpha", 1.0f);
  params.beta = node.attribute("beta", 1.0f);
  params.trans_a = node.attribute("transA", int64_t{0}) != 0;
  params.trans_b = node.attribute("transB", int64_t{0}) != 0;
  std::vector<ValueId> operands{node.operand(0), node.operand(1)};
  if (node.has(2) && params.beta != 0) operands.push_back(node.operand(2));
  if (operands.size() == 2) params.beta = 1;  // it multiplies nothing
  node.result(OpKind::gemm, params, operands);
}

void import_matmul(NodeImport& node) {
  const ValueId a = node.operand(0);
  const ValueId b = node.operand(1);
  const bool matrices = node.shape(a).rank() == 2 && node.shape(b).rank() == 2;
  // A product with a matrix of weights is a fully-connected layer.
  if (matrices && node.known(b) && is_float(node.desc(a).type)) {
    return node.result(OpKind::gemm, GemmParams{}, {a, b});
  }
  node.result(OpKind::matmul, NoParams{}, {a, b});
}

}  // namespace raceline
