#include "raceline/tune/paper_protocol.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/primitive/placement.h"
#include "raceline/profile/layer_run.h"
#include "raceline/search/build_problem.h"
#include "raceline/search/forced_plan.h"
#include "raceline/tune/candidate_check.h"

namespace raceline {
namespace {

constexpr double save_every_us = 5e6;
/// What an implementation costs beside Vanilla, roughly: for the expected time only.
constexpr double implementation_share = 0.05;
constexpr int ahead = 8;  ///< copies to an accelerator that are given before it is waited for

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// A layer and a primitive that is timed on it.
using Pair = std::pair<std::string, const Primitive*>;

class Measuring {
 public:
  Measuring(const CandidateSet& candidates, const RunScene& scene, const PaperProtocolOptions& options,
            CostTable& table)
      : candidates_(candidates),
        scene_(scene),
        options_(options),
        table_(table),
        clock_(steady_clock()),
        begin_us_(clock_()),
        check_(scene.registry, scene.devices, scene.conditions.threads, options.max_error, options.seed),
        turn_(options.lock) {}

  ProfileReport run() {
    find_implementations();
    report_.layers = layers_.size();
    const size_t all = implementations_.size() + 2;
    measure_vanilla();
    say_expected();
    size_t done = 0;
    for (const auto& [name, pairs] : implementations_) {
      if (options_.progress) options_.progress(++done, all, name);
      measure_implementation(name, pairs);
    }
    if (options_.progress) options_.progress(all - 1, all, "conversions");
    measure_conversions();
    fill_table();
    if (options_.progress) options_.progress(all, all, "");
    report_.seconds = (clock_() - begin_us_) * 1e-6;
    return std::move(report_);
  }

 private:
  bool stopped() const { return options_.stop && options_.stop(); }
  bool may_run() {
    return !stopped() && turn_.take([this] { return !stopped(); });
  }

  RunKey key_of(const std::string& what) const { return scene_.conditions.key(what, protocol::paper); }
  static std::string text_of(const std::string& name, std::span<const Pair> pairs) {
    std::string text = name + "\n";
    for (const auto& [layer, primitive] : pairs)
      text += fmt::format("{}|{}|{}\n", layer, primitive->name(), primitive->revision());
    return hex(hash_text(text));
  }

  /// The pairs of each implementation, in the order of their first layer.
  void find_implementations() {
    std::set<std::string> seen;
    for (NodeId node = 0; node < static_cast<NodeId>(scene_.graph.nodes().size()); ++node) {
      const std::string key = scene_.graph.layer(node).key();
      if (!seen.insert(key).second) continue;
      layers_.push_back(key);
      for (const Candidate& candidate : candidates_.at(key).candidates) {
        const Primitive& primitive = *candidate.primitive;
        ++report_.candidates;
        if (primitive.sharing(candidates_.at(key).layer) == Sharing::view) {
          table_.set(key, primitive.name(), Cost{});
        } else if (primitive.info().library != "reference") {
          implementations_[global_implementation(primitive)].emplace_back(key, &primitive);
        }
      }
    }
  }

  /// Adds samples of this plan's steps to what the store holds under the key, until there is one an input.
  /// Only steps whose (layer, primitive) is wanted are kept.
  std::vector<RunRow> measure_plan(const RunKey& key, const Plan& plan, const std::set<Pair>* wanted) {
    std::vector<RunRow> kept = scene_.store.find_runs(key);
    Session session(scene_.graph, plan, scene_.registry, scene_.devices);
    const std::vector<RunRow> rows = rows_of(session, plan, scene_.graph, scene_.registry);
    std::vector<size_t> steps;  // whose times are kept
    for (size_t step = 0; step + 1 < rows.size(); ++step) {
      const RunRow& row = rows[step + 1];
      if (wanted != nullptr && !wanted->contains({row.layer, scene_.registry.find(row.primitive)})) continue;
      if (!row.layer.empty() && !row.layer.starts_with("reorder ")) steps.push_back(step);
    }
    if (kept.size() != steps.size()) {
      kept.clear();
      for (const size_t step : steps) kept.push_back(rows[step + 1]);
    }
    const std::vector<Tensor> outputs = output_tensors(scene_.graph);
    const std::vector<TensorView> output_views = views_of(outputs);
    std::vector<double> times(session.steps().size());
    const auto infer = [&](int index) {
      const std::vector<Tensor> inputs = options_.make_inputs(index);
      session.run_timed(views_of(inputs), output_views, times);
    };
    const int begin = kept.empty() ? options_.inputs : static_cast<int>(kept[0].samples_us.size());
    if (wanted != nullptr && begin < options_.inputs) infer(0);  // fills caches and pages; Vanilla needs none
    double saved_us = clock_();
    for (int index = begin; index < options_.inputs && !stopped(); ++index) {
      infer(index);
      for (size_t i = 0; i < steps.size(); ++i) kept[i].samples_us.push_back(times[steps[i]]);
      if (clock_() - saved_us < save_every_us) continue;
      scene_.store.save_runs(key, kept);
      saved_us = clock_();
    }
    scene_.store.save_runs(key, kept);
    return kept;
  }

