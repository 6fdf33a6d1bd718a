// Elementwise functions on spans of f32, vectorised for the instruction set at hand.
#pragma once
#include <cstdint>

#include "raceline/graph/ops/elementwise.h"

namespace raceline {

/// y[i] = f(x[i]) for i in [0, count); y may be x.
void unary_span(const UnaryParams& params, const float* x, float* y, int64_t count);

/// Which operand of binary_span is one number.
enum class Repeat : uint8_t { none, first, second };

/// Whether binary_span computes this kind: those that keep the operands' type.
bool has_binary_span(BinaryKind kind);
/// y[i] = f(a[i], b[i]); the repeated operand is read at 0 only. y may be a or b.
void binary_span(BinaryKind kind, Repeat repeat, const float* a, const float* b, float* y, int64_t count);

/// Rows of `width` elements that lie next to each other, each with the same `width` elements of b:
/// y[r][i] = f(a[r][i], b[i]), or f(b[i], a[r][i]) when swapped.
void binary_rows(BinaryKind kind, bool swapped, const float* a, const float* b, float* y, int64_t rows,
                 int64_t width);

/// y[i] = max(y[i] + b[i], 0).
void add_relu_span(const float* b, float* y, int64_t count);

/// Whether f(0) is 0, so that the zeros in padded channels stay.
bool keeps_zero(const UnaryParams& params);

}  // namespace raceline
