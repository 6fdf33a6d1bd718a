// Nets of predictors, run by Raceline itself.
#pragma once
#include "raceline/device/device.h"
#include "raceline/predict/latency_model.h"
#include "raceline/runtime/plan.h"

namespace raceline {

struct NetEngineOptions {
  /// Makes the plans. Empty: reference primitives.
  std::function<Plan(const Graph&)> planner = {};
  int threads = 1;
};

/// An engine on these primitives, which with the device must outlive it and its runners. Rows are run in
/// batches of 64, the rest in smaller ones, each made when it is first wanted.
Engine net_engine(const PrimitiveRegistry& registry, Device& device, NetEngineOptions options = {});

}  // namespace raceline
