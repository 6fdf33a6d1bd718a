// Correct first: whether a candidate's result on a layer is right. What it takes is kept from one candidate
// to the next. Private to this room.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "raceline/primitive/registry.h"
#include "raceline/profile/layer_run.h"

namespace raceline {

class CandidateCheck {
 public:
  CandidateCheck(const PrimitiveRegistry& registry, Devices devices, int threads, double max_error,
                 uint64_t seed);

  /// Empty when the primitive's result is right.
  std::string why_not(const LayerDesc& layer, const Primitive& primitive);
  /// A candidate that was checked, ready to be timed; nothing when its result is not right. Valid until the
  /// layer is forgotten.
  std::unique_ptr<LayerRun> ready(const LayerDesc& layer, const Primitive& primitive);
  void forget(const LayerDesc& layer) { known_.erase(layer.key()); }
  Queue& queue_of(const Primitive& primitive) { return queues_.on(primitive.info().processor); }

 private:
  struct Known {
    LayerDesc layer;
    LayerBuffers buffers;
    Expected expected;
  };
  Known& know(const LayerDesc& layer);
  std::unique_ptr<LayerRun> check(const LayerDesc& layer, const Primitive& primitive, std::string& why);

  const PrimitiveRegistry& registry_;
  Devices devices_;
  int threads_;
  double max_error_;
  uint64_t seed_;
  Queues queues_;
  std::map<std::string, std::unique_ptr<Known>> known_;  // by layer key
};

}  // namespace raceline
