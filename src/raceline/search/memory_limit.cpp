// minimise time(x) subject to weights(x) + largest working bytes(x) <= limit, and total(x) <= limit: see
// docs/limits.md. A node that stays open is split by its answer's working bytes, by the layer in which its
// two answers (above the budget, within it) differ most in weights, or, for total(x) alone, by one choice.
#include "raceline/search/memory_limit.h"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/search/restrict.h"
#include "raceline/search/spend_bytes.h"
#include "raceline/search/strategies/exact.h"
#include "raceline/search/strategies/stopwatch.h"

namespace raceline {
namespace {

constexpr double rounding = 1e-9;  ///< a share of the time: smaller gaps are none
constexpr int most_multipliers = 16;
constexpr int64_t most_nodes = 20'000;
constexpr double closing_seconds = 2;  // for what only the whole choice shows of the least memory

using Allowed = std::vector<std::vector<char>>;  // by layer and choice

struct Found {
  std::vector<int> choice;
  double us = 0;
  int64_t weights = 0, working = 0;
};

struct Node {
  Allowed allowed;
  int64_t low = 0, high = unlimited_bytes;  // of the largest working bytes
  double bound_us = 0;
};

struct CheapestLast {
  bool operator()(const Node& a, const Node& b) const { return a.bound_us > b.bound_us; }
};

using Open = std::priority_queue<Node, std::vector<Node>, CheapestLast>;

/// What is known of a node once it is bounded.
struct Bounded {
  double bound_us = impossible;
  int64_t low = 0;
  std::optional<Found> above, within;  // of the budget
};

}  // namespace

class MemoryLimits::Search {
 public:
  Search(const SelectionProblem& problem, const MemoryModel& model, const SearchOptions& options)
      : problem_(problem), model_(model), options_(options) {
    double most_us = 1;
    for (const ProblemLayer& layer : problem.layers) {
      std::vector<int64_t>& working = working_.emplace_back();
      double most = 0;
      for (const Choice& choice : layer.choices) {
        const size_t at = working.size();
        working.push_back(model.working_bytes.empty() ? choice.workspace_bytes
                                                      : model.working_bytes[working_.size() - 1][at]);
        most = std::max(most, choice.cost_us);
      }
      most_us += most;
    }
    for (const ProblemTensor& tensor : problem.tensors) {
      for (const Conversion& conversion : tensor.conversions) most_us += conversion.cost_us;
    }
    // Weights are whole bytes: all times together are then less than one of them.
    byte_share_ = 0.5 / most_us;
  }

  LimitedAnswer within(int64_t limit) {
    watch_ = Stopwatch();
    evaluations_ = 0;
    const double bound = begin(limit);
    if (!best_) refuse(bound == impossible);
    LimitedAnswer limited{
        .answer = {}, .memory_bytes = best_total_, .weights_bytes = best_->weights, .limit_bytes = limit};
    SearchAnswer& answer = limited.answer;
    answer.choice = best_->choice;
    answer.cost_us = best_->us;
    answer.optimal = bound >= best_->us * (1 - rounding);
    answer.lower_bound_us = answer.optimal ? best_->us : bound;
    answer.evaluations = evaluations_;
    answer.seconds = watch_.seconds();
    return limited;
  }

