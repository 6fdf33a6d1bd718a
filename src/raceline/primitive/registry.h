// The primitives a program knows: an ordinary object, no global. A test fills its own.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Something a registry could have held and does not: a library missing from the build or the machine, an
/// implementation that a library offers and our table does not list.
struct Missing {
  std::string what;  ///< "openblas", "onednn: brgconv:avx10"
  std::string why;   ///< and how to get it
};

class PrimitiveRegistry {
 public:
  struct Refusal {
    const Primitive* primitive;
    std::string why;
  };

  /// Throws Error if the name is taken.
  void add(std::unique_ptr<Primitive> primitive);
  /// From here on, added primitives stem from a source file with this hash; the generated table calls it.
  void set_source(std::string hash) { source_hash_ = std::move(hash); }
  void add_missing(std::string what, std::string why) {
    missing_.push_back({std::move(what), std::move(why)});
  }

  /// Throws UnsupportedError, naming the nearest names.
  const Primitive& at(std::string_view name) const;
  /// nullptr when there is none.
  const Primitive* find(std::string_view name) const;
  std::span<const std::unique_ptr<Primitive>> all() const { return primitives_; }
  std::span<const Missing> missing() const { return missing_; }
  /// Those that can, in the order added; reference primitives come first.
  std::vector<const Primitive*> candidates(const LayerDesc& layer) const;
  /// Those of the layer's op that cannot, with the reason.
  std::vector<Refusal> refusals(const LayerDesc& layer) const;
  /// The reference primitive that computes this layer. Throws UnsupportedError when there is none.
  const Primitive& reference(const LayerDesc& layer) const;

 private:
  std::vector<std::unique_ptr<Primitive>> primitives_;
  std::vector<Missing> missing_;
  std::string source_hash_;
};

/// Which primitives may be chosen: --only and --without. A pattern is a whole name or a part of one that
/// begins and ends at a '.', '@' or '-' ("onednn", "conv2d.onednn", "nhwc", "im2col.nchw"); "*" stands for
/// any characters.
struct PrimitiveFilter {
  std::vector<std::string> only;  ///< empty: all
  std::vector<std::string> without;
  bool admits(std::string_view name) const;
  /// Throws UnsupportedError for a pattern that no primitive of the registry matches, naming the nearest
  /// names.
  void check(const PrimitiveRegistry& registry) const;
};

/// Computes constant layers with the registry's reference primitives: for constant folding.
Evaluator reference_evaluator(const PrimitiveRegistry& registry, Device& device);

}  // namespace raceline
