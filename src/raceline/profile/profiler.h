// Measuring: every candidate of every layer, and every conversion, correct first and then timed.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"
#include "raceline/profile/candidates.h"
#include "raceline/profile/cost_table.h"
#include "raceline/profile/store.h"

namespace raceline {

/// How to measure. Each number stands with its reason.
struct ProfileOptions {
  int threads = 1;
  bool pinned = false;
  double max_error = 2e-5;      ///< candidates less accurate than this are not offered; see docs/measuring.md
  int rounds = 12;              ///< interleaved rounds, each giving every candidate still in the race one sample
  double batch_below_us = 10;   ///< shorter calls are repeated inside one sample until it lasts this long
  double drop_factor = 1.5;     ///< a candidate whose best sample exceeds this many times the best of its interface,
                                ///< after 3 rounds, cannot be in the best plan: it is timed no further
  double sentinel_drift = 0.03; ///< rounds in which the fixed sentinel kernel is slower than this are repeated
  double seconds = 0;           ///< budget of all measuring; 0: none
  uint64_t seed = 1;            ///< of data and of the order within rounds
  std::function<bool()> stop;   ///< asked between rounds; true ends the profile and keeps what was measured
  /// Called after each layer: done, all, what is measured now.
  std::function<void(size_t, size_t, const std::string&)> progress;
};

/// What a profile did: counted, never silent.
struct ProfileReport {
  size_t layers = 0;        ///< distinct layers of the graph, fused alternatives and conversions included
  size_t candidates = 0;    ///< pairs of layer and primitive
  size_t from_store = 0;    ///< found, not measured again
  size_t measured = 0;
  std::vector<std::string> failures;  ///< "layer: primitive: why"
  bool complete = true;     ///< false: stopped or out of budget, and the table lacks pairs
  double seconds = 0;
};

/// Fills the table with the costs of all candidates: from the store where it has them, else measured here and
/// saved. Views cost 0 and are not measured.
ProfileReport profile(const CandidateSet& candidates, const PrimitiveRegistry& registry, Device& device, CostStore& store,
                      const ProfileOptions& options, CostTable& table);

}  // namespace raceline
