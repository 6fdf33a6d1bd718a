#include "raceline/tune/tuner.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/timing_lock.h"
#include "raceline/runtime/session.h"
#include "raceline/search/single_library.h"
#include "raceline/tune/correct.h"
#include "raceline/tune/limited_tune.h"
#include "raceline/tune/race.h"

namespace raceline {
namespace {

constexpr double profile_share = 0.75;  ///< of a budget: the rest is for whole runs
constexpr double runner_up_share = 1.02;
constexpr int most_runner_ups = 2;
constexpr int fresh_rounds = 20;
constexpr double fresh_seconds = 5;
constexpr int reference_runs = 3;
constexpr double longest_reference_us = 2e6;

/// One tune: its state, and the steps in their order.
class Tuning {
 public:
  Tuning(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
         std::span<const TensorView> inputs, const TuneOptions& options)
      : scene_{graph, registry, devices, store, RunConditions::of(graph, devices, options.profile), inputs},
        options_(options),
        clock_(steady_clock()),
        begin_us_(clock_()),
        candidates_(graph, registry, options.filter),
        turn_(options.profile.lock) {}

  TuneResult run() {
    ProfileOptions profile_options = options_.profile;
    profile_options.seconds *= profile_share;
    result_.profile = measure_costs(options_.measure, candidates_, scene_, profile_options, costs_);
    if (interrupted()) return std::move(result_);
    result_.complete = true;
    const Correction correction = options_.correct ? correct_costs() : Correction{};
    enter(correction);
    run_race();
    result_.plan = result_.entries[result_.winner].plan;
    result_.plan.lower_bound_us = result_.answer.lower_bound_us;
    predict(correction);
    if (result_.raced) run_fresh();
    return std::move(result_);
  }

 private:
  bool interrupted() const { return options_.profile.stop && options_.profile.stop(); }
  bool stopped() const {
    const double seconds = options_.profile.seconds;
    return interrupted() || (seconds > 0 && clock_() - begin_us_ > seconds * 1e6);
  }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  /// Nothing is run before this machine's lock is held, and nothing after the stop.
  bool may_run() {
    return !stopped() && turn_.take([this] { return !stopped(); });
  }

  GraphProblem problem() const {
    try {
      return build_problem(scene_.graph, candidates_, costs_);
    } catch (const UnsupportedError& error) {
      if (result_.profile.complete) throw;
      throw Error(
          fmt::format("the budget of {} s was too small to measure each layer once; what was measured "
                      "is kept, and the next tune goes on from there: {}",
                      options_.profile.seconds, error.what()));
    }
  }

  Correction correct_costs() {
    static_cast<void>(problem());
    CorrectOptions options;
    options.baselines = options_.baselines;
    options.strategy = options_.strategy;
    options.search = options_.search;
    options.runs.seed = options_.search.seed;
    options.runs.stop = [this] { return stopped(); };
    options.say = options_.say;
    const Correction correction = correct(candidates_, costs_, scene_, options, [this] { return may_run(); });
    result_.solves = correction.solves;
    result_.corrected_plans = correction.plans.size();
    result_.corrected_now = correction.measured;
    result_.settled = correction.settled;
    return correction;
  }

  void add_entry(std::string name, const GraphProblem& built, const SearchAnswer& answer,
                 std::string_view strategy) {
    RaceEntry entry{.name = std::move(name),
                    .plan = make_plan(scene_.graph, built, answer, candidates_, costs_)};
    if (!answer.note.empty()) entry.name += fmt::format(" ({})", answer.note);
    entry.plan.strategy = strategy;
    scene_.conditions.stamp(entry.plan);
    entry.predicted_us = answer.cost_us;
    result_.entries.push_back(std::move(entry));
  }

  /// The search's answer and its rivals.
  void enter(const Correction& correction) {
    const GraphProblem built = problem();
    const auto search = [&](std::string name, std::string_view strategy) {
      SearchAnswer answer = make_strategy(strategy)->search(built.problem, options_.search);
      add_entry(std::move(name), built, answer, strategy);
      return answer;
    };
    result_.answer = search(options_.strategy == "exact" ? "optimum" : options_.strategy, options_.strategy);
    std::vector<std::string> entered{plan_signature(result_.entries[0].plan, scene_.registry)};
    int runner_ups = 0;
    for (size_t index = 0; index < correction.plans.size(); ++index) {
      const CorrectedPlan& plan = correction.plans[index];
      SearchAnswer answer;
      answer.choice = plan.choice;
      answer.cost_us = evaluate(built.problem, plan.choice).cost_us;
      const bool near = answer.cost_us <= runner_up_share * result_.answer.cost_us;
      const bool known = std::find(entered.begin(), entered.end(), plan.signature) != entered.end();
      if (known || (index > 0 && (!near || runner_ups == most_runner_ups))) continue;
      entered.push_back(plan.signature);
      add_entry(
          index == 0 ? std::string("optimum before correction") : fmt::format("runner-up {}", ++runner_ups),
          built, answer, options_.strategy);
    }
    if (options_.baselines) {
      search("best single library", "best-single-library");
      search("greedy", "greedy");
      for (const ProcessorAnswer& alone : search_each_processor(built.problem, options_.search)) {
        const std::string name = alone.processor + " alone";
        if (alone.why.empty()) {
          add_entry(name, built, alone.answer, "exact");
        } else {
          say(fmt::format("{}: {}", name, alone.why));
        }
      }
    }
    say(fmt::format("search: {} layers, optimum {:.3f} ms after {:.3f} s, {}", built.problem.layers.size(),
                    result_.answer.cost_us * 1e-3, result_.answer.seconds,
                    result_.answer.optimal ? "proven" : "not proven"));
  }

