#include "raceline/tune/correct.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/search/single_library.h"

namespace raceline {
namespace {

/// No place takes more or less than this many times what its layer takes by itself, or it was disturbed.
constexpr double most_scale = 2;

/// What steps took inside whole runs.
class Learned {
 public:
  void add(std::span<const RunRow> rows) {
    const RunSplit split = split_of(rows);
    for (size_t step = 0; step < split.step_us.size(); ++step) {
      const RunRow& row = rows[step + 1];
      if (row.layer.empty() || row.samples_us.empty()) continue;
      Cost cost{.us = split.step_us[step], .median_us = percentile(row.samples_us, 0.5)};
      cost.spread_us = percentile(row.samples_us, 0.9) - percentile(row.samples_us, 0.1);
      cost.samples = static_cast<int>(row.samples_us.size());
      steps_[{row.place, row.layer, row.primitive}].push_back(cost);
    }
    dispatch_us_.push_back(split.dispatch_us / static_cast<double>(std::max<size_t>(1, rows.size() - 1)));
  }

  double dispatch_us() const { return dispatch_us_.empty() ? 0 : percentile(dispatch_us_, 0.5); }

  void apply(CostTable& costs, const Graph& graph) const {
    std::map<std::string, SumsOfPlaces> known;  // by processor
    for (const auto& [key, measured] : steps_) {
      const auto& [place, layer, primitive] = key;
      const auto alone = costs.find(layer, primitive);
      if (!alone || alone->us <= 0) continue;  // views cost nothing
      Cost inside = typical(measured);
      inside.error = alone->error;
      costs.set_inside(place, layer, primitive, inside);
      const bool conversion = layer.starts_with("reorder ");
      SumsOfPlaces& sums = known[std::string(processor_of(primitive))];
      (conversion ? sums.conversions : sums.layers).add(inside.us, alone->us);
      // The same node may be a place of its own in one plan and part of a fusion in another.
      for (const std::string& part : parts_of(place, conversion)) sums.places[part].add(inside.us, alone->us);
    }
    for (const auto& [processor, sums] : known) set_scales(costs, graph, processor, sums);
  }

 private:
  struct Sums {
    double inside = 0, alone = 0;
    void add(double inside_us, double alone_us) {
      inside += inside_us;
      alone += alone_us;
    }
    double ratio() const { return alone > 0 ? std::clamp(inside / alone, 1 / most_scale, most_scale) : 1; }
  };

  /// What places took on one processor: a layer that splits badly on two threads is no slower on one.
  struct SumsOfPlaces {
    std::map<std::string, Sums> places;  ///< nodes, and conversions of values
    Sums layers, conversions;            ///< all of them: for places of which nothing is known

    double scale(std::span<const std::string> parts, const Sums& otherwise) const {
      Sums sums;
      for (const std::string& part : parts) {
        if (const auto known = places.find(part); known != places.end())
          sums.add(known->second.inside, known->second.alone);
      }
      return (sums.alone > 0 ? sums : otherwise).ratio();
    }
  };

  static void set_scales(CostTable& costs, const Graph& graph, const std::string& processor,
                         const SumsOfPlaces& sums) {
    for (const Node& node : graph.nodes())
      costs.set_scale(node.name, processor, sums.scale(std::vector{node.name}, sums.layers));
    for (const Fusion& fusion : graph.fusions()) {
      std::vector<std::string> parts;
      for (const NodeId node : fusion.nodes) parts.push_back(graph.node(node).name);
      costs.set_scale(place_of(graph, fusion.nodes), processor, sums.scale(parts, sums.layers));
    }
    for (ValueId value = 0; value < static_cast<ValueId>(graph.values().size()); ++value) {
      const std::string place = place_of(graph, value);
      if (!graph.is_constant(value))
        costs.set_scale(place, processor, sums.scale(std::vector{place}, sums.conversions));
    }
  }

