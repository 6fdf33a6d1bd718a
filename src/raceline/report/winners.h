// Which primitives win which layers on a machine, by how much, and how near they come to what it can do.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "raceline/device/peaks.h"
#include "raceline/primitive/registry.h"
#include "raceline/profile/paired_ratio.h"
#include "raceline/profile/store.h"

namespace raceline {

/// The fastest primitive of a layer among those that were measured for it.
struct LayerWinner {
  std::string layer;  ///< key
  std::string cache;  ///< cache state, as in the store
  std::string primitive;
  double us = 0;
  std::string rival;  ///< the fastest primitive of another family; empty if there is none
  /// time(rival) / time(winner): median over rounds with its 95 % confidence interval; 1 if there is no
  /// rival.
  PairedRatio lead;
  bool is_clear = false;  ///< the whole interval lies above the margin
  double library_us = 0;  ///< of the best single library's fastest primitive; 0 where it has none
  double gflops = 0, gbs = 0;
  /// The roofline of the layer's definition (LayerRoofline::direct_us) over the winner's time. Winograd and
  /// FFT may exceed 1.
  double share_of_peak = 0;
};

/// A family: one op, library, algorithm and implementation, in whatever layouts.
struct FamilyRecord {
  std::string family;  ///< "conv2d.onednn.jit.avx2"
  int layers = 0;      ///< on which it was measured
  int wins = 0, clear_wins = 0;
  double best_lead = 1;    ///< among its clear wins
  std::string best_layer;  ///< where
};

struct Winners {
  std::vector<LayerWinner> layers;     ///< sorted by key
  std::vector<FamilyRecord> families;  ///< those that win most first
  /// The library, not our own, that would be fastest alone: the sum over all layers, each by its fastest
  /// primitive of the library, or the slowest measured one where it has none. Empty if none was measured.
  std::string best_library;
};

/// The name of a primitive's family.
std::string family_of(const PrimitiveInfo& info);

/// Judges rows of a store that were measured under equal conditions (device, threads, pinning). Rows of
/// primitives that the registry does not have, or has in another revision, are left out. Ratios are formed by
/// round, so rivals should come from one profile. `margin` is the lead that counts as a clear win.
Winners find_winners(std::span<const CostRow> rows, const PrimitiveRegistry& registry, const Machine& machine,
                     const Peaks& peaks, double margin = 1.03);

}  // namespace raceline
