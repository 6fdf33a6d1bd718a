#include "raceline/tune/methods.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/timing_lock.h"
#include "raceline/search/single_library.h"
#include "raceline/tune/race.h"

namespace raceline {
namespace {

class Running {
 public:
  Running(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
          std::span<const TensorView> inputs, const MethodOptions& options)
      : scene_{graph, registry, devices, store, RunConditions::of(graph, devices, options.profile), inputs},
        options_(options),
        candidates_(graph, registry, {}),
        turn_(options.profile.lock) {}

  MethodRuns run() {
    say("costs of its layers");
    result_.profile = measure_costs(options_.measure, candidates_, scene_, options_.profile, costs_);
    if (stopped()) return std::move(result_);
    result_.built = build_problem(scene_.graph, candidates_, costs_);
    if (options_.tune) {
      say("tune");
      enter_tuned();
      if (stopped()) return std::move(result_);
    }
    enter_searches();
    result_.complete = race_all() && race_best() && run_alone();
    return std::move(result_);
  }

 private:
  bool stopped() const { return options_.profile.stop && options_.profile.stop(); }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }
  bool may_run() {
    return !stopped() && turn_.take([this] { return !stopped(); });
  }

  void enter_tuned() {
    TuneOptions options;
    options.profile = options_.profile;
    options.search.seed = options_.search.seed;
    options.race_rounds = options_.race_rounds;
    options.race_seconds = options_.race_seconds;
    options.say = options_.say;
    result_.tuned = tune(scene_.graph, scene_.registry, scene_.devices, scene_.store, scene_.inputs, options);
    if (!result_.tuned.complete || stopped()) return;
    MethodRun entry{.method = Method::tuned};
    entry.run.name = "tuned";
    entry.run.plan = result_.tuned.plan;
    // On the costs that the other plans were made on, not on the corrected ones.
    entry.run.predicted_us = alone_split(entry.run.plan, scene_.graph, costs_).whole_us();
    result_.runs.push_back(std::move(entry));
  }

  void enter(Method method, std::string name, const SearchAnswer& answer, std::string library = {}) {
    MethodRun entry{.method = method, .library = std::move(library)};
    if (method == Method::single_type) entry.note = answer.note;
    entry.run.name = std::move(name);
    entry.run.plan = make_plan(scene_.graph, result_.built, answer, candidates_, costs_);
    scene_.conditions.stamp(entry.run.plan);
    entry.run.plan.strategy = entry.run.name;
    entry.run.predicted_us = answer.cost_us;
    result_.runs.push_back(std::move(entry));
  }

  void enter_searches() {
    const SelectionProblem& problem = result_.built.problem;
    const auto search = [&](std::string_view strategy) {
      return make_strategy(strategy)->search(problem, options_.search);
    };
    enter(Method::q_learning, "QS-DNN", search("q-learning"));
    enter(Method::random, "RS", search("random"));
    enter(Method::greedy, "greedy", search("greedy"));
    const SearchAnswer optimum = search("exact");
    result_.optimum_us = optimum.lower_bound_us;
    enter(Method::optimum, "optimum", optimum);
    enter_processors();
    for (const std::string& library : libraries_of(problem)) {
      if (library == "reference") continue;
      try {
        enter(Method::single_type, library, search_single_type(problem, library, options_.search), library);
      } catch (const UnsupportedError&) {
        continue;  // No convolution of this library here: no library for this network.
      }
      try {
        enter(Method::library, library + ", best of each layer",
              search_library(problem, library, options_.search), library);
      } catch (const UnsupportedError&) {
        say(fmt::format("{}: its layouts cannot be joined with others'", library));
      }
    }
  }

  void enter_processors() {
    for (const ProcessorAnswer& alone : search_each_processor(result_.built.problem, options_.search)) {
      const std::string name = alone.processor + " alone";
      if (alone.why.empty()) {
        enter(Method::processor, name, alone.answer, alone.processor);
      } else {
        say(fmt::format("{}: {}", name, alone.why));
      }
    }
  }

