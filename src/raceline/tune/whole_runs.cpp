#include "raceline/tune/whole_runs.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/runtime/schedule.h"
#include "raceline/search/build_problem.h"

namespace raceline {
namespace {

constexpr int fewest_rounds = 5;
constexpr size_t packed_larger =
    2;  ///< packed weights are so many times the constants, Winograd's among others
constexpr size_t typical_share = 5;  ///< one in so many runs is typical

LayerDesc layer_of(const Graph& graph, std::span<const std::string> covers) {
  std::vector<NodeId> nodes;
  for (const std::string& name : covers) nodes.push_back(graph.find_node(name));
  return graph.layer(nodes);
}

std::string key_of(const Graph& graph, const PlanConversion& conversion) {
  const TensorDesc& desc = graph.desc(graph.find_value(conversion.tensor));
  return LayerDesc::reorder(desc, conversion.from, conversion.to).key();
}

/// The layer that a step of the plan computes; empty for copies of outputs.
std::string layer_key(const Graph& graph, const Plan& plan, const StepInfo& step) {
  if (!step.conversion) return layer_of(graph, step.covers).key();
  for (const PlanConversion& conversion : plan.conversions) {
    if (conversion.tensor != step.name ||
        on_threads(conversion.primitive, conversion.threads) != step.primitive ||
        conversion.layouts() != step.layouts) {
      continue;
    }
    return key_of(graph, conversion);
  }
  return {};
}

/// For before_round: what ran before the first round warmed up.
std::function<void()> after_warm_up(std::span<StepRecorder> recorders) {
  return [recorders, warm = false]() mutable {
    if (warm) return;
    for (StepRecorder& recorder : recorders) recorder.forget();
    warm = true;
  };
}

}  // namespace

std::string protocol::race_against(const std::string& signature) {
  return "race in takes " + signature;
}

std::string plan_signature(const Plan& plan, const PrimitiveRegistry& registry) {
  std::string text;
  const auto revision = [&](const std::string& name) { return registry.at(name).revision(); };
  for (const PlanStep& step : plan.steps) {
    text += fmt::format("{}|{}|{}|{}\n", fmt::join(step.covers, "+"), step.primitive, step.threads,
                        revision(step.primitive));
  }
  const auto crosses = [](const PlanConversion& each) { return each.from.device != each.to.device; };
  if (std::ranges::any_of(plan.conversions, crosses)) text += fmt::format("order {}\n", order_revision);
  for (const PlanConversion& conversion : plan.conversions) {
    text += fmt::format("{}|{}|{}|{}|{}|{}\n", conversion.tensor, conversion.from.to_string(),
                        conversion.to.to_string(), conversion.primitive, conversion.threads,
                        revision(conversion.primitive));
  }
  return hex(hash_text(text));
}

std::vector<RunRow> rows_of(const Session& session, const Plan& plan, const Graph& graph,
                            const PrimitiveRegistry& registry) {
  std::vector<RunRow> rows(1);
  for (const StepInfo& step : session.steps()) {
    const Primitive* primitive = registry.find(without_threads(step.primitive).first);
    rows.push_back({std::string(step.name),
                    layer_key(graph, plan, step),
                    std::string(step.primitive),
                    primitive != nullptr ? primitive->revision() : "",
                    {},
                    ""});
  }
  return rows;
}

std::vector<CostTable::Key> pairs_of(const Plan& plan, const Graph& graph) {
  std::vector<CostTable::Key> pairs;
  for (const PlanStep& step : plan.steps)
    pairs.emplace_back(layer_of(graph, step.covers).key(), on_threads(step.primitive, step.threads));
  for (const PlanConversion& conversion : plan.conversions)
    pairs.emplace_back(key_of(graph, conversion), on_threads(conversion.primitive, conversion.threads));
  return pairs;
}

TimeSplit alone_split(const Plan& plan, const Graph& graph, const CostTable& costs) {
  TimeSplit split;
  const std::vector<CostTable::Key> pairs = pairs_of(plan, graph);
  for (size_t index = 0; index < pairs.size(); ++index) {
    const auto cost = costs.find(pairs[index].first, pairs[index].second);
    (index < plan.steps.size() ? split.kernels_us : split.conversions_us) += cost ? cost->us : 0;
  }
  return split;
}

bool has_costs_of(const Plan& plan, const Graph& graph, const CostTable& costs) {
  const std::vector<CostTable::Key> pairs = pairs_of(plan, graph);
  return std::all_of(pairs.begin(), pairs.begin() + static_cast<ptrdiff_t>(plan.steps.size()),
                     [&](const auto& pair) { return costs.find(pair.first, pair.second).has_value(); });
}

RunSplit split_of(std::span<const RunRow> rows) {
  const size_t runs = rows.empty() ? 0 : rows[0].samples_us.size();
  const bool fit =
      std::all_of(rows.begin(), rows.end(), [&](const RunRow& row) { return row.samples_us.size() == runs; });
  if (runs == 0 || !fit) throw Error("the steps of whole runs have other numbers of samples than the whole");
  std::vector<size_t> order(runs);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t run) { return std::pair(rows[0].samples_us[run], run); });
  order.resize(std::max<size_t>(1, runs / typical_share));
  const auto typical = [&](const RunRow& row) {
    double sum = 0;
    for (const size_t run : order) sum += row.samples_us[run];
    return sum / static_cast<double>(order.size());
  };
  RunSplit split;
  for (const RunRow& row : rows.subspan(1)) {
    const double us = typical(row);
    split.step_us.push_back(us);
    const bool conversion = row.layer.starts_with("reorder ");
    if (!row.layer.empty()) (conversion ? split.conversions_us : split.kernels_us) += us;
  }
  split.dispatch_us = std::max(0.0, typical(rows[0]) - split.kernels_us - split.conversions_us);
  return split;
}

