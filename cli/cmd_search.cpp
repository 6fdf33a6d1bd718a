// raceline search: a plan from measured costs without measuring anything, or the answer to a problem file.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "cli/cmd_profile.h"
#include "cli/command.h"
#include "cli/devices.h"
#include "cli/json.h"
#include "cli/limits.h"
#include "cli/predict_option.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/search/restrict.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  DeviceOptions devices;
  TimingOptions timing;
  PrimitiveFilter filter;
  ProfileOptions profile;
  ProtocolOptions protocol;
  PredictOption predict;
  SearchOptions search;
  std::filesystem::path problem, output, dump, curve;
  std::string strategy = "exact", replay = "episodes";
  PlanLimits limits;
  bool pareto = false, csv = false, json = false;
};

constexpr int curve_points = 12;

/// The exact strategy beside any other: how far from the optimum an answer is.
struct Referee {
  static constexpr double most_seconds = 1;

  Referee(const SelectionProblem& problem, const SearchAnswer& answer, const Options& options) {
    // A limit of memory has a search and a bound of its own.
    if (options.strategy == "exact" || options.limits.max_memory_bytes > 0) {
      best = answer;
      return;
    }
    SearchOptions search = options.search;
    search.seconds = std::min(search.seconds, most_seconds);
    best = make_strategy("exact")->search(problem, search);
  }
  /// In percent of what the referee proved: the optimum, else a bound.
  double gap(double cost_us) const {
    return best.lower_bound_us > 0 ? 100 * std::max(0.0, cost_us / best.lower_bound_us - 1) : 0;
  }
  std::string text(double cost_us) const {
    if (!best.optimal && best.lower_bound_us <= 0) return "";
    return fmt::format("{}{:.2f} % above the optimum", best.optimal ? "" : "at most ", gap(cost_us));
  }

  SearchAnswer best;
};

Json answer_json(const SearchAnswer& answer, const Referee& referee) {
  Json json{{"choice", answer.choice},
            {"cost_us", answer.cost_us},
            {"lower_bound_us", answer.lower_bound_us},
            {"optimal", answer.optimal},
            {"evaluations", answer.evaluations},
            {"seconds", answer.seconds},
            {"note", answer.note},
            {"optimum_us", referee.best.optimal ? Json(referee.best.cost_us) : Json()},
            {"optimum_at_least_us", referee.best.lower_bound_us},
            {"gap_percent", referee.gap(answer.cost_us)}};
  if (!answer.curve.empty()) {
    Json& curve = json["curve"] = Json::array();
    for (const CurvePoint& point : answer.curve) {
      curve.push_back(
          {{"evaluations", point.evaluations}, {"cost_us", point.cost_us}, {"best_us", point.best_us}});
    }
  }
  if (!answer.learned_choice.empty()) {
    json["learned"] = {{"choice", answer.learned_choice},
                       {"cost_us", answer.learned_us},
                       {"gap_percent", referee.gap(answer.learned_us)}};
  }
  return json;
}

void write_curve(const std::filesystem::path& path, const SearchAnswer& answer) {
  std::string csv = "evaluations,cost_us,best_us\n";
  for (const CurvePoint& point : answer.curve) {
    csv += fmt::format("{},{},{}\n", point.evaluations, point.cost_us, point.best_us);
  }
  write_file(path, csv);
}

void print_answer(const SelectionProblem& problem, const SearchAnswer& answer, const Referee& referee,
                  std::string_view strategy) {
  const Evaluation evaluation = evaluate(problem, answer.choice);
  std::vector<std::vector<std::string>> rows{{"layer", "primitive", "us"}};
  for (size_t layer = 0; layer < problem.layers.size(); ++layer) {
    const Choice& choice = problem.layers[layer].choices[static_cast<size_t>(answer.choice[layer])];
    rows.push_back({problem.layers[layer].name, choice.primitive, fmt::format("{:.2f}", choice.cost_us)});
  }
  fmt::print("{}\n", align_table(rows));
  const std::string note = answer.note.empty() ? "" : fmt::format(" ({})", answer.note);
  fmt::print("{}{}: {} = layers {} + conversions {}{}, {} evaluations in {:.3f} s\n", strategy, note,
             human_us(answer.cost_us), human_us(evaluation.layers_us), human_us(evaluation.conversions_us),
             answer.optimal ? ", proven optimal" : "", answer.evaluations, answer.seconds);
  if (answer.optimal) return;
  fmt::print("{}\n", referee.text(answer.cost_us));
  if (!answer.learned_choice.empty()) {
    fmt::print("what was learned, greedily: {}, {}\n", human_us(answer.learned_us),
               referee.text(answer.learned_us));
  }
}

