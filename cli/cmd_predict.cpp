// raceline predict: how long networks take on a platform, by its predictor.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/predicted_networks.h"
#include "cli/predictors.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

struct Options {
  NetworkOptions networks;
  std::string predictor;
  int64_t samples = 0;
  double level = 90;
  bool json = false, brief = false, describe = false;
};

Json json_of(const Prediction& prediction) {
  return {{"us", prediction.us},
          {"low_us", prediction.low_us},
          {"high_us", prediction.high_us},
          {"beyond_training", prediction.beyond}};
}

Json json_of(const std::optional<Prediction>& prediction) {
  return prediction ? json_of(*prediction) : Json(nullptr);
}

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

Json json_of(const AskedNetwork& network, const NetworkPrediction& prediction, const Options& options) {
  Json layers = Json::array();
  for (size_t index = 0; index < prediction.layers.size(); ++index) {
    const NetworkPrediction::Row& row = prediction.layers[index];
    layers.push_back({{"name", row.name},
                      {"layer", network.layers[index].layer.key()},
                      {"type", row.facts.type},
                      {"primitive", row.primitive},
                      {"flops", row.facts.flops},
                      {"exe", json_of(row.exe)}});
  }
  Json document{{"network", network.name},
                {"batch", network.batch},
                {"total_us", prediction.total_us},
                {"low_us", prediction.low_us},
                {"high_us", prediction.high_us},
                {"exe_us", prediction.exe_us},
                {"calibrated", json_of(prediction.calibrated)},
                {"pre", json_of(prediction.pre)},
                {"post", json_of(prediction.post)},
                {"layers_without_model", prediction.unknown_layers},
                {"flops_without_model_percent", prediction.unknown_percent()},
                {"layers_beyond_training", prediction.beyond_layers},
                {"layers", layers}};
  if (options.samples > 0) {
    document["samples"] = options.samples;
    document["batches"] = batches_of(options.samples, network.batch);
    document["epoch_us"] = epoch_us(prediction.us(), options.samples, network.batch);
  }
  return document;
}

std::string interval_text(double low_us, double high_us) {
  return fmt::format("{} to {}", human_us(low_us), human_us(high_us));
}

void print_layers(const NetworkPrediction& prediction, double level) {
  std::vector<std::vector<std::string>> table{
      {"time", "share %", fmt::format("{:g} % interval", level), "type", "layer", ""}};
  for (const NetworkPrediction::Row& row : prediction.layers) {
    if (!row.exe) {
      table.push_back({"?", "", "", row.facts.type, printable(row.name), "no model of this type"});
      continue;
    }
    table.push_back(
        {human_us(row.exe->us), fmt::format("{:.1f}", percent(row.exe->us, prediction.exe_us)),
         interval_text(row.exe->low_us, row.exe->high_us),
         row.primitive.empty() ? row.facts.type
                               : printable(fmt::format("{} by {}", row.facts.type, row.primitive)),
         printable(row.name), row.exe->beyond.empty() ? "" : "beyond training: " + row.exe->beyond});
  }
  fmt::print("{}", align_table(table));
}

void print(const AskedNetwork& network, const NetworkPrediction& prediction, const Options& options) {
  if (!options.brief) print_layers(prediction, options.level);
  const auto phase = [](const std::optional<Prediction>& each) {
    return each ? human_us(each->us) : "unknown";
  };
  const std::string sum =
      fmt::format("{} ({}); pre {}, exe {}, post {}", human_us(prediction.total_us),
                  interval_text(prediction.low_us, prediction.high_us), phase(prediction.pre),
                  human_us(prediction.exe_us), phase(prediction.post));
  fmt::print("{}, batch {}: ", printable(network.name), network.batch);
  if (const std::optional<Prediction>& whole = prediction.calibrated) {
    fmt::print("{} ({}), as whole networks take it; sum of layers {}\n", human_us(whole->us),
               interval_text(whole->low_us, whole->high_us), sum);
  } else {
    fmt::print("{}\n", sum);
  }
  if (options.samples > 0) {
    fmt::print("an epoch of {} samples: {} batches, {}\n", options.samples,
               batches_of(options.samples, network.batch),
               human_us(epoch_us(prediction.us(), options.samples, network.batch)));
  }
  if (prediction.unknown_layers > 0) {
    fmt::print("{} of {} layers have no model and count nothing: {:.2f} % of the FLOPs\n",
               prediction.unknown_layers, prediction.layers.size(), prediction.unknown_percent());
  }
  if (prediction.beyond_layers > 0) {
    fmt::print("{} layers lie beyond the training rows: their times are extrapolated\n",
               prediction.beyond_layers);
  }
}

