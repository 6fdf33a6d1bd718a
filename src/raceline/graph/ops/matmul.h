// Parameters of matrix products.
#pragma once

namespace raceline {

/// gemm: alpha * op(A) * op(B) + beta * C with A [M, K] (or [K, M] with trans_a), B [K, N] (or [N, K] with
/// trans_b), C absent or broadcastable to [M, N]. A fully-connected layer is a gemm whose B is constant.
/// Source: ONNX Gemm. The op matmul (batched, broadcasting, NumPy's rules for rank 1) has no parameters.
struct GemmParams {
  float alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
  friend bool operator==(const GemmParams&, const GemmParams&) = default;
};

template <class Visitor>
void visit_fields(GemmParams& p, Visitor&& visit) {
  visit("alpha", p.alpha);
  visit("beta", p.beta);
  visit("trans_a", p.trans_a);
  visit("trans_b", p.trans_b);
}

}  // namespace raceline
