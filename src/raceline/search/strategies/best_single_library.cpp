// What a user of one library gets: for each library that occurs, the best choice in which every layer that
// the library can do is done by it, and the others by whatever is fastest. Solved exactly, so that the
// library is not charged for needless conversions; the best library's answer is given, and its name in the
// note.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/search/single_library.h"
#include "raceline/search/strategies/exact.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

class BestSingleLibrary final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    std::vector<std::string> libraries = libraries_of(problem);
    // Without any library there is one group of choices: all.
    if (libraries.empty()) libraries.emplace_back();
    SearchAnswer best;
    best.cost_us = impossible;
    int64_t evaluations = 0;
    std::string left_out;
    for (const std::string& library : libraries) {
      SearchOptions rest = options;
      rest.seconds = std::max(0.0, options.seconds - watch.seconds());
      try {
        SearchAnswer answer = search_library(problem, library, rest);
        evaluations += answer.evaluations;
        if (answer.cost_us < best.cost_us) {
          best = std::move(answer);
          best.note = library;
        }
      } catch (const UnsupportedError&) {
        // Possible for this library alone: its layouts may meet others' without a conversion between them.
        left_out += fmt::format("{}{}", left_out.empty() ? "" : ", ", library);
      }
    }
    if (best.choice.empty() && !problem.layers.empty()) {
      throw UnsupportedError(fmt::format("no feasible choice that stays in one library: {}", left_out));
    }
    if (!left_out.empty()) best.note += fmt::format(" (no feasible choice in {})", left_out);
    // The bound is the library's, not the problem's.
    best.lower_bound_us = 0;
    best.optimal = false;
    best.evaluations = evaluations;
    best.seconds = watch.seconds();
    return best;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_best_single_library() {
  return std::make_unique<BestSingleLibrary>();
}

}  // namespace raceline
