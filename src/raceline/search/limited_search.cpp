#include "raceline/search/limited_search.h"

#include <set>

#include <fmt/format.h>

#include "raceline/profile/determinism.h"

namespace raceline {
namespace {

/// Figures of a built problem, and the model that its search wants.
class Weighed {
 public:
  Weighed(const SearchScene& scene, GraphProblem& built)
      : memories_(scene.graph, scene.registry, scene.devices, scene.threads), scene_(scene), built_(built) {
    memories_.fill(built);
    model_.working_bytes = memories_.working_bytes(built);
    model_.least_bytes = memories_.packing_bytes(built);
    model_.total_bytes = [this](std::span<const int> choice) { return memory(choice).total(); };
  }
  PlanMemory memory(std::span<const int> choice) {
    return memories_.memory(built_, choice, scene_.candidates, scene_.costs);
  }
  const MemoryModel& model() const { return model_; }

 private:
  PlanMemories memories_;
  SearchScene scene_;
  GraphProblem& built_;
  MemoryModel model_;
};

/// Runs what was chosen and not run before; what varies becomes a failure. Conversions only move data.
bool exclude_varying(const SearchScene& scene, const LimitedSearch& found,
                     std::set<std::pair<std::string, std::string>>& proven,
                     std::vector<std::string>& excluded) {
  bool all_stay = true;
  for (size_t layer = 0; layer < found.answer.choice.size(); ++layer) {
    const ChoiceMeaning& meaning =
        found.built.meanings[layer][static_cast<size_t>(found.answer.choice[layer])];
    if (meaning.primitive == nullptr) continue;
    const LayerDesc desc = scene.graph.layer(meaning.covers);
    if (meaning.primitive->sharing(desc) == Sharing::view) continue;
    const std::string name = name_of(meaning);
    if (!proven.emplace(desc.key(), name).second) continue;
    const std::string why = result_varies(*meaning.primitive, desc, scene.devices, scene.threads);
    if (why.empty()) continue;
    scene.costs.set_failure(desc.key(), name, why);
    excluded.push_back(fmt::format("{}: {}: {}", desc.key(), name, why));
    all_stay = false;
  }
  return all_stay;
}

}  // namespace

LimitedSearch search_limited(const SearchScene& scene, const PlanLimits& limits, std::string_view strategy,
                             const SearchOptions& options) {
  LimitedSearch found;
  std::set<std::pair<std::string, std::string>> proven;
  std::vector<std::string> excluded;
  double unlimited_us = 0;
  for (bool first = true;; first = false) {
    found = {.built = build_problem(scene.graph, scene.candidates, scene.costs)};
    if (first && limits.any())
      unlimited_us = make_strategy("exact")->search(found.built.problem, options).cost_us;
    if (limits.max_memory_bytes > 0) {
      Weighed weighed(scene, found.built);
      found.answer =
          MemoryLimits(found.built.problem, weighed.model(), options).within(limits.max_memory_bytes).answer;
      found.memory = weighed.memory(found.answer.choice);
    } else {
      found.answer = make_strategy(strategy)->search(found.built.problem, options);
    }
    if (!limits.deterministic || exclude_varying(scene, found, proven, excluded)) break;
  }
  found.unlimited_us = limits.any() ? unlimited_us : found.answer.cost_us;
  found.excluded = std::move(excluded);
  return found;
}

ParetoCurve pareto_curve(const SearchScene& scene, const SearchOptions& options, int points) {
  ParetoCurve curve{.built = build_problem(scene.graph, scene.candidates, scene.costs), .points = {}};
  const Weighed weighed(scene, curve.built);
  curve.points = MemoryLimits(curve.built.problem, weighed.model(), options).pareto(points);
  return curve;
}

}  // namespace raceline
