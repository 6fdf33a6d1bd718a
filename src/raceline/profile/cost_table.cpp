#include "raceline/profile/cost_table.h"

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

}  // namespace raceline
