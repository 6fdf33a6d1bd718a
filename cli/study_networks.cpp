#include "cli/study_networks.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/predicted_networks.h"
#include "cli/scratch_folder.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"
#include "raceline/model/zoo/zoo.h"
#include "raceline/predict/composition.h"
#include "raceline/predict/pair_shares.h"

namespace raceline::cli {
namespace {

using Estimate = StudyNetwork::Estimate;

/// Name, key, type of the layer before and, where one is folded in, "batch_norm", with tabs between, of each
/// layer.
std::string layers_text(const std::string& net, int64_t batch, const Workbench& bench) {
  const ScratchFolder scratch;
  const std::filesystem::path file = scratch.path() / (net + ".onnx");
  fmt::print(stderr, "layers of {}, batch {}\n", net, batch);
  write_zoo(net, file, {.batch = batch});
  std::string text;
  for (const NetworkLayer& each : asked_network(file, {}, 0, bench).layers)
    text += fmt::format("{}\t{}\t{}\t{}\n", each.name, each.layer.key(), each.after,
                        each.folds_batch_norm ? "batch_norm" : "");
  return text;
}

std::vector<NetworkLayer> parse_layers(const std::string& text) {
  std::vector<NetworkLayer> layers;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> parts = split(line, '\t');
    if (parts.size() != 4) continue;
    NetworkLayer each;
    each.name = parts[0];
    each.layer = LayerDesc::parse(parts[1]);
    each.after = parts[2];
    each.folds_batch_norm = !parts[3].empty();
    each.facts = facts_of(each.layer);
    layers.push_back(std::move(each));
  }
  return layers;
}

/// A network as the papers know it: what is no convolution, pooling or dense layer has no part in their sums,
/// and the last of these is the last layer.
struct PaperNet {
  std::vector<NetworkLayer> layers;
  size_t others = 0;
  double flops = 0, other_flops = 0;

