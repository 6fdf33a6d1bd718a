#include "raceline/profile/cost_table.h"

#include "raceline/primitive/on_threads.h"

namespace raceline {

void CostTable::set(const std::string& layer, const std::string& primitive, const Cost& cost) {
  failures_.erase({layer, primitive});
  costs_[{layer, primitive}] = cost;
}

void CostTable::set_failure(const std::string& layer, const std::string& primitive, std::string why) {
  costs_.erase({layer, primitive});
  failures_[{layer, primitive}] = std::move(why);
}

std::optional<Cost> CostTable::find(std::string_view layer, std::string_view primitive) const {
  const auto found = costs_.find({std::string(layer), std::string(primitive)});
  if (found == costs_.end()) return std::nullopt;
  return found->second;
}

std::string_view CostTable::failure(std::string_view layer, std::string_view primitive) const {
  const auto found = failures_.find({std::string(layer), std::string(primitive)});
  return found == failures_.end() ? std::string_view{} : std::string_view{found->second};
}

void CostTable::set_inside(const std::string& place, const std::string& layer, const std::string& primitive,
                           const Cost& cost) {
  Cost& kept = inside_[{place, layer, primitive}];
  kept = cost;
  kept.source = CostSource::inside;
}

void CostTable::set_scale(const std::string& place, std::string_view processor, double scale) {
  scales_[{place, std::string(processor)}] = scale;
}

std::optional<Cost> CostTable::find_at(const std::string& place, const std::string& layer,
                                       const std::string& primitive) const {
  if (const auto inside = inside_.find({place, layer, primitive}); inside != inside_.end())
    return inside->second;
  std::optional<Cost> cost = find(layer, primitive);
  const auto scale = scales_.find({place, std::string(processor_of(primitive))});
  if (!cost || scale == scales_.end()) return cost;
  for (double* us : {&cost->us, &cost->median_us, &cost->spread_us}) *us *= scale->second;
  cost->source = CostSource::inferred;
  return cost;
}

}  // namespace raceline
