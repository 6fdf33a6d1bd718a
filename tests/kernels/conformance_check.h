// Does a primitive keep its promises on a layer? One check for every primitive of every library.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "raceline/primitive/registry.h"
#include "raceline/profile/accuracy.h"

namespace raceline {

/// A broken promise, with all that is needed to see it again.
struct Finding {
  std::string layer, primitive;
  uint64_t seed = 0;
  int threads = 1;
  std::string what;

  std::string to_string() const;
};

/// Collects what was tried and what was found over many layers.
class Conformance {
 public:
  /// Of the primitives that run on this processor, and not of this library.
  explicit Conformance(const PrimitiveRegistry& registry, Devices devices, DeviceId processor = {},
                       std::string without = {})
      : registry_(registry), devices_(devices), processor_(processor), without_(std::move(without)) {}

  bool tries(const Primitive& primitive) const {
    return primitive.info().processor == processor_ && primitive.info().library != without_;
  }
  /// Tries every primitive of the layer's op: supported or refused with a reason; right within its error
  /// bound against the reference in f64 (types that are no floats: equal to it); every output element
  /// written, padded channels zero, nothing written outside of outputs and workspace, operands untouched, two
  /// runs the same bits; and in place or as a view where sharing() says so.
  void check(const LayerDesc& layer, uint64_t seed, int threads);

  const std::vector<Finding>& findings() const { return findings_; }
  const std::set<std::string>& exercised() const { return exercised_; }  ///< names of primitives that ran
  const std::set<std::string>& refusing() const { return refusing_; }    ///< that refused a layer
  int runs() const { return runs_; }

 private:
  void check_primitive(const Primitive& primitive, const LayerDesc& layer, uint64_t seed, int threads);

  const PrimitiveRegistry& registry_;
  Devices devices_;
  DeviceId processor_;
  std::string without_;
  std::vector<Finding> findings_;
  std::set<std::string> exercised_, refusing_;
  int runs_ = 0;
  // Of the layer in hand.
  std::vector<Tensor> operands_;
  Expected expected_;
};

}  // namespace raceline
