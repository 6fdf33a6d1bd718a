// A very rough idea of how long a layer takes, before anything is measured.
#pragma once
#include "raceline/graph/layer_desc.h"

namespace raceline {

/// The roofline of one core at half its peak. It orders layers, fills strata and keeps the hopelessly large
/// ones out; no label and no cost depends on it.
struct RoughMachine {
  double flops_per_us = 50'000;  ///< 50 GFLOP/s
  double bytes_per_us = 10'000;  ///< 10 GB/s
  double overhead_us = 3;
  double expected_us(const LayerDesc& layer) const;
  bool is_compute_bound(const LayerDesc& layer) const;
};

}  // namespace raceline
