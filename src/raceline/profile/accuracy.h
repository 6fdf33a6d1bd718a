// Is a primitive's result right? Errors against an fp64 reference; how large they may be says error_bound.h.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "raceline/device/devices.h"
#include "raceline/primitive/registry.h"
#include "raceline/profile/operands.h"

namespace raceline {

/// The layer's outputs, nchw, by the registry's reference primitive: operands of floats are turned to f64 and
/// so are the outputs; other types are computed as they are. Throws UnsupportedError when there is no
/// reference.
std::vector<Tensor> reference_outputs_f64(const PrimitiveRegistry& registry, Device& device,
                                          const LayerDesc& layer, std::span<const Tensor> operands);

/// The largest |got - want| over the largest |want|, or over `usual` where that is larger (the difference
/// itself when both are 0). Any two layouts, and types of the same kind. An element that is NaN or infinite
/// on one side only makes it infinite.
double relative_error(const TensorView& got, const TensorView& want, double usual = 0);

/// How large sums, and sums of products, usually are on operands of these sizes, for layers of so few
/// outputs that all of them may happen to be near 0, where no sum can be held to its own size: the layer on
/// the operands' magnitudes, over sqrt(additions). 0 for other layers.
double usual_size(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                  std::span<const Tensor> operands);

/// What a layer must give on certain operands, whole or at sampled positions.
struct Expected {
  struct Output {
    Tensor whole;                    ///< as reference_outputs_f64 gives it; empty when sampled
    std::vector<int64_t> positions;  ///< sampled: row-major indices into the logical shape, ascending
    std::vector<double> values;      ///< sampled: one a position
    double usual = 0;                ///< usual_size()
  };
  std::vector<Output> outputs;
};

/// How much of a layer is checked.
struct CheckOptions {
  uint64_t seed = 1;
  int threads = 1;
  int64_t samples = 2000;          ///< outputs of a large convolution or gemm that are computed in fp64
  double whole_below_flops = 2e7;  ///< smaller layers, and other ops, are checked whole: 10 ms of plain loops
};

/// Computes the expectation: whole by reference_outputs_f64; for convolutions and gemms above the limit only
/// samples (corners, borders, block tails and random places), each by its definition.
Expected expected_outputs(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                          std::span<const Tensor> operands, const CheckOptions& options = {});

/// What a check found. `why` is empty when an error could be computed; it does not say whether that is small
/// enough.
struct CheckResult {
  double error = std::numeric_limits<double>::infinity();
  std::string why;
  bool broke_off = false;  ///< nothing was wrong but the device: there is no result
};

/// Compares outputs in any layouts with the expectation. Every element must be written: one that is NaN
/// although the expectation is sampled counts as missing, and so does a padded channel of a blocked layout
/// that is not 0.
CheckResult compare_outputs(const Expected& expected, std::span<const TensorView> got);

/// Prepares the primitive for the layer, runs it once on random operands in its layouts, on outputs filled
/// with NaN and a workspace filled with rubbish, and compares. A refusal or failing status is told in `why`.
CheckResult check_primitive(const PrimitiveRegistry& registry, Devices devices, const Primitive& primitive,
                            const LayerDesc& layer, const CheckOptions& options = {});

}  // namespace raceline
