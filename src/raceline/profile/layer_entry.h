// What is known of one candidate of a layer, on so many threads, while the layer is profiled.
#pragma once
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "raceline/primitive/on_threads.h"
#include "raceline/primitive/primitive.h"
#include "raceline/profile/conversion_costs.h"
#include "raceline/profile/cost_table.h"
#include "raceline/profile/layer_run.h"
#include "raceline/profile/store.h"

namespace raceline {

/// Times are infinite while nothing is known.
struct LayerEntry {
  static constexpr double infinite = std::numeric_limits<double>::infinity();
  const Primitive* primitive = nullptr;
  size_t candidate = 0;  ///< index in the layer's candidates
  int threads = 0;       ///< 0: all
  CostRow row;
  double best_us = infinite;
  bool known = false;  ///< the row holds samples, or the candidate is free
  bool failed = false;
  bool counted = false;           ///< in the report, as measured or as from the store
  std::unique_ptr<LayerRun> run;  ///< ready to be timed

  bool is_on_host() const { return primitive->info().processor.kind == DeviceKind::cpu; }
  std::string name() const { return on_threads(primitive->name(), threads); }
  void take(std::vector<double> samples) {
    row.samples_us = std::move(samples);
    best_us = *std::min_element(row.samples_us.begin(), row.samples_us.end());
    known = true;
  }
};

inline bool has_weights(const LayerDesc& layer) {
  return std::any_of(layer.inputs.begin(), layer.inputs.end(),
                     [](const OperandDesc& operand) { return operand.present && operand.constant; });
}

/// Whether running the primitive on the layer costs nothing: a view, or nothing to compute.
inline bool is_free(const Primitive& primitive, const LayerDesc& layer) {
  const auto is_empty = [](const TensorDesc& desc) { return desc.shape.elements() == 0; };
  const Sharing sharing = primitive.sharing(layer);
  return sharing == Sharing::view || sharing == Sharing::gathered ||
         std::all_of(layer.outputs.begin(), layer.outputs.end(), is_empty);
}

/// The time above which a candidate cannot be in the best plan.
double limit_us(const std::vector<LayerEntry>& entries, const ReplacementCosts& replace, size_t index);

/// The statistics of a row that holds samples.
Cost cost_of(const CostRow& row);

}  // namespace raceline
