// raceline advise: predictors side by side. Which framework on which accelerator runs a network fastest?
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/predicted_networks.h"
#include "cli/predictors.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

struct Options {
  NetworkOptions networks;
  std::vector<std::string> predictors;
  bool json = false;
};

struct Candidate {
  const Predictor* predictor;
  NetworkPrediction prediction;
  double us = 0, low_us = 0, high_us = 0;  ///< what is compared

  bool whole() const { return prediction.unknown_layers == 0; }
  auto rank() const { return std::tuple(prediction.ignorance(), us); }
};

/// A network by all predictors, the fastest first; those that lack a model of a layer come last.
struct Advice {
  std::vector<Candidate> candidates;
  /// What all of them know: calibrated times, else the sums of all phases, else those of exe alone.
  std::string_view compared = "calibrated";
};

std::string name_of(const Predictor& predictor) {
  return fmt::format("{} on {} ({}, {} threads)", predictor.platform, predictor.accelerator, predictor.mode,
                     predictor.threads);
}

Advice advice(const AskedNetwork& network, const std::vector<Predictor>& predictors) {
  Advice advice;
  for (const Predictor& predictor : predictors) {
    advice.candidates.push_back({&predictor, predict_network(network.layers, predictor)});
  }
  const auto all = [&](const auto& knows) {
    return std::ranges::all_of(advice.candidates,
                               [&](const Candidate& each) { return knows(each.prediction); });
  };
  if (!all([](const NetworkPrediction& p) { return p.calibrated.has_value(); })) {
    advice.compared = all([](const NetworkPrediction& p) { return p.pre && p.post; }) ? "total" : "exe";
  }
  for (Candidate& each : advice.candidates) {
    const NetworkPrediction& p = each.prediction;
    std::tie(each.us, each.low_us, each.high_us) =
        advice.compared == "calibrated"
            ? std::tie(p.calibrated->us, p.calibrated->low_us, p.calibrated->high_us)
        : advice.compared == "total" ? std::tie(p.total_us, p.low_us, p.high_us)
                                     : std::tie(p.exe_us, p.exe_low_us, p.exe_high_us);
  }
  std::stable_sort(advice.candidates.begin(), advice.candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.rank() < b.rank(); });
  return advice;
}

/// How much slower than the first; nothing where one of them is a part of the network only.
std::optional<double> ratio(const Candidate& candidate, const Advice& advice) {
  const Candidate& first = advice.candidates.front();
  if (!first.whole() || !candidate.whole() || !(first.us > 0)) return std::nullopt;
  return candidate.us / first.us;
}

Json json_of(const AskedNetwork& network, const Advice& advice) {
  Json list = Json::array();
  for (const Candidate& each : advice.candidates) {
    const NetworkPrediction& p = each.prediction;
    const std::optional<double> slower = ratio(each, advice);
    list.push_back({{"platform", each.predictor->platform},
                    {"accelerator", each.predictor->accelerator},
                    {"mode", each.predictor->mode},
                    {"phases", to_string(each.predictor->phases)},
                    {"us", each.us},
                    {"low_us", each.low_us},
                    {"high_us", each.high_us},
                    {"to_the_fastest", slower ? Json(*slower) : Json(nullptr)},
                    {"threads", each.predictor->threads},
                    {"machines", each.predictor->machines},
                    {"exe_us", p.exe_us},
                    {"total_us", p.total_us},
                    {"layers_without_model", p.unknown_layers},
                    {"types_without_model", p.unknown_types()},
                    {"flops_without_model_percent", p.unknown_percent()},
                    {"layers_beyond_training", p.beyond_layers}});
  }
  return {{"network", network.name},
          {"batch", network.batch},
          {"compared", advice.compared},
          {"platforms", list}};
}

void print(const AskedNetwork& network, const Advice& advice) {
  std::vector<std::vector<std::string>> table{
      {"time", "to the fastest", "at least", "at most", "no model", "beyond", "platform"}};
  for (const Candidate& each : advice.candidates) {
    const NetworkPrediction& p = each.prediction;
    const std::optional<double> slower = ratio(each, advice);
    table.push_back({(each.whole() ? "" : "> ") + human_us(each.us),
                     slower ? fmt::format("{:.2f}x", *slower) : "unknown", human_us(each.low_us),
                     each.whole() ? human_us(each.high_us) : "unknown", fmt::format("{}", p.unknown_layers),
                     fmt::format("{}", p.beyond_layers), printable(name_of(*each.predictor))});
  }
  fmt::print("{}, batch {}{}\n{}", printable(network.name), network.batch,
             advice.compared == "exe"     ? ", phase exe alone"
             : advice.compared == "total" ? ", sums of layers"
                                          : "",
             align_table(table));
  for (const Candidate& each : advice.candidates) {
    if (each.whole()) continue;
    fmt::print("{} has no model of {}: {:.1f} % of the FLOPs\n", printable(name_of(*each.predictor)),
               printable(join(each.prediction.unknown_types(), ", ")), each.prediction.unknown_percent());
  }
}

/// What is fast on one machine may be slow on another.
void warn_of_machines(const std::vector<Predictor>& predictors) {
  std::map<std::string, std::set<std::vector<std::string>>> machines;  // by accelerator
  for (const Predictor& each : predictors) machines[each.accelerator].insert(each.machines);
  if (std::ranges::all_of(machines, [](const auto& of) { return of.second.size() == 1; })) return;
  fmt::print(stderr, "warning: these predictors are of different machines:\n");
  for (const Predictor& each : predictors)
    fmt::print(stderr, "  {}: {}\n", printable(name_of(each)),
               each.machines.empty() ? "not known" : printable(join(each.machines, ", ")));
}

/// Whose phases are cut elsewhere, their times are those of something else.
void warn_of_definitions(const std::vector<Predictor>& predictors) {
  const auto differs = [&](const Predictor& each) { return each.phases != predictors.front().phases; };
  if (std::none_of(predictors.begin(), predictors.end(), differs)) return;
  fmt::print(stderr,
             "warning: these predictors do not mean the same by a phase, so that their times differ by more "
             "than speed:\n");
  for (const Predictor& each : predictors)
    fmt::print(stderr, "  {}: as {} has it\n", printable(name_of(each)), to_string(each.phases));
}

int advise(const Options& options) {
  Workbench bench;
  std::vector<Predictor> predictors;
  for (const std::string& name : options.predictors) predictors.push_back(open_predictor(name, bench));
  warn_of_definitions(predictors);
  warn_of_machines(predictors);
  Json list = Json::array();
  const std::vector<AskedNetwork> networks = asked_networks(options.networks, bench);
  for (const AskedNetwork& network : networks) {
    if (!network.error.empty()) {
      list.push_back({{"network", network.name}, {"batch", network.batch}, {"error", network.error}});
      continue;
    }
    const Advice advised = advice(network, predictors);
    if (options.json) {
      list.push_back(json_of(network, advised));
    } else {
      print(network, advised);
    }
  }
  if (options.json) print_json({{"networks", list}});
  return status_of(networks);
}

}  // namespace

std::function<int()> setup_advise(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->networks.add_to(app);
  app.add_option("--predictors", options->predictors, "Predictors to compare")
      ->required()
      ->type_name("PREDICTOR...");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return advise(*options); };
}

}  // namespace raceline::cli