/// found: of a model, what the limits did.
void tell(const SelectionProblem& problem, const SearchAnswer& answer, const Referee& referee,
          const Options& options, const LimitedSearch* found = nullptr) {
  if (!options.curve.empty()) write_curve(options.curve, answer);
  if (options.json) {
    Json document = answer_json(answer, referee);
    if (found != nullptr) document.update(limited_json(*found, options.limits));
    if (options.predict.is_given()) document["prediction"] = options.predict.json();
    print_json(document);
    return;
  }
  print_answer(problem, answer, referee, options.limits.max_memory_bytes > 0 ? "exact" : options.strategy);
  if (found != nullptr) print_limited(*found, options.limits);
  if (options.predict.is_given()) fmt::print("{}", options.predict.text());
}

int print_points(const std::vector<LimitedAnswer>& points, const Options& options) {
  if (options.json) {
    print_json(curve_json(points));
  } else {
    print_curve(points, options.csv);
  }
  return done;
}

/// Choices whose name the filter admits; layers without such keep theirs, as do choices that run nothing.
RestrictedProblem admitted(const SelectionProblem& problem, const PrimitiveFilter& filter) {
  const auto admits = [&](const Choice& choice) {
    return library_of(choice.primitive).empty() || filter.admits(choice.primitive);
  };
  return restrict_choices(problem, [&](int layer, int choice) {
    const auto& choices = problem.layers[static_cast<size_t>(layer)].choices;
    return admits(choices[static_cast<size_t>(choice)]) || std::ranges::none_of(choices, admits);
  });
}

int search_file(const Options& options) {
  if (options.limits.deterministic) {
    throw Error("--deterministic runs primitives: it needs a model, not a problem file");
  }
  const std::string text = read_file(options.problem);
  SelectionProblem problem;
  try {
    problem = SelectionProblem::parse(text);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("problem '{}': {}", options.problem.string(), error.what()));
  }
  const RestrictedProblem part = admitted(problem, options.filter);
  const MemoryModel model;
  MemoryLimits limits(part.problem, model, options.search);
  if (options.pareto) {
    std::vector<LimitedAnswer> points = limits.pareto(curve_points);
    for (LimitedAnswer& point : points) point.answer.choice = part.expand(point.answer.choice);
    return print_points(points, options);
  }
  SearchAnswer answer = options.limits.max_memory_bytes > 0
                            ? limits.within(options.limits.max_memory_bytes).answer
                            : make_strategy(options.strategy)->search(part.problem, options.search);
  const Referee referee(part.problem, answer, options);
  answer.choice = part.expand(answer.choice);
  if (!answer.learned_choice.empty()) answer.learned_choice = part.expand(answer.learned_choice);
  tell(problem, answer, referee, options);
  return done;
}

/// The problem with the memory of its choices, which preparing each of them tells.
void write_problem(const SearchScene& scene, const std::filesystem::path& file) {
  GraphProblem built = build_problem(scene.graph, scene.candidates, scene.costs);
  PlanMemories(scene.graph, scene.registry, scene.devices, scene.threads).fill(built);
  write_file(file, built.problem.to_json());
}