  LeastMemory least() {
    watch_ = Stopwatch();
    LeastMemory least{.choice = {}, .memory_bytes = unlimited_bytes, .lower_bound_bytes = unlimited_bytes};
    Allowed all = everything();
    const std::optional<Found> lightest = solve(all, byte_share_, 1);
    if (!lightest) throw UnsupportedError("no feasible choice");
    const auto take = [&](const Found& found) {
      if (total(found) >= least.memory_bytes) return;
      least.memory_bytes = total(found);
      least.choice = found.choice;
    };
    take(*lightest);
    // Working bytes grow, weights shrink.
    std::set<int64_t> steps;
    for (const auto& layer : working_) steps.insert(layer.begin(), layer.end());
    const int64_t floor = largest_least(all, unlimited_bytes);
    for (auto step = steps.lower_bound(floor); step != steps.end(); ++step) {
      // What follows works on at least this much, and nothing weighs less than the lightest.
      if (*step + lightest->weights >= least.lower_bound_bytes) break;
      if (out_of_time()) {
        least.lower_bound_bytes = *step + lightest->weights;
        break;
      }
      for (size_t layer = 0; layer < all.size(); ++layer) {
        for (size_t at = 0; at < all[layer].size(); ++at)
          all[layer][at] = working_[layer][at] <= *step ? 1 : 0;
      }
      const std::optional<Found> found = solve(all, byte_share_, 1);
      if (!found) continue;
      least.lower_bound_bytes = std::min(least.lower_bound_bytes, found->weights + found->working);
      take(*found);
    }
    least.lower_bound_bytes = std::min(least.lower_bound_bytes, least.memory_bytes);
    const double seconds = options_.seconds;
    options_.seconds = std::min(seconds, watch_.seconds() + closing_seconds);
    while (least.lower_bound_bytes < least.memory_bytes && !out_of_time()) {
      const double bound = begin((least.lower_bound_bytes + least.memory_bytes - 1) / 2);
      if (best_) {
        take(*best_);
      } else if (bound == impossible) {
        least.lower_bound_bytes = limit_ + 1;
      }
    }
    options_.seconds = seconds;
    return least;
  }

 private:
  /// Searches for the fastest within a limit; the bound of all that fit, impossible when that is nothing.
  double begin(int64_t limit) {
    limit_ = limit;
    best_.reset();
    best_total_ = 0;
    for (const auto& [choice, known] : totals_) offer(known.first);
    return branch();
  }

  bool out_of_time() const { return watch_.seconds() >= options_.seconds; }

  Allowed everything() const {
    Allowed allowed;
    for (const ProblemLayer& layer : problem_.layers) allowed.emplace_back(layer.choices.size(), 1);
    return allowed;
  }

  int64_t weights(size_t layer, size_t choice) const {
    return problem_.layers[layer].choices[choice].weights_bytes;
  }

  /// No choice works on less: for each layer the least that is allowed, of these the largest.
  int64_t largest_least(const Allowed& allowed, int64_t high) const {
    int64_t largest = 0;
    for (size_t layer = 0; layer < allowed.size(); ++layer) {
      int64_t least = unlimited_bytes;
      for (size_t at = 0; at < allowed[layer].size(); ++at) {
        if (allowed[layer][at] != 0 && working_[layer][at] <= high)
          least = std::min(least, working_[layer][at]);
      }
      largest = std::max(largest, least);
    }
    return largest;
  }

  /// The choice of least time_share * time + byte_share * weights; absent when none is feasible. The least
  /// value itself, or what is proven of it, goes to last_bound_.
  std::optional<Found> solve(const Allowed& allowed, double time_share, double byte_share) {
    try {
      RestrictedProblem part = restrict_choices(problem_, [&](int layer, int choice) {
        return allowed[static_cast<size_t>(layer)][static_cast<size_t>(choice)] != 0;
      });
      for (ProblemLayer& layer : part.problem.layers) {
        for (Choice& choice : layer.choices) {
          choice.cost_us =
              time_share * choice.cost_us + byte_share * static_cast<double>(choice.weights_bytes);
        }
      }
      for (ProblemTensor& tensor : part.problem.tensors) {
        for (Conversion& conversion : tensor.conversions) conversion.cost_us *= time_share;
      }
      SearchOptions options = options_;
      options.seconds = std::max(0.05, options_.seconds - watch_.seconds());
      const SearchAnswer answer = search_exact(part.problem, options);
      evaluations_ += answer.evaluations;
      last_bound_ = answer.lower_bound_us;
      return describe(part.expand(answer.choice));
    } catch (const UnsupportedError&) {
      last_bound_ = impossible;
      return std::nullopt;
    }
  }

