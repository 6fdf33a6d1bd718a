// raceline advise: predictors side by side. Which framework on which accelerator runs a network fastest?
#include <algorithm>

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
};

std::string name_of(const Predictor& predictor) {
  return fmt::format("{} on {} ({})", predictor.platform, predictor.accelerator, predictor.mode);
}

/// Fastest first; those that lack a model of a layer come last, since their sum is too small.
std::vector<Candidate> ranked(const AskedNetwork& network, const std::vector<Predictor>& predictors) {
  std::vector<Candidate> candidates;
  for (const Predictor& predictor : predictors)
    candidates.push_back({&predictor, predict_network(network.layers, predictor)});
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    const bool a_whole = a.prediction.unknown_flops == 0, b_whole = b.prediction.unknown_flops == 0;
    return a_whole != b_whole ? a_whole : a.prediction.total_us < b.prediction.total_us;
  });
  return candidates;
}

Json json_of(const AskedNetwork& network, const std::vector<Candidate>& candidates) {
  Json list = Json::array();
  for (const Candidate& each : candidates) {
    list.push_back({{"platform", each.predictor->platform},
                    {"accelerator", each.predictor->accelerator},
                    {"mode", each.predictor->mode},
                    {"total_us", each.prediction.total_us},
                    {"low_us", each.prediction.low_us},
                    {"high_us", each.prediction.high_us},
                    {"layers_without_model", each.prediction.unknown_layers},
                    {"layers_beyond_training", each.prediction.beyond_layers}});
  }
  return {{"network", network.name}, {"batch", network.batch}, {"platforms", list}};
}

void print(const AskedNetwork& network, const std::vector<Candidate>& candidates) {
  std::vector<std::vector<std::string>> table{
      {"time", "to the fastest", "at least", "at most", "no model", "beyond", "platform"}};
  const double fastest = candidates.front().prediction.total_us;
  for (const Candidate& each : candidates) {
    const NetworkPrediction& p = each.prediction;
    table.push_back({human_us(p.total_us), fmt::format("{:.2f}x", p.total_us / fastest), human_us(p.low_us),
                     human_us(p.high_us), fmt::format("{}", p.unknown_layers),
                     fmt::format("{}", p.beyond_layers), printable(name_of(*each.predictor))});
  }
  fmt::print("{}{}\n{}", printable(network.name),
             network.batch > 0 ? fmt::format(", batch {}", network.batch) : "", align_table(table));
}

int advise(const Options& options) {
  Workbench bench;
  std::vector<Predictor> predictors;
  for (const std::string& name : options.predictors) predictors.push_back(open_predictor(name, bench));
  Json list = Json::array();
  for (const AskedNetwork& network : asked_networks(options.networks, bench)) {
    const std::vector<Candidate> candidates = ranked(network, predictors);
    if (options.json) {
      list.push_back(json_of(network, candidates));
    } else {
      print(network, candidates);
    }
  }
  if (options.json) print_json({{"networks", list}});
  return done;
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
