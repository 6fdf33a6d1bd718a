// In-situ correction: what layers take inside the network, learned from whole runs of the plans in question.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "raceline/search/build_problem.h"
#include "raceline/tune/whole_runs.h"

namespace raceline {

/// How to correct. Each number stands with its reason.
struct CorrectOptions {
  int most_solves = 5;  ///< a plan that still changes then is settled by the race
  int rivals = 2;       ///< near-tie plans that are run beside each new optimum
  /// Costs within this share of each other are a tie, when their spread does not say more.
  double near_tie = 0.02;
  double most_noise = 0.1;  ///< however wide the spread
  bool baselines = true;    ///< run the best single library and greedy too: they are chosen among all costs
  std::string strategy = "exact";
  SearchOptions search;
  WholeRunOptions runs;
  std::function<void(const std::string&)> say;  ///< may be empty
};

/// A plan that was run whole.
struct CorrectedPlan {
  Plan plan;  ///< with the costs of before the correction
  std::string signature;
  std::vector<int> choice;  ///< of the problem's layers
};

struct Correction {
  std::vector<CorrectedPlan> plans;  ///< in the order in which they came up; the first is the optimum before
  int solves = 0;
  size_t measured = 0;     ///< of the plans; the others were in the store
  bool settled = false;    ///< the optimum had been run: it stopped changing
  bool complete = true;    ///< false: stopped
  double dispatch_us = 0;  ///< of a step, typically
};

/// Runs the optimum, near-tie rivals, each processor alone where there are two, the best single library and
/// greedy whole, puts what their steps took inside into the table (CostTable::set_inside, and set_scale for
/// what was not run), solves again, and so on until the optimum is a plan that was run. What the store knows
/// of a plan under these conditions is not run again: the same costs and runs give the same answer. The
/// caller holds the TimingLock, or `may_run` gives false, and then it ends where it would have to run
/// something.
Correction correct(const CandidateSet& candidates, CostTable& costs, const RunScene& scene,
                   const CorrectOptions& options, const std::function<bool()>& may_run);

/// Puts all that the store knows of this graph from correcting runs, by the revisions of this registry, into
/// the table. The number of plans that were run.
size_t load_corrections(CostTable& costs, const Graph& graph, const PrimitiveRegistry& registry,
                        const CostStore& store, const RunConditions& conditions);

}  // namespace raceline