  Found describe(std::vector<int> choice) const {
    Found found{.choice = std::move(choice)};
    found.us = evaluate(problem_, found.choice).cost_us;
    for (size_t layer = 0; layer < found.choice.size(); ++layer) {
      const auto at = static_cast<size_t>(found.choice[layer]);
      found.weights += weights(layer, at);
      found.working = std::max(found.working, working_[layer][at]);
    }
    return found;
  }

  int64_t total(const Found& found) {
    const auto [place, is_new] = totals_.try_emplace(found.choice, found, 0);
    if (is_new) {
      place->second.second =
          model_.total_bytes ? model_.total_bytes(found.choice) : found.weights + found.working;
    }
    return place->second.second;
  }

  /// Keeps it when it fits and is the fastest so far.
  void offer(const Found& found) {
    if (found.weights + found.working > limit_ || (best_ && found.us >= best_->us)) return;
    const int64_t bytes = total(found);
    if (bytes > limit_) return;
    best_ = found;
    best_total_ = bytes;
  }

  void offer_filled(const Found& found) {
    const int64_t left = limit_ - found.weights - found.working;
    if (left < 0) return;
    std::vector<int> filled = spend_bytes(problem_, working_, found.choice, left, found.working);
    if (filled != found.choice) offer(describe(std::move(filled)));
  }

  /// Bounds a node, offering what is found on the way.
  Bounded bound(Node& node) {
    Bounded bounded;
    bounded.low = std::max(node.low, largest_least(node.allowed, node.high));
    const int64_t budget = limit_ - bounded.low;
    for (size_t layer = 0; layer < node.allowed.size(); ++layer) {
      for (size_t at = 0; at < node.allowed[layer].size(); ++at) {
        if (working_[layer][at] > node.high || weights(layer, at) > budget ||
            model_.least(layer, at) > limit_)
          node.allowed[layer][at] = 0;
      }
    }
    const auto meet = [&](const Found& found) {
      offer(found);
      offer_filled(found);
      (found.weights <= budget ? bounded.within : bounded.above) = found;
    };
    const std::optional<Found> fastest = solve(node.allowed, 1, 0);
    if (!fastest) return bounded;
    bounded.bound_us = last_bound_;
    meet(*fastest);
    if (bounded.within || is_hopeless(bounded.bound_us)) return bounded;
    const std::optional<Found> lightest = solve(node.allowed, byte_share_, 1);
    if (!lightest || lightest->weights > budget) {
      bounded.bound_us = impossible;
      return bounded;
    }
    meet(*lightest);
    for (int round = 0; round < most_multipliers && !out_of_time(); ++round) {
      const Found above = *bounded.above, within = *bounded.within;
      const double per_byte = (within.us - above.us) / static_cast<double>(above.weights - within.weights);
      if (!(per_byte > 0)) break;
      const std::optional<Found> next = solve(node.allowed, 1, per_byte);
      if (!next) break;
      bounded.bound_us = std::max(bounded.bound_us, last_bound_ - per_byte * static_cast<double>(budget));
      if (is_hopeless(bounded.bound_us)) break;
      const auto value = [&](const Found& found) {
        return found.us + per_byte * static_cast<double>(found.weights);
      };
      // Nothing below the line through the two: this is the best multiplier.
      if (value(*next) >= value(within) * (1 - 1e-12)) break;
      meet(*next);
    }
    return bounded;
  }

  bool is_hopeless(double bound_us) const { return best_ && bound_us >= best_->us * (1 - rounding); }

  /// Gives the bound of everything, impossible when that is proven to be nothing.
  double branch() {
    Open open;
    open.push({.allowed = everything()});
    int64_t nodes = 0;
    while (!open.empty()) {
      Node node = open.top();
      if (is_hopeless(node.bound_us)) break;
      // The first node always has its turn.
      if (nodes > 0 && (out_of_time() || nodes >= most_nodes)) return node.bound_us;
      open.pop();
      ++nodes;
      const Bounded bounded = bound(node);
      node.bound_us = std::max(node.bound_us, bounded.bound_us);
      if (node.bound_us == impossible || is_hopeless(node.bound_us)) continue;
      split(std::move(node), bounded, open);
    }
    return best_ ? best_->us : open.empty() ? impossible : open.top().bound_us;
  }

