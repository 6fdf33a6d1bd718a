// In which order a session packs constants, and how much memory that takes while it lasts.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "raceline/graph/graph.h"

namespace raceline {

/// Ops in the order in which they are prepared: those with the largest constants first. While it is packed a
/// constant is there twice, so the smaller ones should not be there yet. constant_bytes: one an op.
std::vector<size_t> packing_order(std::span<const size_t> constant_bytes);

/// What a step's kernel makes of its constants.
struct Packing {
  std::vector<ValueId> packed;  ///< not wanted any more once all steps have packed them
  std::vector<ValueId> read;    ///< goes on being read
  size_t packed_bytes = 0;
};

/// The most bytes of constants, packed or not, that are in memory while a session packs them and releases the
/// graph's. A constant counts from when it is first packed on, as one in a file does. (What passes computed
/// is there from the beginning; packed weights are hardly smaller, so that adds about one constant at most.)
size_t packing_peak(const Graph& graph, std::span<const Packing> steps);

}  // namespace raceline
