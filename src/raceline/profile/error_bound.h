// How large may a primitive's error against an fp64 reference be?
#pragma once
#include "raceline/primitive/primitive.h"

namespace raceline {

/// c of the common bound c * sqrt(additions) * 2^-24. Rounding errors of a sum of n terms of random signs
/// grow like sqrt(n) (Higham and Mary 2019); direct and GEMM kernels were measured at c = 1 and below on the
/// layers of MobileNet, SqueezeNet and VGG, and a kernel that misses a term or rounds its operands to 16 bits
/// lies far above 4.
inline constexpr double rounding_constant = 4;

/// How many roundings stand behind one output: terms of its longest sum, and those of function evaluations.
double additions(const LayerDesc& layer);

/// Whether results are sums of products: convolutions of all kinds, gemm and matmul.
bool sums_products(OpKind op);

/// What rounding a result of the largest size to its type may change, as a share of it: half a unit in the
/// last place of f16 and bf16; 0 for other types, whose roundings error_bound() counts.
double storing_error(DataType type);

/// Largest error allowed: the primitive's own bound where it has one, otherwise the common one, to which
/// 16-bit floats add the rounding of the stored result; 0 for layers that only move data.
double error_bound(const Primitive& primitive, const LayerDesc& layer);

/// What a user who wants errors of `max_error` at most can have: a result of 16 bits is no nearer than its
/// type allows.
double wanted_error(const LayerDesc& layer, double max_error);

/// Largest error with which a primitive may be chosen: its bound, or what is wanted where that is less.
double allowed_error(const Primitive& primitive, const LayerDesc& layer, double max_error);

}  // namespace raceline