void print_platform(const Predictor& predictor) {
  fmt::print("{} on {} ({}), model {}\n", printable(predictor.platform), printable(predictor.accelerator),
             printable(predictor.mode), predictor.model);
}

Json json_of(const NetworkRule& rule) {
  return {{"composition", rule.composition.to_string()},
          {"behind_the_layer_before", rule.shares.to_string()},
          {"networks", rule.networks}};
}

/// What people can read of a predictor: where it comes from, and of each model its rows and its prices.
int describe(const Predictor& predictor, bool json) {
  if (json) {
    Json parts = Json::array();
    for (const PredictorPart& part : predictor.parts) {
      parts.push_back({{"type", part.type},
                       {"primitive", part.primitive},
                       {"phase", to_string(part.phase)},
                       {"rows", part.rows},
                       {"model", part.model->name()},
                       {"described", part.model->describe()}});
    }
    print_json({{"platform", predictor.platform},
                {"accelerator", predictor.accelerator},
                {"mode", predictor.mode},
                {"threads", predictor.threads},
                {"machines", predictor.machines},
                {"model", predictor.model},
                {"notes", predictor.notes},
                {"calibrated", predictor.networks ? json_of(*predictor.networks) : Json(nullptr)},
                {"parts", parts}});
    return done;
  }
  print_platform(predictor);
  if (!predictor.machines.empty()) fmt::print("# machines: {}\n", printable(join(predictor.machines, ", ")));
  for (const std::string& note : predictor.notes) fmt::print("# {}\n", printable(note));
  if (predictor.networks) {
    fmt::print("networks: {}\n", predictor.networks->composition.to_string());
    if (const std::string shares = predictor.networks->shares.to_string(); !shares.empty())
      fmt::print("behind the layer before: {}\n", shares);
  }
  for (const PredictorPart& part : predictor.parts) {
    fmt::print("{}{}{}, {}: {} rows, {}\n", printable(part.type), part.primitive.empty() ? "" : " by ",
               printable(part.primitive), to_string(part.phase), part.rows, part.model->name());
    for (const std::string& line : part.model->describe()) fmt::print("  {}\n", printable(line));
  }
  return done;
}

int predict(const Options& options) {
  Workbench bench;
  const Predictor predictor = open_predictor(options.predictor, bench);
  if (options.describe) return describe(predictor, options.json);
  if (options.networks.paths.empty()) throw Error("predict: a MODEL or a FOLDER is wanted, or --describe");
  Json list = Json::array();
  if (!options.json) print_platform(predictor);
  const std::vector<AskedNetwork> networks = asked_networks(options.networks, bench);
  std::vector<std::vector<NetworkLayer>> layers;
  for (const AskedNetwork& network : networks) layers.push_back(network.layers);
  const std::vector<NetworkPrediction> predictions = predict_networks(layers, predictor, options.level / 100);
  for (size_t index = 0; index < networks.size(); ++index) {
    const AskedNetwork& network = networks[index];
    if (!network.error.empty()) {
      list.push_back({{"network", network.name}, {"batch", network.batch}, {"error", network.error}});
    } else if (options.json) {
      list.push_back(json_of(network, predictions[index], options));
    } else {
      print(network, predictions[index], options);
    }
  }
  if (options.json) {
    print_json({{"platform", predictor.platform},
                {"accelerator", predictor.accelerator},
                {"mode", predictor.mode},
                {"model", predictor.model},
                {"level_percent", options.level},
                {"networks", list}});
  }
  return status_of(networks);
}

}  // namespace

std::function<int()> setup_predict(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->networks.add_to(app);
  app.get_option("models")->required(false);  // --describe needs none
  app.add_option("--predictor", options->predictor,
                 "Predictor: a file of train, or the name of one that is shipped")
      ->required()
      ->type_name("PREDICTOR");
  app.add_option("--samples", options->samples,
                 "The time of an epoch too: so many samples in batches of the network's")
      ->check(CLI::PositiveNumber);
  app.add_option("--level", options->level, "Of the intervals, in percent")
      ->check(CLI::Range(1.0, 99.9))
      ->capture_default_str();
  app.add_flag("--brief", options->brief, "Networks only, no layers");
  app.add_flag("--describe", options->describe,
               "Where the predictor comes from, and what can be read of its models; predicts nothing");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return predict(*options); };
}

}  // namespace raceline::cli