  bool is_whole(std::span<const RunRow> rows) const {
    return !rows.empty() && std::ranges::all_of(rows, [&](const RunRow& row) {
      return row.samples_us.size() >= static_cast<size_t>(options_.inputs);
    });
  }

  /// Takes what was measured, or is whole in the store, into the sums; false when something is missing.
  void take(std::vector<RunRow> rows, bool new_ones) {
    if (!is_whole(rows)) {
      report_.complete = false;
      return;
    }
    std::set<Pair> pairs;
    for (RunRow& row : rows) {
      row.samples_us.resize(static_cast<size_t>(options_.inputs));
      pairs.emplace(row.layer, scene_.registry.find(row.primitive));
      rows_.push_back(std::move(row));
    }
    (new_ones ? report_.measured : report_.from_store) += pairs.size();
    for (const auto& [layer, primitive] : pairs) known_us_[{layer, primitive}] = place_mean(layer, primitive);
  }

  double place_mean(const std::string& layer, const Primitive* primitive) const {
    double sum = 0;
    int count = 0;
    for (const RunRow& row : rows_) {
      if (row.layer != layer || row.primitive != primitive->name()) continue;
      sum += mean(row.samples_us);
      ++count;
    }
    return sum / std::max(1, count);
  }

  void measure_vanilla() {
    Plan plan = Plan::reference(scene_.graph, scene_.registry);
    plan.threads = scene_.conditions.threads;
    const RunKey key = key_of(plan_signature(plan, scene_.registry));
    std::vector<RunRow> rows = scene_.store.find_runs(key);
    const bool missing = !is_whole(rows);
    if (missing && options_.progress) options_.progress(0, implementations_.size() + 2, "Vanilla");
    if (missing && may_run()) rows = measure_plan(key, plan, nullptr);
    take(std::move(rows), missing);
  }

  void say_expected() const {
    if (!options_.say) return;
    size_t missing = 0;
    for (const auto& [name, pairs] : implementations_)
      missing += is_whole(scene_.store.find_runs(key_of(text_of(name, pairs)))) ? 0 : 1;
    double vanilla_us = 0;
    for (const RunRow& row : rows_) vanilla_us += mean(row.samples_us);
    options_.say(fmt::format(
        "paper's protocol: Vanilla takes {}; {} of {} global implementations with {} inputs each are to be "
        "measured, some {:.1f} min",
        human_us(vanilla_us), missing, implementations_.size(), options_.inputs,
        implementation_share * vanilla_us * 1e-6 / 60 * static_cast<double>(missing) * options_.inputs));
  }

  void measure_implementation(const std::string& name, const std::vector<Pair>& pairs) {
    const RunKey key = key_of(text_of(name, pairs));
    std::vector<RunRow> rows = scene_.store.find_runs(key);
    const bool missing = !is_whole(rows);
    if (missing && !may_run()) {
      report_.complete = false;
      return;
    }
    std::set<Pair> wanted(pairs.begin(), pairs.end());
    if (missing) {
      for (const Pair& pair : pairs) {
        const std::string why = check_.why_not(candidates_.at(pair.first).layer, *pair.second);
        if (!why.empty()) fail(wanted, pair, why);
      }
      if (wanted.empty()) return;
      rows = measure_plan(key, plan_of(wanted), &wanted);
    }
    for (const Pair& pair : std::set<Pair>(wanted)) {
      const bool found = std::ranges::any_of(rows, [&](const RunRow& row) {
        return row.layer == pair.first && row.primitive == pair.second->name();
      });
      if (!found && !rows.empty()) fail(wanted, pair, "was left out when its implementation was measured");
    }
    take(std::move(rows), missing);
  }

  void fail(std::set<Pair>& wanted, const Pair& pair, const std::string& why) {
    wanted.erase(pair);
    table_.set_failure(pair.first, pair.second->name(), why);
    report_.failures.push_back(fmt::format("{}: {}: {}", pair.first, pair.second->name(), why));
  }

  /// The implementation wherever it can; elsewhere what is known to be fastest, and of what is not known
  /// anything but Vanilla.
  Plan plan_of(const std::set<Pair>& wanted) const {
    constexpr double conversion = 1, stand_in = 1e4, unknown_share = 0.5;
    Plan plan =
        preferred_plan(scene_.graph, candidates_,
                       [&](const LayerDesc& layer, const Primitive& primitive) -> std::optional<double> {
                         const bool reference = primitive.info().library == "reference";
                         if (layer.op == OpKind::reorder) return reference ? 100 * conversion : conversion;
                         if (layer.is_fused()) return std::nullopt;
                         const std::string key = layer.key();
                         if (!table_.failure(key, primitive.name()).empty()) return std::nullopt;
                         if (wanted.contains({key, &primitive}) || primitive.sharing(layer) == Sharing::view)
                           return 0;
                         const auto known = known_us_.find({key, &primitive});
                         if (known != known_us_.end()) return stand_in + known->second;
                         const auto vanilla = known_us_.find({key, &scene_.registry.reference(layer)});
                         return stand_in + unknown_share * (vanilla == known_us_.end() ? 0 : vanilla->second);
                       });
    scene_.conditions.stamp(plan);
    return plan;
  }

