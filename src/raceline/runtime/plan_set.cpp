#include "raceline/runtime/plan_set.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

/// Enough to see what a file is for.
constexpr size_t most_named = 20;

}  // namespace

std::string shapes_text(const std::map<std::string, std::string>& shapes) {
  std::vector<std::string> parts;
  for (const auto& [name, shape] : shapes) parts.push_back(fmt::format("{}={}", name, shape));
  return parts.empty() ? "no inputs" : join(parts, " ");
}

const Plan& PlanSet::find(const std::function<bool(const Plan&)>& fits, std::string_view wanted) const {
  const auto found = std::find_if(plans.begin(), plans.end(), fits);
  if (found != plans.end()) return *found;
  std::vector<std::string> there;
  for (const Plan& plan : plans) {
    if (there.size() < most_named) there.push_back(shapes_text(plan.shapes));
  }
  if (plans.size() > most_named) there.push_back(fmt::format("and {} more", plans.size() - most_named));
  throw PlanError(fmt::format("the plan was made for '{}' and does not fit {}; it is for\n  {}",
                              plans.empty() ? "" : plans.front().model, wanted, join(there, "\n  ")));
}

}  // namespace raceline
