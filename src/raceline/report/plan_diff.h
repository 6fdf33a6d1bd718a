// Two plans side by side: which layers they run differently, which conversions come and go, what it sums to.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "raceline/runtime/plan_set.h"

namespace raceline {

/// A property of the whole plan, as text, that the two do not share.
struct PropertyDifference {
  std::string what;  ///< "threads", "strategy", ...
  std::string a, b;
};

/// Nodes that one plan computes with the same steps as the other, or not: the smallest set of nodes for which
/// each plan has whole steps. Fused differently, several steps stand against one.
struct LayerDifference {
  std::vector<std::string> nodes;  ///< in the order of the first plan, those of the second alone behind
  std::vector<PlanStep> a, b;      ///< empty: that plan has none of these nodes
  double a_us() const;
  double b_us() const;
  /// By the same primitives, fused alike, on as many threads; expected times aside.
  bool same_work() const;
  bool equal() const { return a == b; }
};

/// A conversion of a tensor between two interfaces: absent where the plan has none.
struct ConversionDifference {
  std::string tensor;
  Interface from, to;
  std::optional<PlanConversion> a, b;
  bool same_work() const { return a && b && a->primitive == b->primitive && a->threads == b->threads; }
  bool equal() const { return a == b; }
};

/// What a plan expects to spend.
struct PlanSums {
  double steps_us = 0, conversions_us = 0;
  size_t steps = 0, conversions = 0;
};

struct PlanDifference {
  bool same_graph = false;  ///< the same model with the same shapes and passes, names aside
  std::vector<PropertyDifference> properties;
  std::vector<LayerDifference> layers;            ///< all, also equal ones
  std::vector<ConversionDifference> conversions;  ///< all, by tensor
  PlanSums a, b;
  bool equal() const;
};

PlanDifference diff_plans(const Plan& a, const Plan& b);

/// Plans of two files, paired by the shapes they are for; two single plans are a pair whatever their shapes.
struct PlanPairs {
  std::vector<std::pair<size_t, size_t>> pairs;  ///< indices into the plans of both
  std::vector<size_t> only_a, only_b;            ///< for whose shapes the other file has no plan
};
PlanPairs pair_plans(const PlanSet& a, const PlanSet& b);

/// The layouts in a primitive's name, "nhwc" or "nchw-nhwc"; empty for a name of another form.
std::string_view layouts_of(std::string_view primitive);

}  // namespace raceline