  static std::vector<std::string> parts_of(const std::string& place, bool conversion) {
    if (conversion) return {place};
    std::vector<std::string> parts;
    size_t begin = 0;
    for (size_t plus = 0; plus != std::string::npos; begin = plus + 1) {
      plus = place.find('+', begin);
      parts.push_back(place.substr(begin, plus - begin));
    }
    return parts;
  }

  /// Of several plans' costs for one pair at one place: the middle one.
  static Cost typical(std::vector<Cost> costs) {
    std::ranges::sort(costs, {}, &Cost::us);
    return costs[(costs.size() - 1) / 2];
  }

  std::map<std::tuple<std::string, std::string, std::string>, std::vector<Cost>> steps_;
  std::vector<double> dispatch_us_;
};

class Correcting {
 public:
  Correcting(const CandidateSet& candidates, CostTable& costs, const RunScene& scene,
             const CorrectOptions& options, const std::function<bool()>& may_run)
      : candidates_(candidates), costs_(costs), scene_(scene), options_(options), may_run_(may_run) {}

  Correction run() {
    while (result_.solves < options_.most_solves && !result_.settled && result_.complete) {
      const GraphProblem built = build_problem(scene_.graph, candidates_, costs_);
      const SearchAnswer answer = make_strategy(options_.strategy)->search(built.problem, options_.search);
      ++result_.solves;
      std::vector<CorrectedPlan> wanted;
      result_.settled = !want(built, answer, wanted);
      if (result_.settled) break;
      if (result_.solves == 1 && options_.baselines) {
        for (const char* rival : {"best-single-library", "greedy"})
          want(built, make_strategy(rival)->search(built.problem, options_.search), wanted);
      }
      // What a processor does alone is learned as well as the mixed plan, or the comparison would be unfair.
      if (options_.baselines) {
        for (const ProcessorAnswer& alone : search_each_processor(built.problem, options_.search)) {
          if (alone.why.empty()) want(built, alone.answer, wanted);
        }
      }
      // A search that needs its time limit would need it again for each rival.
      if (answer.optimal) want_rivals(built, answer.cost_us, wanted);
      take(std::move(wanted));
      if (result_.complete) learned_.apply(costs_, scene_.graph);
    }
    result_.dispatch_us = learned_.dispatch_us();
    return std::move(result_);
  }

 private:
  /// Adds the answer's plan unless it is known or wanted already.
  bool want(const GraphProblem& built, const SearchAnswer& answer, std::vector<CorrectedPlan>& wanted) {
    Plan plan = make_plan(scene_.graph, built, answer, candidates_, costs_);
    scene_.conditions.stamp(plan);
    std::string signature = plan_signature(plan, scene_.registry);
    for (const std::vector<CorrectedPlan>* plans : {&result_.plans, &wanted}) {
      for (const CorrectedPlan& other : *plans) {
        if (other.signature == signature) return false;
      }
    }
    wanted.push_back({std::move(plan), std::move(signature), answer.choice});
    return true;
  }

  /// The best plans if all choices that were run, or are about to be, cost more by their noise: what comes
  /// out then and is near the optimum differs from it by choices that are as good as can be told.
  void want_rivals(const GraphProblem& built, double optimum_us, std::vector<CorrectedPlan>& wanted) {
    for (int rival = 0; rival < options_.rivals; ++rival) {
      SelectionProblem dearer = built.problem;
      std::set<std::pair<size_t, int>> seen;
      for (const std::vector<CorrectedPlan>* plans : {&result_.plans, &wanted}) {
        for (const CorrectedPlan& plan : *plans) {
          for (size_t layer = 0; layer < plan.choice.size(); ++layer) seen.emplace(layer, plan.choice[layer]);
        }
      }
      for (const auto& [layer, choice] : seen) {
        const ChoiceMeaning& meaning = built.meanings[layer][static_cast<size_t>(choice)];
        if (meaning.primitive != nullptr)
          dearer.layers[layer].choices[static_cast<size_t>(choice)].cost_us *= 1 + noise(meaning);
      }
      SearchAnswer answer = make_strategy("exact")->search(dearer, options_.search);
      answer.cost_us = evaluate(built.problem, answer.choice).cost_us;
      answer.lower_bound_us = 0;
      if (answer.cost_us > optimum_us * (1 + options_.most_noise) || !want(built, answer, wanted)) return;
    }
  }

