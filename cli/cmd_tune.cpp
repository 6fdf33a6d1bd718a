// raceline tune: profile, search, race; writes the fastest plan.
#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "cli/cmd_profile.h"
#include "cli/command.h"
#include "cli/devices.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/limits.h"
#include "cli/predict_option.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/profile/sentinel.h"
#include "raceline/tune/tuner.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  DeviceOptions devices;
  TimingOptions timing;
  TuneOptions tune;
  ProtocolOptions protocol;
  PredictOption predict;
  std::filesystem::path output;
  bool json = false;
};

void print_plan(const Plan& plan) {
  std::vector<std::vector<std::string>> rows{{"us", "share %", "primitive", "layer"}};
  const auto row = [&](double us, const std::string& primitive, std::string what) {
    rows.push_back({fmt::format("{:.1f}", us),
                    fmt::format("{:.1f}", 100 * us / std::max(plan.expected_us, 1e-9)), primitive,
                    std::move(what)});
  };
  for (const PlanStep& step : plan.steps) {
    if (step.expected_us > 0)
      row(step.expected_us, on_threads(step.primitive, step.threads), join(step.covers, " + "));
  }
  for (const PlanConversion& conversion : plan.conversions) {
    row(conversion.expected_us, on_threads(conversion.primitive, conversion.threads),
        "convert " + conversion.tensor);
  }
  fmt::print("{}\n", align_table(rows));
}

/// Predicted and measured, split alike, so that it shows where they differ.
void print_sum(const TuneResult& result) {
  std::vector<std::vector<std::string>> rows{
      {"", "kernels", "conversions", "dispatch", "sum", "of measured"}};
  const double whole = result.whole_us > 0 ? result.whole_us : result.measured.whole_us();
  const auto row = [&](const std::string& what, const TimeSplit& split, bool knows_dispatch) {
    rows.push_back({what, human_us(split.kernels_us), human_us(split.conversions_us),
                    knows_dispatch ? human_us(split.dispatch_us) : "?", human_us(split.whole_us()),
                    whole > 0 ? fmt::format("{:+.1f} %", 100 * (split.whole_us() / whole - 1)) : ""});
  };
  row("predicted, layers by themselves", result.before, false);
  if (result.corrected_plans > 0) row("predicted, corrected inside", result.after, true);
  if (result.measured.whole_us() > 0) row("measured, fresh runs timed by step", result.measured, true);
  if (result.whole_us > 0) rows.push_back({"measured, fresh runs untimed", "", "", "", human_us(whole), ""});
  fmt::print("{}", align_table(rows));
  if (result.solves > 0) {
    fmt::print("correction: {} solves, {} plans run whole ({} of them now); the plan {}\n", result.solves,
               result.corrected_plans, result.corrected_now,
               result.settled ? "stopped changing" : "still changed, and the race decided");
  }
}

void print_race(const TuneResult& result) {
  std::vector<std::vector<std::string>> rows{
      {"ms", "median ms", "slower than the plan", "95 % interval", "plan"}};
  for (const RaceEntry& entry : result.entries) {
    const bool winner = &entry == &result.entries[result.winner];
    if (entry.name == "reference") {
      const bool measured = entry.measured_us > 0;
      rows.push_back({fmt::format("{:.3f}", (measured ? entry.measured_us : entry.predicted_us) * 1e-3),
                      measured ? fmt::format("{:.3f}", entry.median_us * 1e-3) : "",
                      fmt::format("{:.3f}x", entry.ratio),
                      measured ? "by 10th percentiles" : "by the sum of its layers", entry.name});
      continue;
    }
    const double scale = 1 / result.entries[result.winner].ratio;
    rows.push_back({fmt::format("{:.3f}", entry.measured_us * 1e-3),
                    fmt::format("{:.3f}", entry.median_us * 1e-3),
                    winner ? "1.000x" : fmt::format("{:.3f}x", entry.ratio * scale),
                    fmt::format("{:.3f} to {:.3f}", entry.ratio_low * scale, entry.ratio_high * scale),
                    entry.name + (winner ? "  <- the plan" : "")});
  }
  fmt::print("{}{}", align_table(rows),
             result.race_kept ? "the race's results were in the store; --race runs it again\n" : "");
  std::vector<std::string> claims;
  for (const RaceEntry& entry : result.entries) {
    const double times =
        entry.name == "reference" ? entry.ratio : entry.ratio / result.entries[result.winner].ratio;
    if (&entry != &result.entries[result.winner])
      claims.push_back(fmt::format("{:.2f}x {}", times, entry.name));
  }
  if (!claims.empty()) fmt::print("the plan is this many times as fast as: {}\n", join(claims, ", "));
}

Json split_json(const TimeSplit& split) {
  return {{"kernels_us", split.kernels_us},
          {"conversions_us", split.conversions_us},
          {"dispatch_us", split.dispatch_us},
          {"whole_us", split.whole_us()}};
}