  /// One run of each conversion at each tensor.
  void measure_conversions() {
    std::map<std::string, std::vector<ValueId>> places;  // by layer key
    std::vector<Pair> pairs;
    for (ValueId value = 0; value < static_cast<ValueId>(scene_.graph.values().size()); ++value) {
      for (const Interface& from : candidates_.interfaces(value)) {
        for (const Interface& to : candidates_.interfaces(value)) {
          if (from != to)
            places[LayerDesc::reorder(scene_.graph.desc(value), from, to).key()].push_back(value);
        }
      }
    }
    for (const auto& [key, values] : places) {
      for (const Candidate& candidate : candidates_.at(key).candidates)
        pairs.emplace_back(key, candidate.primitive);
    }
    report_.layers += places.size();
    report_.candidates += pairs.size();
    const RunKey key = key_of(text_of("conversions", pairs));
    std::vector<RunRow> rows = scene_.store.find_runs(key);
    const bool missing = rows.empty() && !pairs.empty();
    if (missing) {
      if (!may_run()) {
        report_.complete = false;
        return;
      }
      for (const auto& [layer, values] : places) {
        if (stopped()) break;
        time_conversion(candidates_.at(layer), values, rows);
      }
      if (stopped()) {
        report_.complete = false;
        return;
      }
      scene_.store.save_runs(key, rows);
    }
    (missing ? report_.measured : report_.from_store) += pairs.size();
    std::ranges::move(rows, std::back_inserter(rows_));
  }

  void time_conversion(const LayerCandidates& layer, std::span<const ValueId> values,
                       std::vector<RunRow>& rows) {
    for (const Candidate& candidate : layer.candidates) {
      const std::unique_ptr<LayerRun> run = check_.ready(layer.layer, *candidate.primitive);
      if (!run) continue;
      // What comes back is waited for, as in a Session; what goes to an accelerator, by the next layers
      // alone.
      const bool is_waited_for = device_of_outputs(*candidate.primitive, layer.layer).kind == DeviceKind::cpu;
      const int runs = is_waited_for ? 1 : ahead;
      for (const ValueId value : values) {
        Queue& queue = check_.queue_of(*candidate.primitive);
        Status status = run->produce(queue);
        const double begin = clock_();
        for (int each = 0; each < runs && status.is_ok(); ++each) status = run->run(queue);
        const Status finished = queue.wait();
        const double us = (clock_() - begin) / runs;
        if (!status.is_ok() || !finished.is_ok()) break;
        rows.push_back(RunRow{place_of(scene_.graph, value), layer.layer.key(), candidate.primitive->name(),
                              candidate.primitive->revision(), std::vector<double>{us}, ""});
      }
    }
    check_.forget(layer.layer);
  }

  static Cost cost_of(std::span<const double> samples) {
    Cost cost{.us = mean(samples), .median_us = percentile(samples, 0.5)};
    cost.spread_us = percentile(samples, 0.9) - percentile(samples, 0.1);
    cost.samples = static_cast<int>(samples.size());
    return cost;
  }

  void fill_table() {
    std::map<std::pair<std::string, std::string>, std::vector<double>> layers;
    for (const RunRow& row : rows_) {
      auto& samples = layers[{row.layer, row.primitive}];
      samples.insert(samples.end(), row.samples_us.begin(), row.samples_us.end());
    }
    for (const auto& [pair, samples] : layers) {
      if (table_.find(pair.first, pair.second)) continue;  // views are free
      table_.set(pair.first, pair.second, cost_of(samples));
    }
    for (const RunRow& row : rows_) {
      const auto cost = table_.find(row.layer, row.primitive);
      if (cost && cost->us > 0)
        table_.set_inside(row.place, row.layer, row.primitive, cost_of(row.samples_us));
    }
  }

  const CandidateSet& candidates_;
  const RunScene& scene_;
  const PaperProtocolOptions& options_;
  CostTable& table_;
  Clock clock_;
  double begin_us_;
  CandidateCheck check_;
  std::vector<std::string> layers_;
  std::map<std::string, std::vector<Pair>> implementations_;
  std::vector<RunRow> rows_;  // all that is measured
  std::map<Pair, double> known_us_;
  TimingTurn turn_;
  ProfileReport report_;
};

}  // namespace

std::string global_implementation(const Primitive& primitive) {
  const std::string& name = primitive.name();
  const size_t begin = name.find('.') + 1;
  return name.substr(begin, name.find('@') - begin);
}

ProfileReport profile_as_paper(const CandidateSet& candidates, const RunScene& scene,
                               const PaperProtocolOptions& options, CostTable& table) {
  return Measuring(candidates, scene, options, table).run();
}

}  // namespace raceline