int search_model(Options& options) {
  Workbench bench(options.devices.open());
  options.filter.check(bench.registry);
  if (options.predict.is_given()) options.predict.open(bench);
  LoadedModel model = load_model(options.model, bench);
  const CandidateSet candidates(model.graph, bench.registry, options.filter);
  CpuDevice device(bench.cpu.machine());
  const Devices devices = bench.devices(device);
  // Only what the store holds: a search measures nothing.
  options.profile.threads = options.timing.prepare(bench);
  options.profile.pinned = !options.timing.no_pin;
  options.profile.stop = [] { return true; };
  CostStore store = options.timing.open_store(CostStore::Mode::read);
  CostTable table;
  const MeasureCosts measure =
      options.predict.is_given() ? options.predict.rehearse() : options.protocol.measure({});
  const RunScene runs{
      model.graph, bench.registry, devices, store, RunConditions::of(model.graph, devices, options.profile),
      {}};
  const ProfileReport report = measure_costs(measure, candidates, runs, options.profile, table);
  if (!report.complete) {
    fmt::print(stderr, "the store lacks costs of this model; `raceline profile` measures them\n");
  }
  const SearchScene scene{model.graph, bench.registry, devices, candidates, table, options.profile.threads};
  if (!options.dump.empty()) write_problem(scene, options.dump);
  if (options.pareto) return print_points(pareto_curve(scene, options.search, curve_points).points, options);
  const LimitedSearch found = search_limited(scene, options.limits, options.strategy, options.search);
  const SearchAnswer& answer = found.answer;
  if (!options.output.empty()) {
    Plan plan = make_plan(model.graph, found.built, answer, candidates, table);
    plan.model = model.name;
    runs.conditions.stamp(plan);
    plan.strategy = options.strategy;
    plan.fusion = !options.model.no_fusion;
    plan.without_passes = options.model.without_passes;
    plan.shapes = model.shapes();
    write_file(options.output, plan.to_json());
  }
  const GraphProblem& built = found.built;
  tell(built.problem, answer, Referee(built.problem, answer, options), options, &found);
  return done;
}

}  // namespace

std::function<int()> setup_search(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app, false);
  options->timing.add_to(app);
  options->devices.add_to(app);
  add_filter(app, options->filter);
  add_max_error(app, options->profile);
  options->protocol.add_to(app);
  options->predict.add_to(app, false);
  add_limits(app, options->limits);
  std::string names;
  for (const StrategyInfo& strategy : all_strategies()) {
    names += fmt::format("\n  {}: {}", strategy.name, strategy.what);
  }
  app.add_option("--problem", options->problem, "A problem file in place of a model")->type_name("FILE");
  app.add_option("--strategy", options->strategy, "How to search:" + names)
      ->type_name("STRATEGY")
      ->capture_default_str();
  app.add_option("--episodes", options->search.episodes, "Of strategies that sample")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", options->search.seconds, "No search goes on for longer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--unpruned", options->search.unpruned,
               "Show strategies that learn or anneal all choices, not only those that an optimum may need");
  QLearningOptions& q = options->search.q;
  app.add_option("--step-size", q.step_size, "Of q-learning: the paper's alpha")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--discount", q.discount, "Of q-learning: the paper's gamma")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--replay", options->replay,
                 "Of q-learning, after each episode: the last 128 episodes, or 128 steps")
      ->check(CLI::IsMember({"episodes", "transitions"}))
      ->capture_default_str();
  app.add_option("--replay-buffer", q.buffer, "Of q-learning: how many of them")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_flag("--whole-reward", q.whole_reward,
               "Of q-learning: the network's time at its end, not each layer's at the layer");
  app.add_flag("--per-edge", q.per_edge,
               "Of q-learning: each consumer pays for its conversion, also of a copy that is there");
  app.add_flag("--zero-start", q.zero_start, "Of q-learning: Q begins as 0, not as the first target seen");
  app.add_option("--curve", options->curve, "Write the learning curve as CSV")->type_name("FILE");
  app.add_option("-o,--output", options->output, "Write the plan")->type_name("PLAN");
  app.add_option("--dump-problem", options->dump, "Write the problem as JSON")->type_name("FILE");
  app.add_flag("--pareto", options->pareto,
               "What memory limits cost: the fastest plans for less and less memory")
      ->excludes("--max-memory")
      ->excludes("--deterministic");
  app.add_flag("--csv", options->csv, "The curve of --pareto as CSV")->needs("--pareto");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] {
    options->search.seed = options->model.seed;
    options->search.q.replay = options->replay == "episodes" ? QLearningOptions::Replay::episodes
                                                             : QLearningOptions::Replay::transitions;
    if (options->predict.is_given() && options->model.path.empty())
      throw Error("search: --predict needs a model, not a problem file");
    if (options->problem.empty() == options->model.path.empty()) {
      throw Error("search: give a MODEL or --problem FILE, and not both");
    }
    return options->problem.empty() ? search_model(*options) : search_file(*options);
  };
}

}  // namespace raceline::cli
