// The plans of one model for several bindings of its open shapes: what a plan file holds.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/runtime/plan.h"

namespace raceline {

struct PlanSet {
  std::vector<Plan> plans;  ///< each of other shapes, or for another graph

  bool empty() const { return plans.empty(); }
  /// The first plan that `fits`. Throws PlanError naming the shapes that there are plans for; `wanted` says
  /// in its text what was looked for.
  const Plan& find(const std::function<bool(const Plan&)>& fits, std::string_view wanted) const;
  /// A single plan is written as Plan::to_json() does, several as "raceline-plan/2": a list of such plans.
  /// Throws PlanError when there is none.
  std::string to_json() const;
  /// Reads both. Throws ParseError with the place named.
  static PlanSet from_json(std::string_view text);
  friend bool operator==(const PlanSet&, const PlanSet&) = default;
};

/// "x=1x3x224x224 mask=4:i64".
std::string shapes_text(const std::map<std::string, std::string>& shapes);

}  // namespace raceline