  void split(Node node, const Bounded& bounded, Open& open) const {
    node.low = bounded.low;
    const Found& within = *bounded.within;
    const bool attained = within.us <= bounded.bound_us * (1 + rounding) || !bounded.above;
    if (attained && within.working > node.low && within.weights + within.working > limit_) {
      Node less = node, more = std::move(node);
      less.high = within.working - 1;
      more.low = within.working;
      open.push(std::move(less));
      open.push(std::move(more));
      return;
    }
    size_t layer = 0;
    std::function<bool(size_t)> on_one_side;
    if (!attained) {
      int64_t largest = 0;
      for (size_t at = 0; at < node.allowed.size(); ++at) {
        const int64_t apart = weights(at, static_cast<size_t>(bounded.above->choice[at])) -
                              weights(at, static_cast<size_t>(within.choice[at]));
        if (apart > largest) {
          largest = apart;
          layer = at;
        }
      }
      const int64_t border = weights(layer, static_cast<size_t>(within.choice[layer]));
      on_one_side = [this, layer, border](size_t choice) { return weights(layer, choice) <= border; };
    } else {
      const auto is_open = [](const std::vector<char>& choices) {
        return std::ranges::count(choices, char{1}) > 1;
      };
      const auto found = std::ranges::find_if(node.allowed, is_open);
      if (found == node.allowed.end()) return;  // one choice only, which was looked at
      layer = static_cast<size_t>(found - node.allowed.begin());
      const auto chosen = static_cast<size_t>(within.choice[layer]);
      on_one_side = [chosen](size_t choice) { return choice == chosen; };
    }
    Node one = node, other = std::move(node);
    for (size_t choice = 0; choice < one.allowed[layer].size(); ++choice) {
      (on_one_side(choice) ? other : one).allowed[layer][choice] = 0;
    }
    open.push(std::move(one));
    open.push(std::move(other));
  }

  [[noreturn]] void refuse(bool proven) {
    const int64_t limit = limit_;
    const LeastMemory least = this->least();
    const auto text = [](int64_t bytes) {
      return fmt::format("{} ({} bytes)", human_bytes(static_cast<double>(bytes)), bytes);
    };
    const std::string possible =
        least.lower_bound_bytes == least.memory_bytes
            ? fmt::format("the least that is possible is {}", text(least.memory_bytes))
            : fmt::format("the smallest plan found needs {}, and none can do with less than {}",
                          text(least.memory_bytes), text(least.lower_bound_bytes));
    throw UnsupportedError(fmt::format(
        "no feasible choice {} into {}: {}",
        proven || limit < least.lower_bound_bytes ? "fits" : "was found in the time given that fits",
        text(limit), possible));
  }

  const SelectionProblem& problem_;
  const MemoryModel& model_;
  SearchOptions options_;
  std::vector<std::vector<int64_t>> working_;
  double byte_share_ = 0;
  std::map<std::vector<int>, std::pair<Found, int64_t>> totals_;  // choices whose memory is known
  Stopwatch watch_;
  int64_t limit_ = 0, evaluations_ = 0;
  double last_bound_ = 0;
  std::optional<Found> best_;
  int64_t best_total_ = 0;
};

MemoryLimits::MemoryLimits(const SelectionProblem& problem, const MemoryModel& model,
                           const SearchOptions& options)
    : search_(std::make_unique<Search>(problem, model, options)) {}
MemoryLimits::~MemoryLimits() = default;

LimitedAnswer MemoryLimits::within(int64_t limit_bytes) {
  return search_->within(limit_bytes);
}

LeastMemory MemoryLimits::least() {
  return search_->least();
}

}  // namespace raceline
