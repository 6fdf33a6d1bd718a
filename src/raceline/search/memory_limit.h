// The fastest plan that needs no more memory than is given, and what each limit costs.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "raceline/search/strategy.h"

namespace raceline {

inline constexpr int64_t unlimited_bytes = int64_t{1} << 62;

/// What a choice needs: the weights of its layers together, and at least what its hungriest layer works on.
struct MemoryModel {
  /// By layer and choice: bytes that are there at once when the layer runs, scratch memory included. Empty:
  /// Choice::workspace_bytes.
  std::vector<std::vector<int64_t>> working_bytes;
  /// By layer and choice: no feasible choice with it needs less in all. Empty: nothing is known.
  std::vector<std::vector<int64_t>> least_bytes;
  int64_t least(size_t layer, size_t choice) const {
    return least_bytes.empty() ? 0 : least_bytes[layer][choice];
  }
  /// All bytes of a choice that is feasible: never below the sum of weights_bytes plus the largest working
  /// bytes. Empty: just that.
  std::function<int64_t(std::span<const int>)> total_bytes;
};

/// An answer with its memory. lower_bound_us bounds all choices within the limit; optimal when no gap is
/// left.
struct LimitedAnswer {
  SearchAnswer answer;
  int64_t memory_bytes = 0;  ///< of the choice
  int64_t weights_bytes = 0;
  int64_t limit_bytes = 0;  ///< that was asked for
};

/// The least memory there is: what was found, and what is proven.
struct LeastMemory {
  std::vector<int> choice;
  int64_t memory_bytes = 0;
  int64_t lower_bound_bytes = 0;  ///< no choice needs less; equal where proven least
};

/// Searches one problem under limits. A branch and bound: each node allows some of the choices and a span of
/// the largest working bytes, and is bounded by Lagrange multipliers over the sum of weights (Everett, 1963),
/// whose inner problem `exact` solves. The problem and the model must outlive it.
class MemoryLimits {
 public:
  /// options: seed, and seconds for each limit.
  MemoryLimits(const SelectionProblem& problem, const MemoryModel& model, const SearchOptions& options);
  ~MemoryLimits();

  /// The fastest choice of at most `limit_bytes`. Throws UnsupportedError naming the least memory that is
  /// possible when there is none, or when none was found in time.
  LimitedAnswer within(int64_t limit_bytes);
  LeastMemory least();
  /// Time against memory: the optimum without limit first, then what is fastest under up to `points` smaller
  /// limits, evenly spaced in the logarithm, down to the least memory found. Each is faster than all that
  /// need less.
  std::vector<LimitedAnswer> pareto(int points);

 private:
  class Search;
  std::unique_ptr<Search> search_;
};

}  // namespace raceline