Json result_json(const TuneResult& result) {
  Json entries = Json::array();
  for (const RaceEntry& entry : result.entries) {
    entries.push_back({{"name", entry.name},
                       {"predicted_us", entry.predicted_us},
                       {"measured_us", entry.measured_us},
                       {"median_us", entry.median_us},
                       {"ratio", entry.ratio},
                       {"ratio_low", entry.ratio_low},
                       {"ratio_high", entry.ratio_high}});
  }
  return {{"plan", Json::parse(result.plan.to_json())},
          {"winner", result.entries[result.winner].name},
          {"race", entries},
          {"raced", result.raced},
          {"race_kept", result.race_kept},
          {"optimal", result.answer.optimal},
          {"lower_bound_us", result.answer.lower_bound_us},
          {"correction",
           {{"solves", result.solves},
            {"plans", result.corrected_plans},
            {"run_now", result.corrected_now},
            {"settled", result.settled}}},
          {"predicted_before", split_json(result.before)},
          {"predicted_after", split_json(result.after)},
          {"measured", split_json(result.measured)},
          {"whole_us", result.whole_us},
          {"step_us", result.step_us},
          {"waited_seconds", waited_seconds()},
          {"profile",
           {{"measured", result.profile.measured},
            {"from_store", result.profile.from_store},
            {"candidates", result.profile.candidates},
            {"complete", result.profile.complete},
            {"seconds", result.profile.seconds},
            {"failures", result.profile.failures}}}};
}

/// Profiles, searches and races one binding of the model. Absent when interrupted before there is a plan.
std::optional<TuneResult> tune_binding(const ModelOptions& binding, Options& options, const Workbench& bench,
                                       CostStore& store) {
  LoadedModel model = load_model(binding, bench);
  CpuDevice device(bench.cpu.machine());
  Progress progress("profile");
  watch(options.tune.profile, progress);
  options.tune.say = [&](const std::string& line) { say(progress, line); };
  options.tune.measure = options.predict.is_given() ? options.predict.measure(options.tune.say)
                                                    : options.protocol.measure(options.tune.say);
  // The paper knows costs as they are inside the network, and corrects nothing.
  if (options.protocol.is_paper()) options.tune.correct = false;
  fmt::print(stderr, "{}: {} layers, {} fused alternatives; {} threads; {}\n", model.name,
             model.graph.nodes().size(), model.graph.fusions().size(), options.tune.profile.threads,
             shapes_text(model.shapes()));
  TuneResult result =
      tune(model.graph, bench.registry, bench.devices(device), store, views_of(model.inputs), options.tune);
  progress.finish();
  report_profile(result.profile);
  if (options.predict.is_given()) fmt::print(stderr, "{}", options.predict.text());
  if (!result.complete) {
    fmt::print(stderr, "interrupted; what was measured is kept in {}, and the next tune goes on from there\n",
               options.timing.store.string());
    return std::nullopt;
  }
  result.plan.model = model.name;
  result.plan.fusion = !options.model.no_fusion;
  result.plan.without_passes = options.model.without_passes;
  result.plan.shapes = model.shapes();
  return result;
}

void print_result(const TuneResult& result, const PlanLimits& limits) {
  print_plan(result.plan);
  if (limits.any()) return print_limited(result.limited, limits);
  print_sum(result);
  if (result.raced) print_race(result);
}

int tune_model(Options& options) {
  Workbench bench(options.devices.open_or_go_on());
  options.tune.filter.check(bench.registry);
  if (options.predict.is_given()) options.predict.open(bench);
  options.tune.baselines = !options.predict.is_given();
  options.tune.profile.threads = options.timing.prepare(bench);
  options.tune.profile.pinned = !options.timing.no_pin;
  options.tune.search.seed = options.tune.profile.seed = options.model.seed;
  const std::vector<ModelOptions> bindings = options.model.bindings();
  CostStore store = options.timing.open_store(CostStore::Mode::write);
  PlanSet plans;
  Json documents = Json::array();
  for (const ModelOptions& binding : bindings) {
    const std::optional<TuneResult> result = tune_binding(binding, options, bench, store);
    if (!result) break;
    const bool again = std::any_of(plans.plans.begin(), plans.plans.end(), [&](const Plan& other) {
      return other.shapes == result->plan.shapes && other.graph_key == result->plan.graph_key;
    });
    if (!again) plans.plans.push_back(result->plan);
    if (options.json) {
      documents.push_back(result_json(*result));
      documents.back()["limits"] = limited_json(result->limited, options.tune.limits);
      if (options.predict.is_given()) documents.back()["prediction"] = options.predict.json();
    } else {
      if (bindings.size() > 1) fmt::print("{}\n", shapes_text(result->plan.shapes));
      print_result(*result, options.tune.limits);
    }
    if (is_interrupted()) break;
  }
  // Of several bindings those that were finished are worth keeping.
  if (plans.empty()) return interrupted;
  write_file(options.output, plans.to_json());
  if (options.json) {
    print_json(bindings.size() == 1 ? documents.front() : Json{{"bindings", documents}});
  } else {
    fmt::print("written to {}\n", options.output.string());
  }
  return is_interrupted() ? interrupted : done;
}

}  // namespace

std::function<int()> setup_tune(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app);
  app.add_option("-o,--output", options->output, "Where to write the plan")->required()->type_name("PLAN");
  options->timing.add_to(app);
  options->devices.add_to(app);
  add_profile_options(app, options->tune.profile);
  options->protocol.add_to(app);
  options->predict.add_to(app, true);
  add_filter(app, options->tune.filter);
  add_limits(app, options->tune.limits);
  app.add_option("--strategy", options->tune.strategy, "How to search; see `raceline search --help`")
      ->type_name("STRATEGY")
      ->capture_default_str();
  app.add_option("--race-rounds", options->tune.race_rounds, "Whole runs by each plan of the race")
      ->check(CLI::Range(5, 100000))
      ->capture_default_str();
  app.add_flag("--race", options->tune.race_again, "Race again what the store has a result of");
  app.add_flag("!--no-correction", options->tune.correct,
               "Trust the costs of layers by themselves: learn nothing from whole runs");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return tune_model(*options); };
}

}  // namespace raceline::cli
