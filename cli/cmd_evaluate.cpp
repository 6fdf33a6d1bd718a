// raceline evaluate: a predictor against measured rows that it was not trained on.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/predictors.h"
#include "raceline/base/csv.h"
#include "raceline/base/error.h"
#include "raceline/base/gzip.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"
#include "raceline/predict/accuracy.h"
#include "raceline/profile/store.h"

namespace raceline::cli {
namespace {

struct Options {
  std::string predictor;
  std::filesystem::path data, rows;
  std::vector<std::string> sets;
  double level = 90;
  bool json = false;
};

/// Rows of one set, type, primitive and phase.
struct Group {
  std::vector<const DatasetRow*> rows;
  std::vector<LayerFacts> layers;
  std::vector<double> measured_us;
  std::vector<Prediction> predictions;
};
using GroupKey = std::tuple<std::string, std::string, std::string, Phase>;

/// How many rows lie within their interval. Of an interval without an upper end nothing can be said: its rows
/// are counted apart.
struct Coverage {
  size_t rows = 0, covered = 0;
  size_t beyond_rows = 0, beyond_covered = 0;  ///< of these, those outside the range of training
  size_t unbounded = 0;

  void add(const Prediction& prediction, double measured_us) {
    if (!std::isfinite(prediction.high_us)) {
      ++unbounded;
      return;
    }
    const size_t holds = prediction.low_us <= measured_us && measured_us <= prediction.high_us ? 1 : 0;
    ++rows;
    covered += holds;
    if (prediction.beyond.empty()) return;
    ++beyond_rows;
    beyond_covered += holds;
  }
  void add(const Coverage& other) {
    rows += other.rows;
    covered += other.covered;
    beyond_rows += other.beyond_rows;
    beyond_covered += other.beyond_covered;
    unbounded += other.unbounded;
  }
  void put(Json& into) const {
    const Share all = share_of(covered, rows), beyond = share_of(beyond_covered, beyond_rows);
    into["coverage_rows"] = rows;
    into["coverage_percent"] = all.percent;
    into["coverage_low_percent"] = all.low;
    into["coverage_high_percent"] = all.high;
    into["beyond_rows"] = beyond_rows;
    into["beyond_coverage_percent"] = beyond_rows == 0 ? Json(nullptr) : Json(beyond.percent);
    into["unbounded_rows"] = unbounded;
  }
};

struct Result {
  Accuracy all, beyond;  ///< beyond: of rows outside the range of training
  Coverage coverage;
  double width = 0;  ///< median of high / low, as a factor around the prediction
  double noise = std::numeric_limits<double>::quiet_NaN();
  size_t noise_rows = 0;
};

struct Groups {
  std::map<GroupKey, Group> judged;
  std::map<GroupKey, size_t> without_model;  ///< rows in a phase that the predictor knows of other types
};

Groups groups_of(const Dataset& own, const Predictor& predictor, const Options& options) {
  std::set<Phase> phases;
  for (const PredictorPart& part : predictor.parts) phases.insert(part.phase);
  Groups groups;
  for (const DatasetRow& row : own.rows) {
    const bool wanted = options.sets.empty() ? is_judged(row)
                                             : std::find(options.sets.begin(), options.sets.end(), row.set) !=
                                                   options.sets.end();
    if (!wanted || row.repeat != 0) continue;
    for (const Phase phase : phases) {
      const double us = time_of(row.label(predictor.phases), phase);
      if (!(us > 0)) continue;
      const GroupKey key{row.set, row.type, row.primitive, phase};
      if (predictor.find(row.type, phase, row.primitive) == nullptr) {
        ++groups.without_model[key];
        continue;
      }
      Group& group = groups.judged[key];
      group.rows.push_back(&row);
      group.layers.push_back(facts_of(LayerDesc::parse(row.layer)));
      group.measured_us.push_back(us);
    }
  }
  return groups;
}

/// Rows, of all phases, of layers that the predictor knows by heart.
size_t rows_trained_on(const std::map<GroupKey, Group>& groups, const TrainedLayers& trained) {
  size_t count = 0;
  for (const auto& [key, group] : groups) {
    count += static_cast<size_t>(std::ranges::count_if(
        group.rows, [&](const DatasetRow* row) { return trained.contains(row->layer); }));
  }
  return count;
}

/// Of a type that the predictor has a model of.
void predict(const Predictor& predictor, const GroupKey& key, Group& group, double level) {
  const auto& [set, type, primitive, phase] = key;
  for (const std::optional<Prediction>& each : predictor.predict(group.layers, phase, level / 100, primitive))
    group.predictions.push_back(*each);
}

Result judge(const Group& group) {
  std::vector<double> predicted, widths, beyond_predicted, beyond_measured;
  Coverage coverage;
  for (size_t row = 0; row < group.predictions.size(); ++row) {
    const Prediction& prediction = group.predictions[row];
    const double measured = group.measured_us[row];
    predicted.push_back(prediction.us);
    widths.push_back(prediction.high_us / prediction.us);
    coverage.add(prediction, measured);
    if (!prediction.beyond.empty()) {
      beyond_predicted.push_back(prediction.us);
      beyond_measured.push_back(measured);
    }
  }
  Result result{.all = accuracy(predicted, group.measured_us), .beyond = {}};
  if (!beyond_measured.empty()) result.beyond = accuracy(beyond_predicted, beyond_measured);
  result.coverage = coverage;
  result.width = percentile(widths, 0.5);
  return result;
}

/// A line for each row: what was measured, what was predicted, and between which bounds.
std::string rows_csv(const std::map<GroupKey, Group>& groups) {
  std::string text =
      "set,type,primitive,phase,layer,measured_us,predicted_us,low_us,high_us,outlier,beyond_training\n";
  for (const auto& [key, group] : groups) {
    const auto& [set, type, primitive, phase] = key;
    for (size_t row = 0; row < group.rows.size(); ++row) {
      const Prediction& prediction = group.predictions[row];
      text += fmt::format("{},{},{},{},{},{:.6g},{:.6g},{:.6g},{:.6g},{},{}\n", csv_field(set), type,
                          csv_field(primitive), to_string(phase), csv_field(group.rows[row]->layer),
                          group.measured_us[row], prediction.us, prediction.low_us, prediction.high_us,
                          group.rows[row]->outlier ? 1 : 0, csv_field(prediction.beyond));
    }
  }
  return text;
}

/// "88.2 (70.1 to 95.9)" in percent, by Wilson's interval.
std::string covered_text(const Coverage& coverage) {
  if (coverage.rows == 0) return "unknown";
  const Share share = share_of(coverage.covered, coverage.rows);
  return fmt::format("{:.1f} ({:.0f} to {:.0f})", share.percent, share.low, share.high);
}

/// "88.2 % (85.5 to 90.5) of 620 (beyond training 70.0 % of 40; 3 more have no end)".
std::string pooled_share(const Coverage& coverage) {
  const Share share = share_of(coverage.covered, coverage.rows);
  std::string text = "0";
  if (coverage.rows > 0)
    text = fmt::format("{:.1f} % ({:.1f} to {:.1f}) of {}", share.percent, share.low, share.high, share.rows);
  std::vector<std::string> notes;
  if (coverage.beyond_rows > 0) {
    const Share beyond = share_of(coverage.beyond_covered, coverage.beyond_rows);
    notes.push_back(fmt::format("beyond training {:.1f} % of {}", beyond.percent, beyond.rows));
  }
  if (coverage.unbounded > 0) notes.push_back(fmt::format("{} more have no end", coverage.unbounded));
  return notes.empty() ? text : fmt::format("{} ({})", text, join(notes, "; "));
}

/// `floors` are of the predictor's own rows.
void add_noise(Result& result, const std::vector<NoiseFloor>& floors, const GroupKey& key) {
  const auto& [set, type, primitive, phase] = key;
  for (const NoiseFloor& floor : floors) {
    if (floor.type == type && floor.primitive == primitive && floor.phase == to_string(phase) &&
        floor.above == "all") {
      result.noise = floor.mape_percent;
      result.noise_rows = floor.rows;
    }
  }
}

Json json_of(const GroupKey& key, const Result& result) {
  const auto& [set, type, primitive, phase] = key;
  const Accuracy& a = result.all;
  Json row{{"set", set},
           {"type", type},
           {"primitive", primitive},
           {"phase", to_string(phase)},
           {"rows", a.rows},
           {"mape_percent", a.mape},
           {"median_percent", a.median},
           {"p90_percent", a.p90},
           {"mae_us", a.mae_us},
           {"rmse_us", a.rmse_us},
           {"r2", a.r2},
           {"within_5_percent", a.within_5},
           {"within_10_percent", a.within_10},
           {"within_15_percent", a.within_15},
           {"bias_percent", a.bias},
           {"rank_correlation", a.rank},
           {"interval_factor", result.width},
           {"beyond_mape_percent", result.beyond.rows == 0 ? Json(nullptr) : Json(result.beyond.mape)},
           {"noise_floor_percent", result.noise},
           {"noise_floor_rows", result.noise_rows}};
  result.coverage.put(row);
  return row;
}

int evaluate(const Options& options) {
  Workbench bench;
  const Predictor predictor = open_predictor(options.predictor, bench);
  const Dataset dataset = read_dataset(options.data);
  Dataset own = rows_of(dataset, predictor);
  std::erase_if(own.rows, [](const DatasetRow& row) { return !is_layer(row.layer); });
  auto [groups, without_model] = groups_of(own, predictor, options);
  if (groups.empty()) {
    throw Error(fmt::format(
        "'{}' has no rows to judge by: wanted are rows of {} on {} ({}, {} threads) in {} of types "
        "that the predictor knows",
        options.data.string(), predictor.platform, predictor.accelerator, predictor.mode, predictor.threads,
        options.sets.empty() ? "a test set" : "the sets asked for"));
  }
  for (const char* set : {set_train, set_validation}) {
    if (std::ranges::any_of(groups, [&](const auto& group) { return std::get<0>(group.first) == set; }))
      fmt::print(stderr, "warning: rows of the set '{}' are what predictors are trained on\n", set);
  }
  const size_t trained_on = rows_trained_on(groups, predictor.trained);
  if (trained_on > 0)
    fmt::print(stderr, "warning: the predictor was trained on the layers of {} of these rows\n", trained_on);
  const std::vector<NoiseFloor> floors = noise_floors(own, predictor.phases);
  Json rows = Json::array();
  std::map<std::pair<Phase, std::string>, Coverage>
      pooled;  // by phase and set; of the empty set: of all sets
  std::vector<std::vector<std::string>> table{{"set", "type", "phase", "rows", "MAPE %", "median %", "p90 %",
                                               "<= 5 %", "<= 10 %", "<= 15 %", "MAE", "RMSE", "R2", "bias %",
                                               "rank", fmt::format("in {:g} %", options.level), "factor",
                                               "beyond", "noise %"}};
  for (auto& [key, group] : groups) {
    predict(predictor, key, group, options.level);
    Result result = judge(group);
    add_noise(result, floors, key);
    for (const std::string& set : {std::get<0>(key), std::string()})
      pooled[{std::get<Phase>(key), set}].add(result.coverage);
    rows.push_back(json_of(key, result));
    const auto& [set, type, primitive, phase] = key;
    const Accuracy& a = result.all;
    table.push_back(
        {printable(set), primitive.empty() ? type : printable(fmt::format("{} by {}", type, primitive)),
         std::string(to_string(phase)), fmt::format("{}", a.rows), percent_text(a.mape),
         percent_text(a.median), percent_text(a.p90), percent_text(a.within_5), percent_text(a.within_10),
         percent_text(a.within_15), human_us(a.mae_us), human_us(a.rmse_us), fmt::format("{:.3f}", a.r2),
         percent_text(a.bias), fmt::format("{:.3f}", a.rank), covered_text(result.coverage),
         fmt::format("{:.3f}", result.width), fmt::format("{}", result.beyond.rows),
         result.noise_rows == 0 ? "unknown" : percent_text(result.noise)});
  }
  if (!options.rows.empty()) write_maybe_gzip(options.rows, rows_csv(groups));
  Json unknown = Json::array();
  std::string unknown_text;
  for (const auto& [key, count] : without_model) {
    const auto& [set, type, primitive, phase] = key;
    unknown.push_back({{"set", set},
                       {"type", type},
                       {"primitive", primitive},
                       {"phase", to_string(phase)},
                       {"rows", count}});
    unknown_text +=
        fmt::format("no model of {} rows of {}{}{} in phase {}, set {}\n", count, type,
                    primitive.empty() ? "" : " by ", printable(primitive), to_string(phase), printable(set));
  }
  Json pooled_list = Json::array();
  std::string pooled_text;
  for (const auto& [of, coverage] : pooled) {
    const auto& [phase, set] = of;
    Json each{{"phase", to_string(phase)}, {"set", set.empty() ? Json(nullptr) : Json(set)}};
    coverage.put(each);
    pooled_list.push_back(std::move(each));
    pooled_text +=
        fmt::format("{:g} % intervals hold {} rows in phase {}, {}\n", options.level, pooled_share(coverage),
                    to_string(phase), set.empty() ? "all sets" : printable(set));
  }
  if (options.json) {
    print_json({{"predictor", options.predictor},
                {"model", predictor.model},
                {"platform", predictor.platform},
                {"accelerator", predictor.accelerator},
                {"mode", predictor.mode},
                {"level_percent", options.level},
                {"threads", predictor.threads},
                {"rows_trained_on", predictor.trained.empty() ? Json(nullptr) : Json(trained_on)},
                {"results", rows},
                {"pooled", pooled_list},
                {"without_model", unknown}});
    return done;
  }
  fmt::print("{} on {} ({}), model {}\n{}{}{}", printable(predictor.platform),
             printable(predictor.accelerator), printable(predictor.mode), predictor.model, align_table(table),
             pooled_text, unknown_text);
  return done;
}

}  // namespace

std::function<int()> setup_evaluate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("predictor", options->predictor,
                 "Predictor: a file of train, or the name of one that is shipped")
      ->required()
      ->type_name("PREDICTOR");
  app.add_option("data", options->data, "Dataset with rows in test sets")->required()->type_name("DATA.csv");
  app.add_option("--sets", options->sets, "Sets of rows; all test sets if not given")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--rows", options->rows,
                 "Write each row's measured and predicted time as CSV (packed if it ends in .gz)")
      ->type_name("OUT.csv");
  app.add_option("--level", options->level, "Of the intervals, in percent")
      ->check(CLI::Range(1.0, 99.9))
      ->capture_default_str();
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return evaluate(*options); };
}

}  // namespace raceline::cli