  RaceOptions race_options() {
    return {.rounds = options_.race_rounds,
            .seconds = options_.race_seconds,
            .seed = options_.search.seed,
            .stop = [this] { return stopped(); },
            .may_run = [this] { return may_run(); }};
  }

  bool is_slow(const MethodRun& run) const {
    const double us = run.run.predicted_us;
    return us > options_.slow_us && us > options_.slow_factor * result_.runs.front().run.predicted_us;
  }

  /// Races these, by index, against the first of them, and keeps what came out.
  bool race_some(const std::vector<size_t>& which, std::vector<RaceEntry>& entries) {
    entries.clear();
    for (const size_t index : which) entries.push_back(result_.runs[index].run);
    return race(entries, scene_, race_options()) != RaceState::stopped;
  }

  bool race_all() {
    std::vector<size_t> raced;
    for (size_t index = 0; index < result_.runs.size(); ++index) {
      if (!is_slow(result_.runs[index])) raced.push_back(index);
    }
    say(fmt::format("race of {} plans", raced.size()));
    std::vector<RaceEntry> entries;
    if (!race_some(raced, entries)) return false;
    for (size_t i = 0; i < raced.size(); ++i) result_.runs[raced[i]].run = std::move(entries[i]);
    return true;
  }

  /// QS-DNN in turn with the best single libraries.
  bool race_best() {
    const auto best = [&](Method method) {
      int found = -1;
      for (int index = 0; index < static_cast<int>(result_.runs.size()); ++index) {
        const MethodRun& run = result_.runs[static_cast<size_t>(index)];
        if (run.method != method || run.run.measured_us <= 0) continue;
        if (found < 0 || run.run.measured_us < result_.runs[static_cast<size_t>(found)].run.measured_us)
          found = index;
      }
      return found;
    };
    result_.best_type = best(Method::single_type);
    result_.best_library = best(Method::library);
    const auto learned = std::ranges::find(result_.runs, Method::q_learning, &MethodRun::method);
    std::vector<size_t> raced{static_cast<size_t>(learned - result_.runs.begin())};
    for (const int index : {result_.best_type, result_.best_library}) {
      if (index >= 0) raced.push_back(static_cast<size_t>(index));
    }
    say("race of QS-DNN and the best single libraries");
    std::vector<RaceEntry> entries;
    if (!race_some(raced, entries)) return false;
    size_t next = 1;
    const auto ratio = [&](int index) {
      if (index < 0) return PairedRatio{};
      const RaceEntry& entry = entries[next++];
      return PairedRatio{entry.ratio, entry.ratio_low, entry.ratio_high};
    };
    result_.over_best_type = ratio(result_.best_type);
    result_.over_best_library = ratio(result_.best_library);
    return true;
  }

  /// What is too slow for the race, and the reference: few runs by themselves.
  bool run_alone() {
    MethodRun vanilla{.method = Method::vanilla};
    vanilla.run.name = "Vanilla";
    vanilla.run.plan = Plan::reference(scene_.graph, scene_.registry);
    vanilla.run.plan.threads = scene_.conditions.threads;
    vanilla.run.predicted_us = alone_split(vanilla.run.plan, scene_.graph, costs_).whole_us();
    result_.runs.push_back(std::move(vanilla));
    const double first_us = result_.runs.front().run.measured_us;
    for (MethodRun& run : result_.runs) {
      if (run.run.measured_us > 0) continue;
      say(fmt::format("{}: a few runs", run.run.name));
      const int runs = run_slow(
          run.run, first_us, scene_, options_.slow_runs, [this] { return stopped(); },
          [this] { return may_run(); });
      if (runs == 0) return false;
    }
    return true;
  }

  RunScene scene_;
  const MethodOptions& options_;
  CandidateSet candidates_;
  CostTable costs_;
  TimingTurn turn_;
  MethodRuns result_;
};

}  // namespace

MethodRuns run_methods(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
                       std::span<const TensorView> inputs, const MethodOptions& options) {
  return Running(graph, registry, devices, store, inputs, options).run();
}

}  // namespace raceline
