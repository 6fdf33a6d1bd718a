// Measuring only what predictions leave undecided.
//
// As in lazy search of shortest paths (Dellin and Srinivasa 2016): whatever was not measured counts as the
// least that its interval allows; the optimum of these hopeful costs is found, exactly, and those of its
// pairs that were not measured are. That is repeated until the optimum is made of measured pairs alone:
// nothing that was left out could have been better, unless it costs less than its interval says. Where
// intervals are wrong a better pair is missed; so what is allowed to be measured and was not yet is spent on
// wider intervals. A pair that was not measured, and with that checked, is never chosen.
#pragma once
#include <functional>
#include <set>
#include <string>

#include "raceline/profile/candidates.h"
#include "raceline/profile/cost_interval.h"
#include "raceline/search/strategy.h"

namespace raceline {

using Pairs = std::set<CostTable::Key>;  ///< of a layer's key and a primitive's name

/// Measures these pairs, or looks them up: the table then has a cost or a failure of each, unless stopped.
using MeasurePairs = std::function<void(const Pairs& pairs, CostTable& table)>;

struct UndecidedOptions {
  /// Ends as soon as the best plan of measured pairs is proven to cost at most this share more than the
  /// optimum of the hopeful costs.
  double tolerance = 0.01;
  /// Of the pairs, measured at most, once there is a plan of measured ones: the last of them are those that
  /// promise most, and then it ends.
  double most_share = 1;
  /// While fewer than `least_asked` were measured, intervals that decided all are made twice as wide (on the
  /// logarithm), until they are `most_width` times as wide as given.
  size_t least_asked = 0;
  int most_width = 64;
  SearchOptions search;
  std::function<void(const std::string&)> say;  ///< a line for people after each round; may be empty
};

struct UndecidedReport {
  size_t pairs = 0;        ///< of layer and primitive, all but those that cost nothing
  size_t known = 0;        ///< of these, in the table before (or known to fail)
  size_t unpredicted = 0;  ///< neither known nor predicted
  size_t asked = 0;        ///< given to MeasurePairs
  int rounds = 0;          ///< of solving and asking
  double cost_us = 0;      ///< the optimum over what is known in the end
  double bound_us = 0;     ///< no plan costs less, if no pair costs less than its interval says
  bool decided = false;    ///< false: stopped; there may be layers without a cost
  bool spent = false;      ///< it ended at most_share, with pairs left that might be better
  int width = 1;           ///< intervals were so many times as wide in the end

  /// Share of the pairs that would have been measured without predictions; 0 where there were none.
  double asked_share() const {
    return pairs > known ? static_cast<double>(asked) / static_cast<double>(pairs - known) : 0;
  }
};

/// Fills the table, which holds what is known already (what costs nothing included), by `measure`. Pairs
/// without an interval count as if they cost nothing, and so are measured wherever they can be part of a
/// plan.
UndecidedReport measure_undecided(const Graph& graph, const CandidateSet& candidates,
                                  const CostIntervals& predicted, const MeasurePairs& measure,
                                  const UndecidedOptions& options, CostTable& table);

}  // namespace raceline
