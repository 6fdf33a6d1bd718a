// Two layers in one model, the second on the result of the first: what a platform saves by joining them, or
// pays between them.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/dataset/spaces.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {

struct LayerPair {
  LayerDesc first, second;  ///< output 0 of the first is operand 0 of the second

  /// Whether an activation gates its own input, x * sigmoid(x) and the like: then operand 1 of the second is
  /// operand 0 of the first.
  bool is_gate() const;
  /// "pair KEY then KEY", by LayerDesc::key(): its name among the names of layers.
  std::string name() const;
  /// The inverse. Throws ParseError: another text, or layers that do not fit.
  static LayerPair parse(std::string_view name);
};

/// Layer types that follow each other in CNNs, by the rules of network_layers(): an activation belongs to the
/// convolution, pooling or product before it and is none of a pair.
struct PairKind {
  std::string_view first, second;
};
std::span<const PairKind> pair_kinds();

/// `count` different pairs of the kind, or as many as that many first layers of Space::raceline give, small
/// to large; both layers are within the caps. The same arguments give the same pairs on every machine.
std::vector<LayerPair> sample_pairs(const PairKind& kind, size_t count, std::span<const PriorLayer> prior,
                                    const SampleOptions& options, SampleReport& report);

}  // namespace raceline