  double noise(const ChoiceMeaning& meaning) const {
    const LayerDesc layer = scene_.graph.layer(meaning.covers);
    const auto cost = costs_.find(layer.key(), name_of(meaning));
    if (!cost || cost->us <= 0) return options_.near_tie;
    return std::clamp(0.5 * cost->spread_us / cost->us, options_.near_tie, options_.most_noise);
  }

  /// Their runs from the store, or run now.
  void take(std::vector<CorrectedPlan> wanted) {
    std::vector<Plan> missing;
    std::vector<size_t> index_of;
    std::vector<std::vector<RunRow>> rows(wanted.size());
    for (size_t index = 0; index < wanted.size(); ++index) {
      rows[index] = scene_.store.find_runs(key_of(wanted[index]));
      if (!rows[index].empty()) continue;
      missing.push_back(wanted[index].plan);
      index_of.push_back(index);
    }
    const size_t group = plans_at_a_time(scene_.graph);
    for (size_t begin = 0; begin < missing.size() && result_.complete; begin += group) {
      const size_t count = std::min(group, missing.size() - begin);
      if (!may_run_()) {
        result_.complete = false;
        break;
      }
      if (options_.say) {
        options_.say(fmt::format("correct: {} plans of solve {}, whole, for what layers take inside", count,
                                 result_.solves));
      }
      auto taken = time_whole_runs(std::span(missing).subspan(begin, count), scene_, options_.runs);
      result_.complete = !taken.empty();
      for (size_t i = 0; i < taken.size(); ++i) {
        const size_t index = index_of[begin + i];
        scene_.store.save_runs(key_of(wanted[index]), taken[i]);
        rows[index] = std::move(taken[i]);
        ++result_.measured;
      }
    }
    for (size_t index = 0; index < wanted.size(); ++index) {
      if (rows[index].empty()) continue;
      learned_.add(rows[index]);
      result_.plans.push_back(std::move(wanted[index]));
    }
  }

  RunKey key_of(const CorrectedPlan& plan) const {
    return scene_.conditions.key(plan.signature, protocol::correct);
  }

  const CandidateSet& candidates_;
  CostTable& costs_;
  const RunScene& scene_;
  const CorrectOptions& options_;
  const std::function<bool()>& may_run_;
  Learned learned_;
  Correction result_;
};

}  // namespace

Correction correct(const CandidateSet& candidates, CostTable& costs, const RunScene& scene,
                   const CorrectOptions& options, const std::function<bool()>& may_run) {
  return Correcting(candidates, costs, scene, options, may_run).run();
}

size_t load_corrections(CostTable& costs, const Graph& graph, const PrimitiveRegistry& registry,
                        const CostStore& store, const RunConditions& conditions) {
  Learned learned;
  size_t plans = 0;
  for (const RunKey& key : store.run_keys()) {
    if (key != conditions.key(key.plan, protocol::correct)) continue;
    const std::vector<RunRow> rows = store.find_runs(key);
    const bool current = std::all_of(rows.begin(), rows.end(), [&](const RunRow& row) {
      const Primitive* primitive = registry.find(without_threads(row.primitive).first);
      return row.layer.empty() || (primitive != nullptr && primitive->revision() == row.revision);
    });
    if (!current) continue;
    learned.add(rows);
    ++plans;
  }
  if (plans > 0) learned.apply(costs, graph);
  return plans;
}

}  // namespace raceline
