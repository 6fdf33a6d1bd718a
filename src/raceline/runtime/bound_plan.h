// A plan tied to its graph and registry: names looked up, layouts asked for, needs checked. Between Plan
// (text) and Session; not for programs.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "raceline/runtime/plan.h"

namespace raceline {

/// A step whose nodes and primitive are known.
struct BoundStep {
  size_t index = 0;  ///< in Plan::steps
  std::vector<NodeId> nodes;
  LayerDesc layer;
  const Primitive* primitive = nullptr;
  std::vector<ValueId> inputs;  ///< the layer's operands; absent where not given
  std::vector<ValueId> outputs;
  std::vector<Interface> wants;  ///< one an operand; means nothing where it is constant or absent
  std::vector<Interface> gives;  ///< one an output
};

/// A conversion whose tensor and primitive are known.
struct BoundConversion {
  size_t index = 0;  ///< in Plan::conversions
  ValueId value = absent;
  Interface from, to;
  LayerDesc layer;
  const Primitive* primitive = nullptr;
};

/// Steps by the last node each covers: on one device they run in this order. Conversions in the plan's order.
struct BoundPlan {
  std::vector<BoundStep> steps;
  std::vector<BoundConversion> conversions;
};

/// Why a plan does not fit: the first few reasons.
class Reasons {
 public:
  void add(std::string reason) {
    if (!full()) texts_.push_back(std::move(reason));
  }
  bool full() const { return texts_.size() >= most; }
  bool empty() const { return texts_.empty(); }
  std::string to_string() const;

 private:
  static constexpr size_t most = 8;
  std::vector<std::string> texts_;
};

/// "conv1+relu1".
std::string step_name(std::span<const std::string> covers);
/// The interface in which the graph's inputs are given and its outputs wanted: cpu:nchw, of the value's type.
Interface plain_interface(const TensorDesc& desc);

/// Ties one step to the graph; nothing, and why, where it does not fit.
std::optional<BoundStep> bind_step(const PlanStep& step, const Graph& graph,
                                   const PrimitiveRegistry& registry, std::string& why);
/// Ties these nodes (one, or a fusion's) to a primitive of the layer's op; nothing, and why, where it cannot.
std::optional<BoundStep> bind_nodes(std::vector<NodeId> nodes, const Primitive& primitive, const Graph& graph,
                                    std::string& why);
std::optional<BoundConversion> bind_conversion(const PlanConversion& conversion, const Graph& graph,
                                               const PrimitiveRegistry& registry, std::string& why);

/// Somebody wants a value in an interface.
struct Need {
  ValueId value = absent;
  Interface interface;
  size_t step = 0;  ///< in BoundPlan::steps; steps.size() + k for the graph's output k
  size_t operand = 0;
};
/// What steps and graph outputs want of values that are not constant.
std::vector<Need> needs_of(const Graph& graph, std::span<const BoundStep> steps);

/// The interfaces in which each value comes to exist. Constants exist in none.
class Availability {
 public:
  /// Graph inputs and the outputs of steps.
  Availability(const Graph& graph, std::span<const BoundStep> steps);
  /// Adds the results of conversions, in any order. Gives the positions of those that can never be made
  /// because what they start from does not exist, and of those whose result exists already.
  struct Misfits {
    std::vector<size_t> unreachable, duplicate;
  };
  Misfits add(std::span<const BoundConversion> conversions);

  bool has(ValueId value, const Interface& interface) const;
  std::span<const Interface> of(ValueId value) const { return existing_[static_cast<size_t>(value)]; }
  /// "only as cpu:nchw and cpu:nhwc", "nowhere".
  std::string text(ValueId value) const;

 private:
  std::vector<std::vector<Interface>> existing_;
};

/// Conversions that nobody uses: neither a need nor another used conversion.
std::vector<size_t> unused_conversions(std::span<const BoundConversion> conversions,
                                       std::span<const Need> needs);

/// Everything that Plan::check() looks at. What fits is in the result, the rest in `reasons`.
BoundPlan bind_plan(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                    std::string_view machine, Reasons& reasons);
/// As bind_plan(); throws PlanError with the reasons.
BoundPlan bind_plan(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                    std::string_view machine);

}  // namespace raceline
