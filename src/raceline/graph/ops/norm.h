// Parameters of normalisation and softmax.
#pragma once
#include <cstdint>

namespace raceline {

/// batch_norm at inference. Operands: x [N, C, ...], scale, bias, mean, variance, each [C].
struct BatchNormParams {
  float epsilon = 1e-5f;
  friend bool operator==(const BatchNormParams&, const BatchNormParams&) = default;
};

/// lrn across channels: x / (bias + alpha / size * sum of squares over size channels)^beta. Source: ONNX LRN.
struct LrnParams {
  int64_t size = 5;
  float alpha = 1e-4f, beta = 0.75f, bias = 1;
  friend bool operator==(const LrnParams&, const LrnParams&) = default;
};

/// softmax, or its logarithm, over axes [first_axis, end_axis) taken as one. ONNX opset 13 and later has
/// end_axis = first_axis + 1; earlier opsets run to the last axis.
struct SoftmaxParams {
  int64_t first_axis = 0, end_axis = 1;
  bool log = false;
  friend bool operator==(const SoftmaxParams&, const SoftmaxParams&) = default;
};

template <class Visitor>
void visit_fields(BatchNormParams& p, Visitor&& visit) {
  visit("epsilon", p.epsilon);
}

template <class Visitor>
void visit_fields(LrnParams& p, Visitor&& visit) {
  visit("size", p.size);
  visit("alpha", p.alpha);
  visit("beta", p.beta);
  visit("bias", p.bias);
}

template <class Visitor>
void visit_fields(SoftmaxParams& p, Visitor&& visit) {
  visit("first_axis", p.first_axis);
  visit("end_axis", p.end_axis);
  visit("log", p.log);
}

}  // namespace raceline
