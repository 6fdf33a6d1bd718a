// The selection problem, as numbers only: layers with choices, tensors with conversions. See docs/formats.md.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

inline constexpr double impossible = std::numeric_limits<double>::infinity();

/// One way to run a layer. Interfaces are opaque strings, held as indices into SelectionProblem::interfaces.
struct Choice {
  std::string primitive;
  double cost_us = 0;
  std::vector<int> inputs, outputs;
  int64_t weights_bytes = 0, workspace_bytes = 0;
  friend bool operator==(const Choice&, const Choice&) = default;
};

struct ProblemLayer {
  std::string name;
  std::vector<Choice> choices;
  friend bool operator==(const ProblemLayer&, const ProblemLayer&) = default;
};

/// A slot of a layer: an output for a producer, an input for a consumer.
struct Slot {
  int layer = 0, slot = 0;
  friend bool operator==(const Slot&, const Slot&) = default;
};

struct Conversion {
  int from = 0, to = 0;
  double cost_us = 0;
  friend bool operator==(const Conversion&, const Conversion&) = default;
};

/// What a layer makes and others use, and what it costs to convert it. Missing pairs are impossible; an
/// interface to itself costs nothing.
struct ProblemTensor {
  Slot producer;
  std::vector<Slot> consumers;
  std::vector<Conversion> conversions;
  friend bool operator==(const ProblemTensor&, const ProblemTensor&) = default;
};

/// Minimise the sum of the chosen costs plus, for each tensor, the cheapest set of conversions that makes it
/// available in every interface its consumers want, starting from the producer's: a conversion may start from
/// any copy already made, each copy is made once, and may pass through interfaces that nobody asked for.
struct SelectionProblem {
  std::vector<std::string> interfaces;
  std::vector<ProblemLayer> layers;
  std::vector<ProblemTensor> tensors;

  /// Index of an interface, added if new.
  int intern(std::string_view interface);
  /// Throws ParseError naming the place: a bad index, a cycle, a negative or non-finite cost, a layer without
  /// choice, slots that are not wired, or wired twice.
  void validate() const;
  /// "raceline-problem/1" as in docs/formats.md. parse() validates, and throws ParseError naming the place.
  std::string to_json() const;
  static SelectionProblem parse(std::string_view json);
  friend bool operator==(const SelectionProblem&, const SelectionProblem&) = default;
};

/// The conversions that one tensor needs under a choice.
struct TensorCost {
  double cost_us = 0;                   ///< impossible when a consumer cannot be served
  std::vector<Conversion> conversions;  ///< in an order in which they can be made
};

/// The cheapest conversions from `from` that reach all of `wanted` (a Steiner arborescence; exact).
TensorCost cheapest_conversions(const ProblemTensor& tensor, int from, std::span<const int> wanted);

struct Evaluation {
  double cost_us = 0;  ///< impossible when infeasible
  double layers_us = 0, conversions_us = 0;
  std::vector<TensorCost> tensors;  ///< one a tensor
};

/// The objective. choice has one index a layer.
Evaluation evaluate(const SelectionProblem& problem, std::span<const int> choice);

}  // namespace raceline
