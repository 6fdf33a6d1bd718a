#include "raceline/search/single_library.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/search/strategies/exact.h"

namespace raceline {
namespace {

size_t at(int index) {
  return static_cast<size_t>(index);
}

/// Which choices belong to a problem that stays within a set of primitives.
class Membership {
 public:
  Membership(const SelectionProblem& problem, const PrimitiveTest& own, const PrimitiveTest& other)
      : problem_(problem),
        own_(own),
        other_(other),
        producer_(problem.layers.size()),
        deferred_(problem.layers.size()) {
    for (const ProblemLayer& layer : problem.layers) {
      producer_[owned_.size()].resize(layer.choices.front().inputs.size(), {-1, 0});
      owned_.push_back(std::ranges::any_of(
          layer.choices, [&](const Choice& choice) { return runs(choice) && own_(choice.primitive); }));
    }
    for (const ProblemTensor& tensor : problem.tensors) {
      for (const Slot& slot : tensor.consumers) producer_[at(slot.layer)][at(slot.slot)] = tensor.producer;
    }
    find_deferred();
  }

  bool keeps(int layer, int index) const {
    const Choice& choice = problem_.layers[at(layer)].choices[at(index)];
    if (!runs(choice) || own_(choice.primitive)) return true;
    return !owned_[at(layer)] && other_(choice.primitive) && !takes_deferred(layer, choice);
  }

 private:
  static bool runs(const Choice& choice) { return !library_of(choice.primitive).empty(); }

