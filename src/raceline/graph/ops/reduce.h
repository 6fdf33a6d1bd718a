// Parameters of ops that make few elements of many: reductions, extremes and their places, running sums.
#pragma once
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace raceline {

enum class ReduceKind : uint8_t {
  sum,
  mean,
  prod,
  max,
  min,
  l1,           ///< sum of |x|
  l2,           ///< square root of the sum of x^2
  sum_square,   ///< sum of x^2
  log_sum,      ///< log(sum of x)
  log_sum_exp,  ///< log(sum of exp(x))
};

std::string_view to_string(ReduceKind kind);
/// Throws ParseError.
ReduceKind parse_reduce_kind(std::string_view text);

/// reduce over axes, each of which becomes 1 (keep_dims) or is left out. No axes stands for all. Of no
/// elements: 0, and 1 for prod, the lowest number of the type for max and the largest for min (infinite for
/// floats), NaN for the mean of floats. Integers wrap around; bool has max and min only. Source: ONNX
/// ReduceSum and its relatives.
struct ReduceParams {
  ReduceKind kind = ReduceKind::sum;
  std::vector<int64_t> axes;
  bool keep_dims = true;
  friend bool operator==(const ReduceParams&, const ReduceParams&) = default;
};

/// arg_reduce: where along the axis the largest element is (the smallest with `smallest`), as i64; of equal
/// ones the first (the last with `last`). NaN is larger than any number. Source: ONNX ArgMax, ArgMin.
struct ArgReduceParams {
  int64_t axis = 0;
  bool smallest = false;
  bool last = false;
  bool keep_dims = true;
  friend bool operator==(const ArgReduceParams&, const ArgReduceParams&) = default;
};

/// top_k: the k largest (or smallest) elements along the axis in order, and where they are (i64). Of equal
/// ones the first comes first; NaN is larger than any number. Source: ONNX TopK.
struct TopKParams {
  int64_t k = 1;
  int64_t axis = 0;
  bool smallest = false;
  friend bool operator==(const TopKParams&, const TopKParams&) = default;
};

/// cum_sum: sums of all elements up to each along the axis, itself left out with `exclusive`; from the end
/// with `reverse`. Source: ONNX CumSum.
struct CumSumParams {
  int64_t axis = 0;
  bool exclusive = false;
  bool reverse = false;
  friend bool operator==(const CumSumParams&, const CumSumParams&) = default;
};

template <class Visitor>
void visit_fields(ReduceParams& p, Visitor&& visit) {
  visit("kind", p.kind);
  visit("axes", p.axes);
  visit("keep_dims", p.keep_dims);
}
template <class Visitor>
void visit_fields(ArgReduceParams& p, Visitor&& visit) {
  visit("axis", p.axis);
  visit("smallest", p.smallest);
  visit("last", p.last);
  visit("keep_dims", p.keep_dims);
}
template <class Visitor>
void visit_fields(TopKParams& p, Visitor&& visit) {
  visit("k", p.k);
  visit("axis", p.axis);
  visit("smallest", p.smallest);
}
template <class Visitor>
void visit_fields(CumSumParams& p, Visitor&& visit) {
  visit("axis", p.axis);
  visit("exclusive", p.exclusive);
  visit("reverse", p.reverse);
}

}  // namespace raceline
