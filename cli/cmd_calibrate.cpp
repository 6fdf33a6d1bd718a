// raceline calibrate: from networks that were measured whole, what a platform makes of a sum of layers.
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/kept_predictors.h"
#include "cli/predictors.h"
#include "cli/study_networks.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/gzip.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/model/zoo/zoo.h"
#include "raceline/predict/accuracy.h"

namespace raceline::cli {
namespace {

/// Each network is judged by two other families at least.
constexpr size_t least_families = 3;

struct Options {
  std::string predictor;
  std::filesystem::path data, output, kept = default_store().parent_path() / "predictors";
  double level = 90;
  bool json = false;
};

/// Layers of all networks, and how many of them the predictor was trained on.
struct Seen {
  size_t layers = 0, trained_on = 0;
  bool is_known = true;
};

/// A network that was measured whole, and what is said of it. All times in microseconds.
struct Row {
  std::string network;
  int64_t batch = 1;
  double measured_us = 0;
  OracleSum oracle;       ///< of its measured layers
  NetworkPrediction sum;  ///< of its predicted layers
  NetworkTerms terms;
  double unknown_percent = 0;       ///< share of layers without a model in the time of measured layers
  double calibrated_us = 0;         ///< by networks of other families; NaN where there are too few
  double by_other_networks_us = 0;  ///< by all other networks, of its family too
};

/// Measured networks of the zoo with their times, at each batch. What is none of the zoo, or has no time of
/// all phases, is named on stderr.
std::map<std::pair<std::string, int64_t>, double> measured_networks(const Dataset& rows, PhaseModel phases) {
  std::map<std::pair<std::string, int64_t>, double> measured;
  for (const DatasetRow& row : rows.rows) {
    if (!is_model(row.layer) || row.repeat != 0) continue;
    const std::vector<std::string_view> parts = words(row.layer);
    const bool is_known = parts.size() == 3 && parts[2].starts_with("batch=") &&
                          std::ranges::any_of(zoo(), [&](const ZooNet& net) { return net.name == parts[1]; });
    const double us = row.label(phases).total_us();
    if (!is_known || !(us > 0)) {
      fmt::print(stderr, "left out: '{}' {}\n", printable(row.layer),
                 is_known ? "has no time of all phases" : "is no network of the zoo");
      continue;
    }
    measured[{std::string(parts[1]), parse_int(parts[2].substr(6), "the batch of a network")}] = us;
  }
  return measured;
}

/// Of the time of all layers that were measured, what those without a model take.
double unknown_percent(const std::vector<NetworkLayer>& layers, const NetworkPrediction& prediction,
                       const std::map<std::string, Phases>& measured) {
  double all_us = 0, unknown_us = 0;
  for (size_t index = 0; index < layers.size(); ++index) {
    const std::optional<Phases> phases = oracle_sum({layers[index]}, measured).first;
    if (!phases) continue;
    all_us += phases->exe_us;
    if (!prediction.layers[index].exe) unknown_us += phases->exe_us;
  }
  return all_us > 0 ? 100 * unknown_us / all_us : 0;
}

std::vector<Row> judged(const Dataset& own, const Predictor& predictor, const Options& options,
                        const Workbench& bench, NetworkRule& rule, Seen& seen) {
  const auto measured = measured_networks(own, predictor.phases);
  const KeptPredictors kept(options.kept);
  StudyNetworks networks;
  for (const auto& [key, us] : measured)
    networks.merge(study_networks({key.first}, {key.second}, bench, kept));
  if (is_interrupted()) return {};
  rule.shares = PairShares::fit(own, predictor.phases, batchless_keys_of(networks));
  const std::vector<std::string> keys = keys_of(networks);
  seen = {.layers = keys.size(), .is_known = !predictor.trained.empty()};
  for (const std::string& key : keys) seen.trained_on += predictor.trained.contains(key) ? 1 : 0;
  const std::map<std::string, Phases> layers = measured_layers(own, predictor.phases);
  std::vector<Row> rows;
  for (const auto& [key, us] : measured) {
    Row row{
        .network = key.first, .batch = key.second, .measured_us = us, .oracle = {}, .sum = {}, .terms = {}};
    row.oracle = oracle_sum(networks.at(key), layers);
    row.sum = predict_network(networks.at(key), predictor);
    row.terms = network_terms(networks.at(key), row.sum, rule.shares);
    row.unknown_percent = unknown_percent(networks.at(key), row.sum, layers);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Fits the rule to all rows, and says of each what the others would have made of it.
void calibrate(std::vector<Row>& rows, NetworkRule& rule) {
  std::vector<std::string> names;
  std::vector<NetworkTerms> terms;
  std::vector<double> measured;
  for (const Row& row : rows) {
    names.push_back(row.network);
    terms.push_back(row.terms);
    measured.push_back(row.measured_us);
    rule.networks.push_back(fmt::format("{} batch {}", row.network, row.batch));
  }
  rule.composition = Composition::fit_families(names, terms, measured);
  const std::vector<double> left_out = leave_one_out(names, terms, measured);
  const std::vector<double> by_other_networks = leave_one_out(names, terms, measured, LeaveOut::network);
  std::vector<double> guesses, times;
  for (size_t index = 0; index < rows.size(); ++index) {
    rows[index].calibrated_us = left_out[index];
    rows[index].by_other_networks_us = by_other_networks[index];
    if (std::isnan(left_out[index])) continue;
    guesses.push_back(plausible_us(left_out[index]));
    times.push_back(measured[index]);
  }
  rule.conformal = Conformal::fit(guesses, times);
}

double error_percent(double us, double measured_us) {
  return 100 * (us - measured_us) / measured_us;
}

/// How good one way to say it is, over the rows of which it says anything; and what it makes of each family.
struct Judgement {
  std::vector<double> us, measured_us;
  std::map<std::string, std::vector<double>> errors_by_family;

  void add(const Row& row, double each_us) {
    if (!(each_us > 0)) return;
    us.push_back(each_us);
    measured_us.push_back(row.measured_us);
    errors_by_family[std::string(network_family(row.network))].push_back(
        std::abs(error_percent(each_us, row.measured_us)));
  }
  Json json() const {
    if (us.empty()) return nullptr;
    const Accuracy a = accuracy(us, measured_us);
    Json families = Json::object();
    for (const auto& [family, errors] : errors_by_family) {
      const auto [least, most] = std::ranges::minmax(errors);
      families[family] = {{"least_percent", least}, {"most_percent", most}, {"networks", errors.size()}};
    }
    return {{"networks", a.rows},   {"mape_percent", a.mape}, {"median_percent", a.median},
            {"p90_percent", a.p90}, {"bias_percent", a.bias}, {"families", families}};
  }
  std::string text() const {
    if (us.empty()) return "not known";
    const Accuracy a = accuracy(us, measured_us);
    return fmt::format("{:.1f} % (median {:.1f}, bias {:+.1f}) of {} networks", a.mape, a.median, a.bias,
                       a.rows);
  }
};

/// What whole networks take when they are measured again, by the time of all phases.
struct Noise {
  size_t networks = 0;
  double mape_percent = std::numeric_limits<double>::quiet_NaN();
};

Noise noise_of_networks(const Dataset& own, PhaseModel phases) {
  std::map<std::string, double> first;
  for (const DatasetRow& row : own.rows) {
    if (is_model(row.layer) && row.repeat == 0) first[row.layer] = row.label(phases).total_us();
  }
  Noise noise;
  double sum = 0;
  for (const DatasetRow& row : own.rows) {
    const auto found = row.repeat == 0 ? first.end() : first.find(row.layer);
    if (found == first.end()) continue;
    ++noise.networks;
    sum += std::abs(error_percent(row.label(phases).total_us(), found->second));
  }
  if (noise.networks > 0) noise.mape_percent = sum / static_cast<double>(noise.networks);
  return noise;
}

void print(const std::vector<Row>& rows, const NetworkRule& rule, const Noise& noise, const Seen& seen,
           const Options& options) {
  Judgement oracle, sum, calibrated, by_other_networks;
  Json list = Json::array();
  std::vector<std::vector<std::string>> table{{"network", "batch", "measured", "oracle sum", "%", "sum", "%",
                                               "calibrated", "%", "no model", "not measured"}};
  const auto error = [](double us, const Row& row) {
    return us > 0 ? fmt::format("{:+.1f}", error_percent(us, row.measured_us)) : "";
  };
  for (const Row& row : rows) {
    const double oracle_us = row.oracle.measured == row.oracle.layers ? row.oracle.us : 0;
    oracle.add(row, oracle_us);
    sum.add(row, row.sum.total_us);
    calibrated.add(row, row.calibrated_us);
    by_other_networks.add(row, row.by_other_networks_us);
    table.push_back({row.network, fmt::format("{}", row.batch), human_us(row.measured_us),
                     oracle_us > 0 ? human_us(oracle_us) : "", error(oracle_us, row),
                     human_us(row.sum.total_us), error(row.sum.total_us, row),
                     row.calibrated_us > 0 ? human_us(row.calibrated_us) : "", error(row.calibrated_us, row),
                     row.sum.unknown_layers == 0
                         ? "0"
                         : fmt::format("{}, {:.1f} %", row.sum.unknown_layers, row.unknown_percent),
                     fmt::format("{}", row.oracle.layers - row.oracle.measured)});
    list.push_back({{"network", row.network},
                    {"batch", row.batch},
                    {"measured_us", row.measured_us},
                    {"oracle_us", oracle_us > 0 ? Json(oracle_us) : Json(nullptr)},
                    {"sum_us", row.sum.total_us},
                    {"calibrated_us", row.calibrated_us > 0 ? Json(row.calibrated_us) : Json(nullptr)},
                    {"by_other_networks_us",
                     row.by_other_networks_us > 0 ? Json(row.by_other_networks_us) : Json(nullptr)},
                    {"layers", row.oracle.layers},
                    {"layers_without_model", row.sum.unknown_layers},
                    {"flops_without_model_percent", row.sum.unknown_percent()},
                    {"time_without_model_percent", row.unknown_percent},
                    {"layers_measured", row.oracle.measured},
                    {"measured_us_of_layers", row.oracle.us}});
  }
  if (seen.trained_on > 0) {
    fmt::print(
        stderr,
        "warning: the predictor was trained on {} of the {} layers of these networks, so that it seems "
        "better than it is (raceline dataset split --without-layers-of)\n",
        seen.trained_on, seen.layers);
  }
  const double factor = rule.conformal.factor(options.level / 100);
  if (options.json) {
    print_json({{"predictor", options.output.string()},
                {"composition", rule.composition.to_string()},
                {"behind_the_layer_before", rule.shares.to_string()},
                {"level_percent", options.level},
                {"interval_factor", std::isfinite(factor) ? Json(factor) : Json(nullptr)},
                {"layers", seen.layers},
                {"layers_trained_on", seen.is_known ? Json(seen.trained_on) : Json(nullptr)},
                {"noise_floor_percent", noise.mape_percent},
                {"noise_floor_networks", noise.networks},
                {"oracle", oracle.json()},
                {"sum", sum.json()},
                {"calibrated", calibrated.json()},
                {"by_other_networks", by_other_networks.json()},
                {"networks", list}});
    return;
  }
  fmt::print("{}networks take {}\n", align_table(table), rule.composition.to_string());
  if (const std::string shares = rule.shares.to_string(); !shares.empty())
    fmt::print("behind the layer before: {}\n", shares);
  fmt::print(
      "off by: sum of measured layers {}; of predicted layers {}; calibrated on other families {}, on all "
      "other networks {}\n",
      oracle.text(), sum.text(), calibrated.text(), by_other_networks.text());
  if (noise.networks > 0)
    fmt::print("a repeated measurement is off by {:.1f} % of {} networks\n", noise.mape_percent,
               noise.networks);
  fmt::print("written to {}\n", options.output.string());
}

int calibrate_predictor(const Options& options) {
  Workbench bench;
  Predictor predictor = open_predictor(options.predictor, bench);
  const Dataset dataset = read_dataset(options.data);
  const std::vector<std::string> machines =
      machines_of(dataset, predictor.platform, predictor.accelerator, predictor.mode, predictor.threads);
  if (machines != predictor.machines) {
    fmt::print(stderr, "warning: the predictor is of the machines {}, these rows are of {}\n",
               printable(join(predictor.machines, ", ")), printable(join(machines, ", ")));
  }
  Dataset own = rows_of(dataset, predictor);
  std::erase_if(own.rows, [](const DatasetRow& row) { return !row.primitive.empty(); });
  NetworkRule rule;
  Seen seen;
  std::vector<Row> rows = judged(own, predictor, options, bench, rule, seen);
  if (is_interrupted()) return interrupted;
  std::set<std::string_view> families;
  for (const Row& row : rows) families.insert(network_family(row.network));
  if (families.size() < least_families) {
    throw Error(
        fmt::format("'{}' has networks of {} families, wanted {} at least, of {} on {} ({}, {} threads), "
                    "as `raceline collect --models` measures them",
                    options.data.string(), families.size(), least_families, predictor.platform,
                    predictor.accelerator, predictor.mode, predictor.threads));
  }
  calibrate(rows, rule);
  predictor.networks = rule;
  write_maybe_gzip(options.output, predictor.to_text());
  print(rows, rule, noise_of_networks(own, predictor.phases), seen, options);
  return done;
}

}  // namespace

std::function<int()> setup_calibrate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("predictor", options->predictor,
                 "Predictor: a file of train, or the name of one that is shipped")
      ->required()
      ->type_name("PREDICTOR");
  app.add_option("data", options->data, "Dataset with whole networks of its platform, and pairs of layers")
      ->required()
      ->type_name("DATA.csv");
  app.add_option("-o,--output", options->output, "Predictor to write, packed if its name ends in .gz")
      ->required()
      ->type_name("PREDICTOR");
  app.add_option("--kept", options->kept, "Folder where layers of networks are kept, and found again")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--level", options->level, "Of the interval, in percent")
      ->check(CLI::Range(1.0, 99.9))
      ->capture_default_str();
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return calibrate_predictor(*options); };
}

}  // namespace raceline::cli
