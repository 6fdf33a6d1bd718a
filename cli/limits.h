// Limits of a plan, as options, and what they cost, as text.
#pragma once
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/json.h"
#include "raceline/search/limited_search.h"

namespace raceline::cli {

/// --max-memory and --deterministic.
void add_limits(CLI::App& app, PlanLimits& limits);
/// On stdout: the memory of the plan, and its price beside the plan without limits.
void print_limited(const LimitedSearch& found, const PlanLimits& limits);
Json limited_json(const LimitedSearch& found, const PlanLimits& limits);

/// Time against memory, as a table or as CSV.
void print_curve(const std::vector<LimitedAnswer>& points, bool csv);
Json curve_json(const std::vector<LimitedAnswer>& points);

}  // namespace raceline::cli
