#include "raceline/profile/conversion_costs.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "raceline/primitive/on_threads.h"

namespace raceline {
namespace {

/// The cheapest known conversions, each looked up once.
class Conversions {
 public:
  Conversions(const CandidateSet& candidates, const CostTable& table)
      : candidates_(candidates), table_(table) {}

  double cost(const TensorDesc& desc, Interface from, Interface to) {
    if (from == to) return 0;
    const std::string key = LayerDesc::reorder(desc, from, to).key();
    const auto [place, is_new] = known_.try_emplace(key, std::numeric_limits<double>::infinity());
    const auto layer = candidates_.layers().find(key);
    if (!is_new || layer == candidates_.layers().end()) return place->second;
    for (const Candidate& candidate : layer->second.candidates) {
      for (const int threads : {0, 1}) {
        const auto cost = table_.find(key, on_threads(candidate.primitive->name(), threads));
        if (cost) place->second = std::min(place->second, cost->us);
      }
    }
    return place->second;
  }

 private:
  const CandidateSet& candidates_;
  const CostTable& table_;
  std::map<std::string, double> known_;
};

}  // namespace

ReplacementCosts::ReplacementCosts(const LayerCandidates& layer, const CandidateSet& candidates,
                                   const CostTable& table)
    : count_(layer.candidates.size()), costs_(count_ * count_, 0) {
  Conversions conversions(candidates, table);
  const auto interface = [](const Candidate& candidate, Layout layout, DataType type) {
    return Interface{candidate.primitive->info().processor, layout, type};
  };
  for (size_t i = 0; i < count_; ++i) {
    for (size_t j = 0; j < count_; ++j) {
      const Candidate& replaced = layer.candidates[i];
      const Candidate& by = layer.candidates[j];
      double& cost = costs_[i * count_ + j];
      for (size_t operand = 0; operand < layer.layer.inputs.size(); ++operand) {
        const OperandDesc& desc = layer.layer.inputs[operand];
        if (!desc.present || desc.constant) continue;
        cost +=
            conversions.cost(desc.desc, interface(replaced, replaced.layouts.inputs[operand], desc.desc.type),
                             interface(by, by.layouts.inputs[operand], desc.desc.type));
      }
      for (size_t slot = 0; slot < layer.layer.outputs.size(); ++slot) {
        const TensorDesc& desc = layer.layer.outputs[slot];
        cost += conversions.cost(desc, interface(by, by.layouts.outputs[slot], desc.type),
                                 interface(replaced, replaced.layouts.outputs[slot], desc.type));
      }
    }
  }
}

}  // namespace raceline