  explicit PaperNet(const std::vector<NetworkLayer>& all) {
    for (const NetworkLayer& each : all) {
      flops += each.facts.flops;
      if (is_paper_type(each.facts.type)) {
        layers.push_back(each);
      } else {
        ++others;
        other_flops += each.facts.flops;
      }
    }
  }
  /// What is left out of a sum, beside the others.
  void count(Estimate& estimate, size_t unknown, double unknown_flops) const {
    estimate.layers_without_model = others + unknown;
    estimate.flops_without_model_percent = flops > 0 ? 100 * (other_flops + unknown_flops) / flops : 0;
  }
};

Estimate oracle_of(const PaperNet& net, const std::map<std::string, Phases>& measured) {
  const OracleSum sum = oracle_sum(net.layers, measured);
  Estimate estimate;
  net.count(estimate, sum.layers - sum.measured, sum.flops - sum.measured_flops);
  if (sum.measured < sum.layers) {
    estimate.reason = fmt::format("{} of {} layers measured", sum.measured, sum.layers);
  } else {
    estimate.us = sum.us;
  }
  return estimate;
}

Estimate predicted_by(const Predictor& predictor, const PaperNet& net) {
  const NetworkPrediction prediction = predict_network(net.layers, predictor);
  Estimate estimate;
  net.count(estimate, prediction.unknown_layers, prediction.unknown_flops);
  if (prediction.exe_us > 0) {
    estimate.us = prediction.total_us;
  } else {
    estimate.reason = "no model";
  }
  return estimate;
}

/// The first and last layer are those that the papers know.
NetworkTerms terms_of(const Predictor& predictor, const std::vector<NetworkLayer>& layers,
                      const PaperNet& net, const PairShares& shares) {
  NetworkPrediction prediction = predict_network(layers, predictor);
  const NetworkPrediction ends = predict_network(net.layers, predictor);
  prediction.pre = ends.pre;
  prediction.post = ends.post;
  return network_terms(layers, prediction, shares);
}

/// Fills in what each network takes by the composition of the others. `terms` has one entry a row, or none.
std::string calibrate(std::vector<StudyNetwork>& rows, const std::vector<NetworkTerms>& terms) {
  std::vector<std::string> names;
  std::vector<NetworkTerms> known;
  std::vector<double> measured_us;
  std::vector<StudyNetwork*> of;
  for (size_t index = 0; index < terms.size(); ++index) {
    if (!(rows[index].measured_us > 0)) continue;
    names.push_back(rows[index].network);
    known.push_back(terms[index]);
    measured_us.push_back(rows[index].measured_us);
    of.push_back(&rows[index]);
  }
  for (StudyNetwork& row : rows) row.calibrated.reason = terms.empty() ? "no model" : "not collected";
  if (known.empty()) return "";
  const std::vector<double> us = leave_one_out(names, known, measured_us);
  for (size_t index = 0; index < us.size(); ++index) {
    of[index]->calibrated.us = us[index];
    of[index]->calibrated.reason = std::isnan(us[index]) ? "fewer than two other families of networks" : "";
  }
  return Composition::fit_families(names, known, measured_us).to_string();
}

double total_us(const SubjectRows* rows, const std::string& net, int64_t batch, PhaseModel definition) {
  const DatasetRow* row = rows == nullptr ? nullptr : rows->network(net, batch);
  return row == nullptr ? std::numeric_limits<double>::quiet_NaN() : row->label(definition).total_us();
}

double us_of(const std::optional<Prediction>& prediction) {
  return prediction ? prediction->us : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

StudyNetworks study_networks(const std::vector<std::string>& names, const std::vector<int64_t>& batches,
                             const Workbench& bench, const KeptPredictors& kept) {
  StudyNetworks networks;
  for (const std::string& name : names) {
    for (const int64_t batch : batches) {
      if (is_interrupted()) return {};
      const std::string text =
          kept.text(fmt::format("layers and batch-norms in their order of {} batch {}", name, batch),
                    [&] { return layers_text(name, batch, bench); });
      networks[{name, batch}] = parse_layers(text);
    }
  }
  return networks;
}

std::map<std::string, Phases> measured_layers(const Dataset& rows, PhaseModel definition) {
  std::map<std::string, Phases> measured;
  for (const DatasetRow& row : rows.rows) {
    if (!is_layer(row.layer) || row.repeat != 0) continue;
    const Phases& phases = row.label(definition);
    measured[row.layer] = phases;
    measured.emplace(bare_key(row.layer), phases);
  }
  return measured;
}

std::vector<std::string> keys_of(const StudyNetworks& networks) {
  std::set<std::string> keys;
  for (const auto& [name, layers] : networks) {
    for (const NetworkLayer& layer : layers) keys.insert(layer.layer.key());
  }
  return {keys.begin(), keys.end()};
}

std::set<std::string> batchless_keys_of(const StudyNetworks& networks) {
  std::set<std::string> keys;
  for (const std::string& key : keys_of(networks)) keys.insert(batchless_key(key));
  return keys;
}

CalibratedNetworks network_rows(size_t subject, const SubjectRows& rows, const SubjectRows* unoptimised,
                                const StudyNetworks& networks, const RecipePredictors& predictors,
                                PhaseModel definition) {
  const std::map<std::string, Phases> measured = measured_layers(rows.rows, definition);
  const PairShares shares = PairShares::fit(rows.rows, definition, batchless_keys_of(networks));
  CalibratedNetworks list;
  std::vector<NetworkTerms> terms;
  for (const auto& [key, layers] : networks) {
    StudyNetwork each{.subject = subject,
                      .network = key.first,
                      .batch = key.second,
                      .how = {},
                      .oracle = {},
                      .predicted = {},
                      .calibrated = {}};
    each.measured_us = total_us(&rows, key.first, key.second, definition);
    each.unoptimised_us = total_us(unoptimised, key.first, key.second, definition);
    if (std::isnan(each.measured_us)) each.how = rows.subject.how;
    const PaperNet net(layers);
    each.oracle = oracle_of(net, measured);
    for (const auto& [recipe, predictor] : predictors) each.predicted[recipe] = predicted_by(predictor, net);
    if (const auto ours = predictors.find(composed_recipe); ours != predictors.end())
      terms.push_back(terms_of(ours->second, layers, net, shares));
    list.rows.push_back(std::move(each));
  }
  list.composition = calibrate(list.rows, terms);
  if (const std::string found = shares.to_string(); !list.composition.empty() && !found.empty())
    list.composition += "; behind the layer before: " + found;
  return list;
}

std::vector<StudyStep> network_steps(size_t subject, const SubjectRows& rows,
                                     const std::vector<NetworkLayer>& all, const Predictor& predictor,
                                     PhaseModel definition) {
  const std::vector<NetworkLayer> layers = PaperNet(all).layers;
  const std::map<std::string, Phases> measured = measured_layers(rows.rows, definition);
  const NetworkPrediction prediction = predict_network(layers, predictor);
  const auto measured_of = [&](const NetworkLayer& layer) { return oracle_sum({layer}, measured).first; };
  std::vector<StudyStep> steps;
  const auto add = [&](const std::string& name, const std::string& layer, double predicted_us,
                       std::optional<double> measured_us) {
    steps.push_back(
        {subject, name, layer, predicted_us, measured_us.value_or(std::numeric_limits<double>::quiet_NaN())});
  };
  const auto first = measured_of(layers.front()), last = measured_of(layers.back());
  add("pre", layers.front().name, us_of(prediction.pre), first ? std::optional(first->pre_us) : std::nullopt);
  std::map<std::string, int> count;
  for (size_t index = 0; index < layers.size(); ++index) {
    const std::string& type = layers[index].facts.type;
    const auto times = measured_of(layers[index]);
    add(fmt::format("{} {}", type, ++count[type]), layers[index].name, us_of(prediction.layers[index].exe),
        times ? std::optional(times->exe_us) : std::nullopt);
  }
  add("post", layers.back().name, us_of(prediction.post), last ? std::optional(last->post_us) : std::nullopt);
  const double whole = total_us(&rows, "lenet5", 1, definition);
  add("total", "", prediction.total_us, std::isnan(whole) ? std::nullopt : std::optional(whole));
  return steps;
}

}  // namespace raceline::cli