size_t plans_at_a_time(const Graph& graph) {
  size_t bytes = 0;
  for (const Value& value : graph.values()) {
    if (value.constant != absent) bytes += value.desc.bytes();
  }
  const auto room = static_cast<size_t>(Machine::detect().ram_bytes) / 3;
  return std::max<size_t>(2, room / std::max<size_t>(1, packed_larger * bytes));
}

StepRecorder::StepRecorder(Session& session, std::vector<RunRow> rows)
    : session_(&session),
      rows_(std::move(rows)),
      last_us_(session.steps().size()),
      sums_us_(session.steps().size()) {}

void StepRecorder::run(std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  session_->run_timed(inputs, outputs, last_us_);
  if (calls_++ == 0) std::ranges::fill(sums_us_, 0.0);
  for (size_t step = 0; step < last_us_.size(); ++step) sums_us_[step] += last_us_[step];
}

void StepRecorder::end_sample() {
  if (calls_ == 0) return;
  for (size_t step = 0; step < sums_us_.size(); ++step)
    rows_[step + 1].samples_us.push_back(sums_us_[step] / calls_);
  calls_ = 0;
}

void StepRecorder::forget() {
  calls_ = 0;
  for (RunRow& row : rows_) row.samples_us.clear();
}

std::vector<RunRow> StepRecorder::finish(const std::vector<double>& whole_us) {
  end_sample();
  rows_[0].samples_us = whole_us;
  return std::move(rows_);
}

std::vector<RunRow> time_steps(Session& session, std::vector<RunRow> rows, std::span<const TensorView> inputs,
                               std::span<const TensorView> outputs, Queue& queue, Sentinel& sentinel,
                               MeasureOptions options) {
  StepRecorder recorder(session, std::move(rows));
  const Contender whole{.name = {},
                        .run =
                            [&](Queue&) {
                              recorder.run(inputs, outputs);
                              return Status::ok();
                            },
                        .before_sample = [&](Queue&) { recorder.end_sample(); }};
  options.before_round = after_warm_up({&recorder, 1});
  return recorder.finish(measure({&whole, 1}, queue, sentinel, options).contenders[0].samples_us);
}

std::vector<std::vector<RunRow>> time_whole_runs(std::span<const Plan> plans, const RunScene& scene,
                                                 const WholeRunOptions& options) {
  const std::vector<Tensor> outputs = output_tensors(scene.graph);
  const std::vector<TensorView> views = views_of(outputs);
  KernelPool kernels;
  std::vector<Session> sessions;
  std::vector<StepRecorder> recorders;
  sessions.reserve(plans.size());
  for (const Plan& plan : plans) {
    Session& session = sessions.emplace_back(scene.graph, plan, scene.registry, scene.devices,
                                             SessionOptions{.kernels = &kernels});
    recorders.emplace_back(session, rows_of(session, plan, scene.graph, scene.registry));
  }
  std::vector<Contender> contenders;
  for (size_t index = 0; index < plans.size(); ++index) {
    Session& session = sessions[index];
    StepRecorder& recorder = recorders[index];
    contenders.push_back({.name = {},
                          .run =
                              [&](Queue&) {
                                recorder.run(scene.inputs, views);
                                return Status::ok();
                              },
                          // As in the race: a deployed network finds its own weights in the cache.
                          .before_sample =
                              [&](Queue&) {
                                recorder.end_sample();
                                session.run(scene.inputs, views);
                              }});
  }
  Sentinel sentinel(steady_clock(), plans.front().threads);
  const auto queue = scene.devices.host().make_queue(plans.front().threads);
  const MeasureResult result =
      measure(contenders, *queue, sentinel,
              {.rounds = options.rounds,
               .min_rounds = fewest_rounds,
               .enough_us = options.seconds * 1e6 * static_cast<double>(plans.size()),
               .seed = options.seed,
               .before_round = after_warm_up(recorders),
               .stop = options.stop});
  if (result.stopped && result.rounds < fewest_rounds) return {};
  std::vector<std::vector<RunRow>> rows;
  for (size_t index = 0; index < recorders.size(); ++index) {
    const Measurement& measured = result.contenders[index];
    if (!measured.why.empty()) throw Error(fmt::format("a run of the network failed: {}", measured.why));
    rows.push_back(recorders[index].finish(measured.samples_us));
  }
  return rows;
}

std::vector<double> time_alone(const Plan& plan, const RunScene& scene, double known_us,
                               const MeasureOptions& options, const std::function<bool()>& may_run) {
  const RunKey key = scene.conditions.key(plan_signature(plan, scene.registry), protocol::alone);
  const std::vector<RunRow> kept = scene.store.find_runs(key);
  if (!kept.empty()) return kept[0].samples_us;
  if (!may_run()) return {};
  Session session(scene.graph, plan, scene.registry, scene.devices);
  const std::vector<Tensor> outputs = output_tensors(scene.graph);
  const std::vector<TensorView> views = views_of(outputs);
  const Contender whole{.name = {},
                        .run =
                            [&](Queue&) {
                              session.run(scene.inputs, views);
                              return Status::ok();
                            },
                        .known_us = known_us};
  Sentinel sentinel(steady_clock(), session.threads());
  const auto queue = scene.devices.host().make_queue(session.threads());
  const std::vector<double> samples =
      measure({&whole, 1}, *queue, sentinel, options).contenders[0].samples_us;
  if (!samples.empty()) scene.store.save_runs(key, std::vector{RunRow{"", "", "", "", samples, ""}});
  return samples;
}

}  // namespace raceline
