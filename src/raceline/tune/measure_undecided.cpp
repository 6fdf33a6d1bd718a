#include "raceline/tune/measure_undecided.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/layer_entry.h"
#include "raceline/search/build_problem.h"
#include "raceline/tune/whole_runs.h"

namespace raceline {
namespace {

bool is_known(const CostTable& table, const CostTable::Key& pair) {
  return table.find(pair.first, pair.second) || !table.failure(pair.first, pair.second).empty();
}

/// One decision: what is known, and what is hoped of the rest.
class Deciding {
 public:
  Deciding(const Graph& graph, const CandidateSet& candidates, const CostIntervals& predicted,
           const UndecidedOptions& options, CostTable& table)
      : graph_(graph),
        candidates_(candidates),
        predicted_(predicted),
        options_(options),
        known_(table),
        hopeful_(table) {
    for (const auto& [key, layer] : candidates.layers()) {
      for (const Candidate& candidate : layer.candidates) {
        if (!is_free(*candidate.primitive, layer.layer)) hope({key, candidate.primitive->name()});
      }
    }
  }

  UndecidedReport run(const MeasurePairs& measure) {
    while (true) {
      const GraphProblem built = build_problem(graph_, candidates_, hopeful_);
      const SearchAnswer answer = make_strategy("exact")->search(built.problem, options_.search);
      report_.bound_us = answer.lower_bound_us;
      Pairs open = open_pairs(built, answer);
      report_.cost_us = open.empty() ? answer.cost_us : known_optimum_us().value_or(0);
      const size_t undecided = open.size();
      const bool is_optimum =
          open.empty() ||
          (report_.cost_us > 0 && report_.cost_us <= (1 + options_.tolerance) * report_.bound_us);
      report_.spent = !is_optimum && report_.cost_us > 0 && !keep_affordable(open);
      say(is_optimum ? 0 : undecided);
      if (is_optimum && widen()) continue;
      report_.decided = is_optimum || report_.spent;
      if (report_.decided) return report_;
      measure(open, known_);
      if (!std::all_of(open.begin(), open.end(), [&](const auto& pair) { return is_known(known_, pair); }))
        return report_;
      learn();
      report_.asked += open.size();
      ++report_.rounds;
    }
  }

 private:
  /// Puts the least that a pair may cost into the hopeful costs, where it is not known.
  void hope(const CostTable::Key& pair) {
    ++report_.pairs;
    if (is_known(known_, pair)) {
      ++report_.known;
      return;
    }
    report_.unpredicted += predicted_.contains(pair) ? 0 : 1;
    unknown_.push_back(pair);
    expect_least(pair);
  }

  void expect_least(const CostTable::Key& pair) {
    hopeful_.set(pair.first, pair.second, {.us = least_us(pair), .source = CostSource::predicted});
  }

  /// The low end of its interval, as wide as intervals are now.
  double least_us(const CostTable::Key& pair) const {
    const auto found = predicted_.find(pair);
    if (found == predicted_.end()) return 0;
    const CostInterval& interval = found->second;
    if (report_.width == 1 || interval.us <= 0) return interval.low_us;
    return interval.us * std::pow(interval.low_us / interval.us, report_.width);
  }

  /// Where they are more than may still be measured, leaves those that promise most: whose predicted time is
  /// farthest above what they may cost. False when none may be.
  bool keep_affordable(Pairs& open) const {
    const auto all = static_cast<double>(report_.pairs - report_.known);
    const auto most = static_cast<size_t>(options_.most_share * all);
    const size_t left = most > report_.asked ? most - report_.asked : 0;
    if (open.size() <= left) return true;
    std::vector<std::pair<double, CostTable::Key>> promises;
    for (const CostTable::Key& pair : open) {
      const auto found = predicted_.find(pair);
      const double promise_us = found == predicted_.end() ? std::numeric_limits<double>::infinity()
                                                          : found->second.us - least_us(pair);
      promises.emplace_back(-promise_us, pair);
    }
    std::ranges::sort(promises);
    promises.resize(left);
    open.clear();
    for (auto& [promise, pair] : promises) open.insert(std::move(pair));
    return !open.empty();
  }

  /// Makes intervals wider, where few were measured so far; false where that is all.
  bool widen() {
    if (report_.asked >= options_.least_asked || report_.width >= options_.most_width) return false;
    report_.width *= 2;
    for (const CostTable::Key& pair : unknown_) {
      if (!is_known(known_, pair)) expect_least(pair);
    }
    return true;
  }

  /// What the optimum uses and nobody measured.
  Pairs open_pairs(const GraphProblem& built, const SearchAnswer& answer) const {
    Pairs open;
    for (const CostTable::Key& pair :
         pairs_of(make_plan(graph_, built, answer, candidates_, hopeful_), graph_)) {
      if (!is_known(known_, pair)) open.insert(pair);
    }
    return open;
  }

  /// The best plan of what was measured; nothing while there is a layer without a cost.
  std::optional<double> known_optimum_us() const {
    if (report_.rounds == 0) return std::nullopt;
    try {
      return make_strategy("exact")
          ->search(build_problem(graph_, candidates_, known_).problem, options_.search)
          .cost_us;
    } catch (const UnsupportedError&) {
      return std::nullopt;
    }
  }

  /// A measurement stands in the place of a hope, and a failure too.
  void learn() {
    for (const auto& [pair, cost] : known_.costs()) hopeful_.set(pair.first, pair.second, cost);
    for (const auto& [pair, why] : known_.failures()) hopeful_.set_failure(pair.first, pair.second, why);
  }

  void say(size_t open) const {
    if (!options_.say) return;
    options_.say(fmt::format("round {}: at least {:.3f} ms; {}; {} pairs undecided", report_.rounds + 1,
                             report_.bound_us * 1e-3,
                             report_.cost_us > 0 ? fmt::format("{:.3f} ms measured", report_.cost_us * 1e-3)
                                                 : "no plan measured yet",
                             open));
  }

  const Graph& graph_;
  const CandidateSet& candidates_;
  const CostIntervals& predicted_;
  const UndecidedOptions& options_;
  CostTable& known_;
  CostTable hopeful_;
  std::vector<CostTable::Key> unknown_;
  UndecidedReport report_;
};

}  // namespace

UndecidedReport measure_undecided(const Graph& graph, const CandidateSet& candidates,
                                  const CostIntervals& predicted, const MeasurePairs& measure,
                                  const UndecidedOptions& options, CostTable& table) {
  return Deciding(graph, candidates, predicted, options, table).run(measure);
}

}  // namespace raceline
