// raceline search: a plan from measured costs without measuring anything, or the answer to a problem file.
#include <fmt/format.h>

#include "cli/cmd_profile.h"
#include "cli/command.h"
#include "cli/json.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/search/build_problem.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  TimingOptions timing;
  PrimitiveFilter filter;
  ProfileOptions profile;
  SearchOptions search;
  std::filesystem::path problem, output, dump;
  std::string strategy = "exact";
  bool json = false;
};

Json answer_json(const SearchAnswer& answer) {
  return {{"choice", answer.choice},
          {"cost_us", answer.cost_us},
          {"lower_bound_us", answer.lower_bound_us},
          {"optimal", answer.optimal},
          {"evaluations", answer.evaluations},
          {"seconds", answer.seconds},
          {"note", answer.note}};
}

void print_answer(const SelectionProblem& problem, const SearchAnswer& answer, std::string_view strategy) {
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
             answer.optimal ? ", proven optimal"
                            : (answer.lower_bound_us > 0
                                   ? fmt::format(", at most {:.1f} % above the optimum",
                                                 100 * (answer.cost_us / answer.lower_bound_us - 1))
                                   : ""),
             answer.evaluations, answer.seconds);
}

int search_file(const Options& options) {
  const std::string text = read_file(options.problem);
  SelectionProblem problem;
  try {
    problem = SelectionProblem::parse(text);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("problem '{}': {}", options.problem.string(), error.what()));
  }
  const SearchAnswer answer = make_strategy(options.strategy)->search(problem, options.search);
  if (options.json) {
    print_json(answer_json(answer));
  } else {
    print_answer(problem, answer, options.strategy);
  }
  return done;
}

int search_model(Options& options) {
  const Workbench bench;
  options.filter.check(bench.registry);
  const LoadedModel model = load_model(options.model, bench);
  const CandidateSet candidates(model.graph, bench.registry, options.filter);
  CpuDevice device(bench.cpu.machine());
  // Only what the store holds: a search measures nothing.
  options.profile.threads = options.timing.prepare(bench);
  options.profile.pinned = !options.timing.no_pin;
  options.profile.stop = [] { return true; };
  CostStore store = options.timing.open_store(CostStore::Mode::read);
  CostTable table;
  const ProfileReport report = profile(candidates, bench.registry, device, store, options.profile, table);
  if (!report.complete) {
    fmt::print(stderr, "the store lacks costs of this model; `raceline profile` measures them\n");
  }
  const GraphProblem built = build_problem(model.graph, candidates, table);
  if (!options.dump.empty()) write_file(options.dump, built.problem.to_json());
  const SearchAnswer answer = make_strategy(options.strategy)->search(built.problem, options.search);
  if (!options.output.empty()) {
    Plan plan = make_plan(model.graph, built, answer, candidates, table);
    plan.model = model.name;
    plan.machine = device.fingerprint();
    plan.strategy = options.strategy;
    plan.threads = options.profile.threads;
    plan.fusion = !options.model.no_fusion;
    plan.without_passes = options.model.without_passes;
    plan.shapes = model.shapes();
    write_file(options.output, plan.to_json());
  }
  if (options.json) {
    print_json(answer_json(answer));
  } else {
    print_answer(built.problem, answer, options.strategy);
  }
  return done;
}

}  // namespace

std::function<int()> setup_search(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app, false);
  options->timing.add_to(app);
  add_filter(app, options->filter);
  std::string names;
  for (const StrategyInfo& strategy : all_strategies()) {
    names += fmt::format("\n  {}: {}", strategy.name, strategy.what);
  }
  app.add_option("--problem", options->problem, "A problem file in place of a model")->type_name("FILE");
  app.add_option("--strategy", options->strategy, "How to search:" + names)->capture_default_str();
  app.add_option("--episodes", options->search.episodes, "Of strategies that sample")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", options->search.seconds, "No search goes on for longer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("-o,--output", options->output, "Write the plan")->type_name("PLAN");
  app.add_option("--dump-problem", options->dump, "Write the problem as JSON")->type_name("FILE");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] {
    options->search.seed = options->model.seed;
    if (options->problem.empty() == options->model.path.empty()) {
      throw Error("search: give a MODEL or --problem FILE, and not both");
    }
    return options->problem.empty() ? search_model(*options) : search_file(*options);
  };
}

}  // namespace raceline::cli
