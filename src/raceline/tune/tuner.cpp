#include "raceline/tune/tuner.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/profile/measure.h"
#include "raceline/profile/timing_lock.h"
#include "raceline/runtime/session.h"
#include "raceline/tune/race.h"

namespace raceline {
namespace {

/// Samples of whole runs of one session; known_us as in Contender.
std::vector<double> whole_runs(Session& session, Device& device, std::span<const TensorView> inputs,
                               std::span<const TensorView> outputs, double known_us,
                               const MeasureOptions& options) {
  Contender whole;
  whole.known_us = known_us;
  whole.run = [&](Queue&) {
    session.run(inputs, outputs);
    return Status::ok();
  };
  Sentinel sentinel(options.clock);
  const auto queue = device.make_queue(session.threads());
  return measure({&whole, 1}, *queue, sentinel, options).contenders[0].samples_us;
}

/// Runs of the winner one after another, as a deployed network runs: each step timed, then the whole.
void time_steps(TuneResult& result, Graph& graph, const PrimitiveRegistry& registry, Device& device,
                std::span<const TensorView> inputs, int runs) {
  Session session(graph, result.plan, registry, device);
  result.arena_bytes = session.arena_bytes();
  result.packed_bytes = session.packed_bytes();
  const std::vector<Tensor> outputs = output_tensors(graph);
  const std::vector<TensorView> views = views_of(outputs);
  const size_t steps = session.steps().size();
  std::vector<std::vector<double>> samples(steps);
  std::vector<double> times(steps);
  session.run(inputs, views);
  for (int run = 0; run < runs; ++run) {
    session.run_timed(inputs, views, times);
    for (size_t step = 0; step < steps; ++step) samples[step].push_back(times[step]);
  }
  for (const auto& of_step : samples) result.step_us.push_back(percentile(of_step, 0.1));
  result.whole_us = percentile(whole_runs(session, device, inputs, views, 0, {.rounds = runs}), 0.1);
}

/// The reference is far too slow for the race: up to three runs without a warm-up, no new one after two
/// seconds.
RaceEntry reference_entry(Graph& graph, const PrimitiveRegistry& registry, Device& device,
                          std::span<const TensorView> inputs, int threads, double winner_us) {
  RaceEntry entry{.name = "reference", .plan = Plan::reference(graph, registry)};
  entry.plan.threads = threads;
  Session session(graph, entry.plan, registry, device);
  const std::vector<Tensor> outputs = output_tensors(graph);
  const std::vector<TensorView> views = views_of(outputs);
  const std::vector<double> samples =
      whole_runs(session, device, inputs, views, 1e6, {.rounds = 3, .min_rounds = 1, .enough_us = 2e6});
  entry.measured_us = percentile(samples, 0.1);
  entry.median_us = percentile(samples, 0.5);
  if (winner_us > 0) entry.ratio = entry.ratio_low = entry.ratio_high = entry.measured_us / winner_us;
  return entry;
}

}  // namespace

TuneResult tune(Graph& graph, const PrimitiveRegistry& registry, Device& device, CostStore& store,
                std::span<const TensorView> inputs, const TuneOptions& options) {
  const auto say = [&](const std::string& line) {
    if (options.say) options.say(line);
  };
  TuneResult result;
  const CandidateSet candidates(graph, registry, options.filter);
  CostTable costs;
  result.profile = profile(candidates, registry, device, store, options.profile, costs);

  const auto stopped = [&] { return options.profile.stop && options.profile.stop(); };
  if (stopped()) return result;
  result.complete = true;

  const GraphProblem built = build_problem(graph, candidates, costs);
  const auto entry_of = [&](std::string name, std::string_view strategy) {
    const SearchAnswer answer = make_strategy(strategy)->search(built.problem, options.search);
    RaceEntry entry{.name = std::move(name), .plan = make_plan(graph, built, answer, candidates, costs)};
    if (!answer.note.empty()) entry.name += fmt::format(" ({})", answer.note);
    entry.plan.strategy = strategy;
    entry.plan.threads = options.profile.threads;
    entry.plan.machine = device.fingerprint();
    entry.predicted_us = answer.cost_us;
    if (result.entries.empty()) result.answer = answer;
    return entry;
  };
  result.entries.push_back(
      entry_of(options.strategy == "exact" ? "optimum" : options.strategy, options.strategy));
  result.entries.push_back(entry_of("best single library", "best-single-library"));
  result.entries.push_back(entry_of("greedy", "greedy"));
  say(fmt::format("search: {} layers, optimum {:.3f} ms after {:.3f} s, {}", built.problem.layers.size(),
                  result.answer.cost_us * 1e-3, result.answer.seconds,
                  result.answer.optimal ? "proven" : "not proven"));

  const auto lock = TimingLock::acquire(default_timing_lock, [&] { return !stopped(); });
  if (lock && !stopped()) {
    say("race: the optimum, the best single library and greedy, whole, in turn");
    result.raced = race(result.entries, graph, registry, device, inputs,
                        {.rounds = options.race_rounds,
                         .seconds = options.race_seconds,
                         .seed = options.search.seed,
                         .stop = options.profile.stop});
  }
  if (result.raced) {
    for (size_t index = 1; index < result.entries.size(); ++index) {
      const RaceEntry& rival = result.entries[index];
      if (rival.ratio_high < 1 && rival.ratio < result.entries[result.winner].ratio) result.winner = index;
    }
  }
  result.plan = result.entries[result.winner].plan;
  result.plan.lower_bound_us = result.answer.lower_bound_us;
  if (result.raced && !stopped()) {
    time_steps(result, graph, registry, device, inputs, 20);
    say("reference: a few runs, for the speed-up");
    result.entries.push_back(reference_entry(graph, registry, device, inputs, options.profile.threads,
                                             result.entries[result.winner].measured_us));
  }
  return result;
}

}  // namespace raceline
