// The part of an epilogue that a kernel can compute on its results while they are in registers.
#pragma once
#include <limits>
#include <optional>
#include <vector>

#include "raceline/graph/layer_desc.h"
#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// A residual, then bounds. Absent when the epilogue is something else.
struct FusedEpilogue {
  bool adds = false;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  static std::optional<FusedEpilogue> of(const std::vector<EpilogueStep>& steps) {
    FusedEpilogue fused;
    size_t at = 0;
    if (at < steps.size() && steps[at].kind == EpilogueStep::Kind::add) {
      fused.adds = true;
      ++at;
    }
    if (at < steps.size() && steps[at].kind == EpilogueStep::Kind::unary) {
      const UnaryParams& unary = steps[at].unary;
      if (unary.kind == UnaryKind::relu) {
        fused.low = 0;
        ++at;
      } else if (unary.kind == UnaryKind::clip && unary.alpha <= 0 && unary.beta >= 0) {
        // Other bounds would change the zeros in padded channels.
        fused.low = unary.alpha;
        fused.high = unary.beta;
        ++at;
      }
    }
    if (at != steps.size()) return std::nullopt;
    return fused;
  }
};

/// What is done to outputs before they are stored. NaN stays.
template <int lanes>
RACELINE_INLINE void bound(Vec<lanes>& value, float low, float high) {
  const Vec<lanes> lowest = low - Vec<lanes>{}, highest = high - Vec<lanes>{};
  value = value < lowest ? lowest : value;
  value = value > highest ? highest : value;
}

}  // namespace raceline
