// A plan: a graph with every choice made, layout conversions included. A value, and a text file.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// One layer to run.
struct PlanStep {
  std::vector<std::string> covers;  ///< names of the nodes it computes; several when fused
  std::string primitive;
  int threads = 0;  ///< 0: the plan's
  double expected_us = 0;
  friend bool operator==(const PlanStep&, const PlanStep&) = default;
};

/// One conversion of a tensor, made once, before its first use.
struct PlanConversion {
  std::string tensor;  ///< name of the value
  Interface from, to;
  std::string primitive;
  double expected_us = 0;
  int threads = 0;  ///< 0: the plan's

  /// "nchw -> nhwc"; where the tensor changes its device, "cpu:nchw -> opencl:nchw".
  std::string layouts() const;
  friend bool operator==(const PlanConversion&, const PlanConversion&) = default;
};

/// What to run for each layer of a graph, under which conditions it was chosen, and what it should cost.
struct Plan {
  std::string model;      ///< a name for people
  std::string graph_key;  ///< Graph::key() after the passes
  std::string machine;    ///< fingerprint it was tuned on; empty: any (the reference plan)
  std::string strategy;   ///< which search made it
  int threads = 1;
  bool fusion = true;  ///< how the graph was made: see PassOptions
  std::vector<std::string> without_passes;
  std::map<std::string, std::string> shapes;  ///< input name -> TensorDesc text that it is for
  double expected_us = 0;                     ///< sum over steps and conversions
  double lower_bound_us = 0;                  ///< proven, on the same costs; equal where optimal
  std::vector<PlanStep> steps;                ///< in the order of the graph's nodes
  std::vector<PlanConversion> conversions;    ///< in the order of the graph's values

  /// Every node by its reference primitive; always possible.
  static Plan reference(const Graph& graph, const PrimitiveRegistry& registry);
  /// Throws PlanError naming the step and the reason when the plan does not fit: another graph, a node not
  /// covered or covered twice, a primitive that does not exist or cannot, a conversion that is missing. A
  /// non-empty machine must be `machine`, unless that is empty.
  void check(const Graph& graph, const PrimitiveRegistry& registry, std::string_view machine) const;
  /// Whether a step or conversion names an accelerator that there are devices of: OpenCL.
  bool needs_accelerator() const;
  /// Sorted JSON; the same plan gives the same bytes.
  std::string to_json() const;
  /// Throws ParseError with the place named.
  static Plan from_json(std::string_view text);
  friend bool operator==(const Plan&, const Plan&) = default;
};

/// A plan made to fit, and one line for each thing that was changed; none when it fitted already.
struct RepairedPlan {
  Plan plan;
  std::vector<std::string> changes;
};

/// Keeps of a plan what fits and puts reference primitives in place of the rest, with reference reorders
/// where layouts do not meet. The result passes check(). Expected times of what is new are 0; all are, when
/// the plan was made on another machine. Throws UnsupportedError when a layer has no reference primitive.
RepairedPlan repair_plan(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                         std::string_view machine);

}  // namespace raceline