  /// A layer that the set can do may be handed on, by a choice that runs nothing, to a fused choice of a
  /// later layer through a private interface. deferred_ holds these interfaces by layer; no other primitive
  /// may take them up.
  void find_deferred() {
    for (bool more = true; more;) {
      more = false;
      for (int layer = 0; layer < static_cast<int>(owned_.size()); ++layer) {
        for (const Choice& choice : problem_.layers[at(layer)].choices) {
          if (runs(choice) || choice.inputs.empty()) continue;
          if (!owned_[at(layer)] && !takes_deferred(layer, choice)) continue;
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
  const PrimitiveTest& own_;
  const PrimitiveTest& other_;
  std::vector<bool> owned_;  // whether the set can do the layer
  std::vector<std::vector<Slot>> producer_;
  std::vector<std::set<Offer>> deferred_;
};

/// The names of all primitives that occur.
std::set<std::string_view> primitives_of(const SelectionProblem& problem) {
  std::set<std::string_view> names;
  for (const ProblemLayer& layer : problem.layers) {
    for (const Choice& choice : layer.choices) names.insert(choice.primitive);
  }
  return names;
}

SearchAnswer search_within(const SelectionProblem& problem, const PrimitiveTest& own,
                           const PrimitiveTest& other, const SearchOptions& options) {
  const RestrictedProblem restricted = stay_within(problem, own, other);
  SearchAnswer answer = search_exact(restricted.problem, options);
  answer.choice = restricted.expand(answer.choice);
  return answer;
}

/// Forms for special shapes, between which the library itself chooses, and the algorithm they belong to.
constexpr std::pair<std::string_view, std::string_view> forms[] = {
    {"jit_1x1", "jit"},       {"jit_dw", "jit"}, {"brgconv_1x1", "brgconv"},
    {"brdgmm_dw", "brgconv"}, {"dw", "igemm"},   {"depthwise", "direct"},
};

/// Algorithms and implementations for special shapes that a library has beside any way of its to convolve.
constexpr std::pair<std::string_view, std::string_view> for_special_shapes[] = {{"opencl", "depthwise"},
                                                                                {"opencl", "pointwise"}};

/// The part of a primitive's name without the tile that its loops work on: "im2col" of "im2col_tile8x32".
std::string_view without_tile(std::string_view part) {
  const size_t at = part.rfind("tile");
  if (at == std::string_view::npos) return part;
  const std::string_view size = part.substr(at + std::string_view("tile").size());
  const size_t by = size.find('x');
  constexpr std::string_view digits = "0123456789";
  const bool is_tile = by != std::string_view::npos && by > 0 && by + 1 < size.size() &&
                       size.substr(0, by).find_first_not_of(digits) == std::string_view::npos &&
                       size.substr(by + 1).find_first_not_of(digits) == std::string_view::npos;
  if (!is_tile) return part;
  return part.substr(0, at > 0 && part[at - 1] == '_' ? at - 1 : at);
}

std::vector<std::string_view> parts_of(std::string_view primitive) {
  return split(primitive.substr(0, primitive.find('@')), '.');
}

bool is_convolution(const std::vector<std::string_view>& parts) {
  return parts.size() >= 4 && (parts[0] == "conv2d" || parts[0] == "conv2d_max_pool");
}

bool is_for_special_shapes(std::string_view primitive) {
  const std::vector<std::string_view> parts = parts_of(primitive);
  return is_convolution(parts) && std::ranges::any_of(for_special_shapes, [&](const auto& form) {
           return parts[1] == form.first &&
                  (parts[2] == form.second || without_tile(parts[3]) == form.second);
         });
}

}  // namespace

RestrictedProblem stay_within(const SelectionProblem& problem, const PrimitiveTest& own,
                              const PrimitiveTest& other) {
  const Membership membership(problem, own, other);
  return restrict_choices(problem, [&](int layer, int index) { return membership.keeps(layer, index); });
}

PrimitiveType primitive_type(std::string_view primitive) {
  const std::vector<std::string_view> parts = parts_of(primitive);
  if (!is_convolution(parts)) return {};
  std::string_view algorithm = parts[2];
  for (const auto& [form, of] : forms) {
    if (algorithm == form) algorithm = of;
  }
  PrimitiveType type{std::string(parts[1]), std::string(algorithm)};
  for (size_t part = 3; part < parts.size(); ++part) {
    if (const std::string_view words = without_tile(parts[part]); !words.empty())
      type.convolution += fmt::format(".{}", words);
  }
  return type;
}

std::vector<std::string> libraries_of(const SelectionProblem& problem) {
  std::set<std::string> libraries;
  for (const std::string_view name : primitives_of(problem)) libraries.emplace(library_of(name));
  libraries.erase("");
  return {libraries.begin(), libraries.end()};
}

SearchAnswer search_library(const SelectionProblem& problem, std::string_view library,
                            const SearchOptions& options) {
  return search_within(
      problem, [&](std::string_view primitive) { return library_of(primitive) == library; },
      [](std::string_view) { return true; }, options);
}

SearchAnswer search_processor(const SelectionProblem& problem, std::string_view device,
                              const SearchOptions& options) {
  return search_within(
      problem, [&](std::string_view primitive) { return device_of(primitive) == device; },
      [](std::string_view) { return true; }, options);
}

std::vector<ProcessorAnswer> search_each_processor(const SelectionProblem& problem,
                                                   const SearchOptions& options) {
  std::set<std::string> processors;
  for (const std::string_view name : primitives_of(problem)) processors.emplace(device_of(name));
  processors.erase("");
  std::vector<ProcessorAnswer> answers;
  if (processors.size() < 2) return answers;
  for (const std::string& processor : processors) {
    ProcessorAnswer& alone = answers.emplace_back(ProcessorAnswer{.processor = processor});
    try {
      alone.answer = search_processor(problem, processor, options);
    } catch (const UnsupportedError& error) {
      alone.why = error.what();
    }
  }
  return answers;
}

SearchAnswer search_single_type(const SelectionProblem& problem, std::string_view library,
                                const SearchOptions& options) {
  std::set<PrimitiveType> types, of_special_shapes;
  for (const std::string_view name : primitives_of(problem)) {
    if (library_of(name) == library)
      (is_for_special_shapes(name) ? of_special_shapes : types).insert(primitive_type(name));
  }
  types.erase(PrimitiveType{});
  if (types.empty()) types = std::move(of_special_shapes);
  SearchAnswer best;
  best.cost_us = impossible;
  for (const PrimitiveType& type : types) {
    const PrimitiveTest own = [&](std::string_view primitive) {
      const PrimitiveType of = primitive_type(primitive);
      return library_of(primitive) == library &&
             (of == PrimitiveType{} || of == type || is_for_special_shapes(primitive));
    };
    const PrimitiveTest reference = [](std::string_view primitive) {
      return library_of(primitive) == "reference";
    };
    SearchAnswer answer = search_within(problem, own, reference, options);
    if (answer.cost_us >= best.cost_us) continue;
    best = std::move(answer);
    best.note = type.convolution;
  }
  if (best.choice.empty())
    throw UnsupportedError(fmt::format("no feasible choice: '{}' has no convolution here", library));
  return best;
}

}  // namespace raceline
