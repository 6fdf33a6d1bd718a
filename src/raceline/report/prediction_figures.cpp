// Figures of the report on prediction, and the report whole.
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "raceline/report/prediction_tables.h"

namespace raceline {
namespace {

/// Of figure 2, with the paper's three before ours.
constexpr std::string_view curve_recipes[] = {"perfnet", "resperfnet", "resperfnet-plain",
                                              "resperfnet-published"};

const std::vector<EpochErrors>* epochs_of(const PredictionStudy& study, std::string_view recipe) {
  const auto found = study.epochs.find({main_subject(study), std::string(recipe)});
  return found == study.epochs.end() ? nullptr : &found->second;
}

Chart epoch_chart(const PredictionStudy& study, const char* title, const char* label,
                  double EpochErrors::*training, double EpochErrors::*test) {
  Chart chart{.title = title, .x = {"epoch"}, .y = {label, true}, .series = {}, .levels = {}};
  for (const std::string_view recipe : curve_recipes) {
    const std::vector<EpochErrors>* epochs = epochs_of(study, recipe);
    if (epochs == nullptr) continue;
    for (const auto& [what, member] : {std::pair("test", test), std::pair("training", training)}) {
      ChartSeries series{.name = fmt::format("{}, {}", study_recipe(recipe).title, what)};
      for (const EpochErrors& each : *epochs) {
        series.x.push_back(static_cast<double>(each.epoch));
        series.y.push_back(each.*member);
      }
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

/// The first subject that has a figure of ResPerfNet on this type.
const StudyCell* pictured(const PredictionStudy& study, std::string_view type, std::string& name) {
  for (size_t subject = 0; subject < study.subjects.size(); ++subject) {
    const auto found = study.cells.find(
        {subject, "resperfnet", std::string(type), Phase::exe, study.subjects[subject].sets.front()});
    if (found == study.cells.end() || !found->second.reason.empty()) continue;
    name = study.subjects[subject].name();
    return &found->second;
  }
  return nullptr;
}

Chart point_chart(const StudyCell& cell, std::string_view type, const std::string& subject) {
  Chart chart{.title = fmt::format("{}, {}, execution: R2 {:.3f}", subject, type, cell.accuracy.r2),
              .x = {"measured ms", true},
              .y = {"predicted ms", true},
              .series = {},
              .levels = {}};
  ChartSeries points{.name = "a test row", .mark = ChartSeries::Mark::points}, equal{.name = "equal"};
  for (size_t row = 0; row < cell.measured_us.size(); ++row) {
    points.x.push_back(cell.measured_us[row] * 1e-3);
    points.y.push_back(cell.predicted_us[row] * 1e-3);
  }
  const auto [low, high] = std::ranges::minmax(points.x);
  equal.x = equal.y = {low, high};
  chart.series = {std::move(points), std::move(equal)};
  return chart;
}

/// Bars of one network: for each platform what was measured and what is predicted, by batch.
BarChart network_chart(const PredictionStudy& study, const std::string& network) {
  BarChart chart{.title = network, .y = {"ms", true}, .categories = {}, .series = {}};
  std::vector<int64_t> batches;
  for (const StudyNetwork& row : study.network_rows) {
    if (row.network == network && std::ranges::find(batches, row.batch) == batches.end())
      batches.push_back(row.batch);
  }
  std::ranges::sort(batches);
  for (const int64_t batch : batches) chart.categories.push_back(fmt::format("batch {}", batch));
  const auto add = [&](size_t subject, const std::string& name,
                       const std::function<double(const StudyNetwork&)>& us) {
    BarChart::Series series{.name = name, .values = std::vector<double>(batches.size())};
    for (const StudyNetwork& row : study.network_rows) {
      if (row.subject != subject || row.network != network) continue;
      const auto place = std::ranges::find(batches, row.batch) - batches.begin();
      series.values[static_cast<size_t>(place)] = us(row) * 1e-3;
    }
    if (std::ranges::any_of(series.values, [](double each) { return each > 0; }))
      chart.series.push_back(std::move(series));
  };
  for (size_t subject = 0; subject < study.subjects.size(); ++subject) {
    const std::string name = study.subjects[subject].name();
    for (const std::string_view recipe : network_recipes(study.paper)) {
      if (recipe == "boosted") continue;
      add(subject, fmt::format("{}, {}", name, study_recipe(recipe).title), [&](const StudyNetwork& row) {
        const StudyNetwork::Estimate* estimate = row.predicted_by(recipe);
        return estimate == nullptr ? 0 : estimate->us;
      });
    }
    add(subject, name + ", measured", [](const StudyNetwork& row) { return row.measured_us; });
    if (study.paper == PredictionPaper::perfnetrt)
      add(subject, name + ", unoptimised", [](const StudyNetwork& row) { return row.unoptimised_us; });
  }
  return chart;
}

/// Bars of the steps of a network (PerfNetRT's figure 2): predicted and measured, of each platform.
BarChart step_chart(const PredictionStudy& study) {
  BarChart chart{.title = "LeNet-5, batch 1, step by step, by PerfNet",
                 .y = {"ms", true},
                 .categories = {},
                 .series = {}};
  for (const StudyStep& step : study.steps) {
    if (std::ranges::find(chart.categories, step.name) == chart.categories.end())
      chart.categories.push_back(step.name);
  }
  const auto add = [&](size_t subject, std::string_view what, double StudyStep::*us) {
    BarChart::Series series{.name = fmt::format("{}, {}", study.subjects[subject].name(), what),
                            .values = std::vector<double>(chart.categories.size())};
    for (const StudyStep& step : study.steps) {
      if (step.subject != subject) continue;
      const auto place = std::ranges::find(chart.categories, step.name) - chart.categories.begin();
      series.values[static_cast<size_t>(place)] = step.*us * 1e-3;
    }
    if (std::ranges::any_of(series.values, [](double each) { return each > 0; }))
      chart.series.push_back(std::move(series));
  };
  for (size_t subject = 0; subject < study.subjects.size(); ++subject) {
    add(subject, "predicted", &StudyStep::predicted_us);
    add(subject, "measured", &StudyStep::measured_us);
  }
  return chart;
}

std::string number_or_nothing(double value) {
  return std::isfinite(value) ? fmt::format("{:.4f}", value) : "";
}

std::vector<std::string> opening(const PredictionStudy& study) {
  std::vector<std::string> paragraphs{
      fmt::format("Trained on {}; at most {} rows of each layer type and phase, seed {}. Errors are of a "
                  "fifth of the "
                  "layers, or of the frozen sets where there are any, which chose nothing.{}",
                  study.machine, study.rows, study.seed,
                  study.quick ? " A QUICK RUN of few rows and epochs: no figure of it says anything." : ""),
      fmt::format("Phases are by {}'s definition. The paper's values were measured on other machines and "
                  "layers: they stand beside, and are no target.",
                  study.paper == PredictionPaper::perfnetrt ? "PerfNetRT" : "ResPerfNet")};
  std::string absent;
  for (const StudySubject& subject : study.subjects) {
    if (!subject.is_there)
      absent += fmt::format("{}{}: {}", absent.empty() ? "" : "; ", subject.name(), subject.how);
  }
  if (!absent.empty()) paragraphs.push_back("Not there yet, with what would change that: " + absent);
  return paragraphs;
}

}  // namespace

ReportTable epoch_table(const PredictionStudy& study) {
  ReportTable table{
      .title = "Figure 2: errors after each epoch, convolutions, execution", .rows = {}, .notes = {}};
  table.rows.push_back(
      {"model", "epoch", "training_percent", "test_percent", "training_rmse_ms", "test_rmse_ms"});
  for (const std::string_view recipe : curve_recipes) {
    const std::vector<EpochErrors>* epochs = epochs_of(study, recipe);
    if (epochs == nullptr) continue;
    for (const EpochErrors& each : *epochs) {
      table.rows.push_back({std::string(study_recipe(recipe).title), fmt::format("{}", each.epoch),
                            number_or_nothing(each.training_percent), number_or_nothing(each.test_percent),
                            number_or_nothing(each.training_rmse_ms), number_or_nothing(each.test_rmse_ms)});
    }
  }
  return table;
}

ReportTable point_table(const PredictionStudy& study, std::string_view type) {
  std::string name;
  ReportTable table{.title = fmt::format("Figure 4: {}", type), .rows = {}, .notes = {}};
  table.rows.push_back({"platform", "measured_ms", "predicted_ms"});
  const StudyCell* cell = pictured(study, type, name);
  for (size_t row = 0; cell != nullptr && row < cell->measured_us.size(); ++row) {
    table.rows.push_back({name, fmt::format("{:.6g}", cell->measured_us[row] * 1e-3),
                          fmt::format("{:.6g}", cell->predicted_us[row] * 1e-3)});
  }
  return table;
}

std::vector<ReportDocument::Figure> study_figures(const PredictionStudy& study) {
  std::vector<ReportDocument::Figure> figures;
  const bool is_resperfnet = study.paper == PredictionPaper::resperfnet;
  if (is_resperfnet && !study.epochs.empty()) {
    const std::string subject = study.subjects[main_subject(study)].name();
    figures.push_back({"figure2a",
                       epoch_chart(study, "MAPE after each epoch", "MAPE, percent",
                                   &EpochErrors::training_percent, &EpochErrors::test_percent)
                           .to_svg(),
                       fmt::format("The paper's figure 2(a): {}.", subject)});
    figures.push_back(
        {"figure2b",
         epoch_chart(study, "RMSE after each epoch", "RMSE, ms", &EpochErrors::training_rmse_ms,
                     &EpochErrors::test_rmse_ms)
             .to_svg(),
         fmt::format("The paper's figure 2(b): {}. Its section 6.1 has 0.84 ms for ResPerfNet, 0.98 "
                     "for PerfNet and 2.55 for Justus et al., on the GTX 1080 Ti.",
                     subject)});
  }
  for (const std::string_view type : paper_types) {
    std::string name;
    const StudyCell* cell = is_resperfnet ? pictured(study, type, name) : nullptr;
    if (cell == nullptr) continue;
    figures.push_back({fmt::format("figure4_{}", type), point_chart(*cell, type, name).to_svg(),
                       "The paper's figure 4: predicted and measured times of test rows."});
  }
  if (const BarChart chart = step_chart(study); !chart.series.empty())
    figures.push_back({"figure2", chart.to_svg(), "The paper's figure 2."});
  for (const std::string& network : study.networks) {
    const BarChart chart = network_chart(study, network);
    if (chart.series.empty()) continue;
    figures.push_back({fmt::format("network_{}", network), chart.to_svg(),
                       is_resperfnet ? "The paper's figures 3 and 5 to 7." : "The paper's figure 4."});
  }
  return figures;
}

ReportDocument document_of(const PredictionStudy& study) {
  const bool is_resperfnet = study.paper == PredictionPaper::resperfnet;
  ReportDocument document{
      .title = fmt::format("{} on the platforms at hand", is_resperfnet ? "ResPerfNet" : "PerfNetRT"),
      .opening = opening(study),
      .tables = {},
      .figures = study_figures(study)};
  if (is_resperfnet) document.tables.push_back({"table1", approach_table(study)});
  for (const LayerTable& each : layer_tables(study))
    document.tables.push_back({fmt::format("table{}", each.table), layer_table(study, each)});
  document.tables.push_back({"network_errors", network_error_table(study)});
  document.tables.push_back({"networks", network_table(study)});
  if (!is_resperfnet) {
    document.tables.push_back({"figure2", step_table(study)});
    return document;
  }
  document.tables.push_back({"figure2", epoch_table(study), false});
  for (const std::string_view type : paper_types)
    document.tables.push_back({fmt::format("figure4_{}", type), point_table(study, type), false});
  return document;
}

}  // namespace raceline
