// What a user of one library gets: for each library that occurs, the best choice in which every layer that
// the library can do is done by it, and the others by whatever is fastest. Solved exactly, so that the
// library is not charged for needless conversions; the best library's answer is given, and its name in the
// note.
#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/search/restrict.h"
#include "raceline/search/strategies/exact.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

size_t at(int index) {
  return static_cast<size_t>(index);
}

/// Which choices belong to a problem that stays in one library.
class Membership {
 public:
  Membership(const SelectionProblem& problem, std::string_view library)
      : problem_(problem),
        library_(library),
        producer_(problem.layers.size()),
        deferred_(problem.layers.size()) {
    for (const ProblemLayer& layer : problem.layers) {
      producer_[own_.size()].resize(layer.choices.front().inputs.size(), {-1, 0});
      own_.push_back(std::ranges::any_of(
          layer.choices, [&](const Choice& choice) { return library_of(choice.primitive) == library; }));
    }
    for (const ProblemTensor& tensor : problem.tensors) {
      for (const Slot& slot : tensor.consumers) producer_[at(slot.layer)][at(slot.slot)] = tensor.producer;
    }
    find_deferred();
  }

  bool keeps(int layer, int index) const {
    const Choice& choice = problem_.layers[at(layer)].choices[at(index)];
    const std::string_view library = library_of(choice.primitive);
    if (library == library_ || library.empty()) return true;
    return !own_[at(layer)] && !takes_deferred(layer, choice);
  }

 private:
  /// A layer that the library can do may be handed on, by a choice of no library, to a fused choice of a
  /// later layer through a private interface. deferred_ holds these interfaces by layer; no other library may
  /// take them up.
  void find_deferred() {
    for (bool more = true; more;) {
      more = false;
      for (int layer = 0; layer < static_cast<int>(own_.size()); ++layer) {
        for (const Choice& choice : problem_.layers[at(layer)].choices) {
          if (!library_of(choice.primitive).empty() || choice.inputs.empty()) continue;
          if (!own_[at(layer)] && !takes_deferred(layer, choice)) continue;
          for (size_t slot = 0; slot < choice.outputs.size(); ++slot) {
            const Offer offer{static_cast<int>(slot), choice.outputs[slot]};
            more = deferred_[at(layer)].insert(offer).second || more;
          }
        }
      }
    }
  }

  bool takes_deferred(int layer, const Choice& choice) const {
    for (size_t slot = 0; slot < choice.inputs.size(); ++slot) {
      const Slot from = producer_[at(layer)][slot];
      if (from.layer >= 0 && deferred_[at(from.layer)].contains({from.slot, choice.inputs[slot]}))
        return true;
    }
    return false;
  }

  using Offer = std::pair<int, int>;  // output slot, interface
  const SelectionProblem& problem_;
  std::string_view library_;
  std::vector<bool> own_;  // whether the library can do the layer
  std::vector<std::vector<Slot>> producer_;
  std::vector<std::set<Offer>> deferred_;
};

class BestSingleLibrary final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    std::set<std::string_view> libraries;
    for (const ProblemLayer& layer : problem.layers) {
      for (const Choice& choice : layer.choices) libraries.insert(library_of(choice.primitive));
    }
    libraries.erase("");
    // Without any library there is one group of choices: all.
    if (libraries.empty()) libraries.insert("");
    SearchAnswer best;
    best.cost_us = impossible;
    int64_t evaluations = 0;
    std::string left_out;
    for (const std::string_view library : libraries) {
      SearchOptions rest = options;
      rest.seconds = std::max(0.0, options.seconds - watch.seconds());
      try {
        const Membership membership(problem, library);
        const RestrictedProblem restricted =
            restrict_choices(problem, [&](int layer, int index) { return membership.keeps(layer, index); });
        SearchAnswer answer = search_exact(restricted.problem, rest);
        evaluations += answer.evaluations;
        if (answer.cost_us < best.cost_us) {
          best = std::move(answer);
          best.choice = restricted.expand(best.choice);
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