  void run_race() {
    if (stopped()) return;
    RaceOptions options{.rounds = options_.race_rounds,
                        .seconds = options_.race_seconds,
                        .seed = options_.search.seed,
                        .again = options_.race_again,
                        .stop = [this] { return stopped(); },
                        .may_run =
                            [this] {
                              say(fmt::format("race: {} plans, whole, in turn", result_.entries.size()));
                              return may_run();
                            }};
    const RaceState state = race(result_.entries, scene_, options);
    result_.raced = state != RaceState::stopped;
    result_.race_kept = state == RaceState::from_store;
    if (!result_.raced) return;
    for (size_t index = 1; index < result_.entries.size(); ++index) {
      const RaceEntry& rival = result_.entries[index];
      if (rival.ratio_high < 1 && rival.ratio < result_.entries[result_.winner].ratio) result_.winner = index;
    }
  }

  /// What the winner should take, by its layers alone and by what was learned inside.
  void predict(const Correction& correction) {
    const Plan& plan = result_.plan;
    result_.before = alone_split(plan, scene_.graph, costs_);
    for (const PlanStep& step : plan.steps) result_.after.kernels_us += step.expected_us;
    for (const PlanConversion& conversion : plan.conversions)
      result_.after.conversions_us += conversion.expected_us;
    result_.after.dispatch_us =
        correction.dispatch_us * static_cast<double>(plan.steps.size() + plan.conversions.size());
  }

  /// Fresh runs of the winner, for comparison only; then the reference.
  void run_fresh() {
    const Plan& plan = result_.plan;
    const RunKey key = scene_.conditions.key(plan_signature(plan, scene_.registry), protocol::check);
    std::vector<RunRow> rows = scene_.store.find_runs(key);
    if (rows.empty() && may_run()) {
      say("check: the plan by itself, against its prediction");
      auto taken = time_whole_runs({&plan, 1}, scene_,
                                   {.rounds = fresh_rounds,
                                    .seconds = fresh_seconds,
                                    .seed = options_.search.seed + 1,
                                    .stop = [this] { return stopped(); }});
      if (!taken.empty()) {
        rows = std::move(taken[0]);
        scene_.store.save_runs(key, rows);
      }
    }
    if (!rows.empty()) {
      RunSplit split = split_of(rows);
      result_.measured = split;
      result_.step_us = std::move(split.step_us);
    }
    const std::vector<double> whole = time_alone(
        plan, scene_, 0,
        {.rounds = fresh_rounds, .enough_us = fresh_seconds * 1e6, .stop = [this] { return stopped(); }},
        [this] { return may_run(); });
    if (whole.empty()) return;
    result_.whole_us = percentile(whole, 0.1);
    for (RaceEntry& entry : result_.entries) {  // of one plan there is no race
      if (entry.measured_us > 0) continue;
      entry.measured_us = result_.whole_us;
      entry.median_us = percentile(whole, 0.5);
    }
    if (options_.baselines) run_reference();
  }

  /// For the speed-up, beside the race. Where one run would take long, the sum of the layers, each of which
  /// was run once, says as much.
  void run_reference() {
    RaceEntry entry{.name = "reference", .plan = Plan::reference(scene_.graph, scene_.registry)};
    entry.plan.threads = scene_.conditions.threads;
    if (has_costs_of(entry.plan, scene_.graph, costs_))
      entry.predicted_us = alone_split(entry.plan, scene_.graph, costs_).whole_us();
    const double winner_us = result_.entries[result_.winner].measured_us;
    if (entry.predicted_us > longest_reference_us) {
      if (winner_us > 0) entry.ratio = entry.ratio_low = entry.ratio_high = entry.predicted_us / winner_us;
      result_.entries.push_back(std::move(entry));
      return;
    }
    if (scene_.store
            .find_runs(scene_.conditions.key(plan_signature(entry.plan, scene_.registry), protocol::alone))
            .empty())
      say("reference: a few runs, for the speed-up");
    const int runs = run_slow(
        entry, winner_us, scene_, reference_runs, [this] { return stopped(); }, [this] { return may_run(); });
    if (runs > 0) result_.entries.push_back(std::move(entry));
  }

  RunScene scene_;
  const TuneOptions& options_;
  Clock clock_;
  double begin_us_;
  CandidateSet candidates_;
  CostTable costs_;
  TimingTurn turn_;
  TuneResult result_;
};

}  // namespace

TuneResult tune(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
                std::span<const TensorView> inputs, const TuneOptions& options) {
  const auto tuned = [&](Devices which, const TuneOptions& how) {
    return how.limits.any() ? tune_limited(graph, registry, which, store, how)
                            : Tuning(graph, registry, which, store, inputs, how).run();
  };
  const Clock clock = steady_clock();
  const double begin_us = clock();
  try {
    return tuned(devices, options);
  } catch (const DeviceError& error) {
    // What was measured on the host is in the store. Who asked for some primitives alone is not given others.
    if (devices.accelerator() == nullptr || !options.filter.only.empty()) throw;
    const DeviceId lost{devices.accelerator()->id().kind, 0};
    if (options.say)
      options.say(fmt::format("going on without {}: {}", devices.accelerator()->name(), error.what()));
    TuneOptions host = options;
    host.filter.without.push_back(lost.to_string());
    if (host.profile.seconds > 0)
      host.profile.seconds = std::max(1.0, host.profile.seconds - (clock() - begin_us) * 1e-6);
    return tuned(devices.host(), host);
  }
}

}  // namespace raceline
