// Tables of layers.
#include "raceline/report/prediction_tables.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raceline {
namespace {

using Row = std::vector<std::string>;

constexpr std::string_view first_gpu = "GTX1080Ti";

const StudyCell& cell_of(const PredictionStudy& study, const StudyKey& key) {
  static const StudyCell nothing{
      .reason = "not made", .how = {}, .accuracy = {}, .measured_us = {}, .predicted_us = {}};
  const auto found = study.cells.find(key);
  return found == study.cells.end() ? nothing : found->second;
}

std::string figure(const StudyCell& cell, double value, int digits) {
  return cell.reason.empty() ? fmt::format("{:.{}f}", value, digits) : cell.reason;
}

std::string printed(double value) {
  return std::isnan(value) ? "-" : fmt::format("{:g}", value);
}

std::string noise_text(const StudyCell& cell) {
  return std::isnan(cell.noise_percent) ? "unknown" : fmt::format("{:.2f}", cell.noise_percent);
}

std::string_view paper_platform(const StudySubject& subject) {
  return subject.is_tensorflow() ? "TensorFlow, GTX 1080 Ti" : "TensorRT, GTX 1080 Ti";
}

/// Of ResPerfNet's two kinds: TensorFlow, and what optimises a model first as TensorRT does.
std::vector<size_t> judged(const PredictionStudy& study, bool optimisers) {
  std::vector<size_t> subjects;
  for (size_t index = 0; index < study.subjects.size(); ++index) {
    const StudySubject& subject = study.subjects[index];
    if (subject.is_judged && subject.is_tensorflow() != optimisers) subjects.push_back(index);
  }
  return subjects;
}

/// What would help, once, of the cells of a row.
std::string remark(std::initializer_list<const StudyCell*> cells) {
  for (const StudyCell* cell : cells) {
    if (!cell->how.empty()) return cell->how;
  }
  return "";
}

Row approach_row(const PredictionStudy& study, size_t subject, const std::string& set) {
  Row row{study.subjects[subject].name(set)};
  const StudyCell* last = nullptr;
  for (const std::string_view recipe : approach_recipes()) {
    last = &cell_of(study, {subject, std::string(recipe), "conv", Phase::exe, set});
    row.push_back(figure(*last, last->accuracy.mape, 2));
  }
  row.insert(row.end(), {noise_text(*last), fmt::format("{}", last->accuracy.rows), remark({last})});
  return row;
}

/// A layer type and phase of one subject, judged by one set, beside what the paper has.
Row layer_row(const PredictionStudy& study, const LayerTable& which, const StudyKey& key) {
  const std::string_view paper = to_string(study.paper);
  const StudySubject& subject = study.subjects[key.subject];
  const StudyCell& cell = cell_of(study, key);
  StudyKey own = key;
  own.recipe = "boosted";
  const StudyCell& ours = cell_of(study, own);
  // Tables of one platform print one; the others print that of the subject's kind.
  const PaperAccuracy* value =
      paper_accuracy(paper, which.table, paper_platform(subject), which.recipe, key.type, key.phase);
  if (value == nullptr) value = paper_accuracy(paper, which.table, "", which.recipe, key.type, key.phase);
  const PaperAccuracy blank{};
  const PaperAccuracy& theirs = value == nullptr ? blank : *value;
  const Accuracy& a = cell.accuracy;
  Row row{subject.name(key.set),
          key.type,
          std::string(to_string(key.phase)),
          figure(cell, a.mape, 2),
          printed(theirs.mape_percent),
          figure(cell, a.rmse_us * 1e-3, 4),
          printed(theirs.rmse_ms),
          figure(cell, a.mae_us * 1e-3, 4),
          printed(theirs.mae_ms)};
  if (which.r2) row.insert(row.end(), {figure(cell, a.r2, 3), printed(theirs.r2)});
  row.insert(row.end(), {figure(ours, ours.accuracy.mape, 2), noise_text(cell), fmt::format("{}", a.rows),
                         remark({&cell, &ours})});
  return row;
}

}  // namespace

ReportTable approach_table(const PredictionStudy& study) {
  const std::span<const std::string_view> columns = approach_recipes();
  ReportTable table{.title = "Table 1: MAPE in percent, convolutions, execution", .rows = {}, .notes = {}};
  Row header{"platform"};
  for (const std::string_view recipe : columns) header.emplace_back(study_recipe(recipe).title);
  header.insert(header.end(), {"noise %", "test rows", "remark"});
  table.rows.push_back(header);
  for (const std::string_view platform : {"TensorFlow, GTX 1080 Ti", "TensorRT, GTX 1080 Ti"}) {
    Row row{fmt::format("the paper: {}", platform)};
    for (const std::string_view recipe : columns) {
      // The paper's ResPerfNet stands under the settings that it publishes.
      const std::string_view approach = recipe == "resperfnet-published" ? "resperfnet" : recipe;
      const PaperAccuracy* value =
          recipe == "resperfnet" ? nullptr
                                 : paper_accuracy("resperfnet", "1", platform, approach, "conv", Phase::exe);
      row.push_back(value == nullptr ? "-" : printed(value->mape_percent));
    }
    row.insert(row.end(), {"-", "-", ""});
    table.rows.push_back(row);
  }
  for (const bool optimisers : {false, true}) {
    for (const size_t subject : judged(study, optimisers)) {
      for (const std::string& set : study.subjects[subject].sets)
        table.rows.push_back(approach_row(study, subject, set));
    }
  }
  table.notes = {
      "ResPerfNet as published holds its weights near 0 (l2 of 0.1 on all squared weights); l2=0 is the "
      "nearest "
      "setting that trains."};
  return table;
}

ReportTable layer_table(const PredictionStudy& study, const LayerTable& which) {
  const std::string_view paper = to_string(study.paper);
  ReportTable table{
      .title = fmt::format("Table {}: {}, by layer and phase", which.table, study_recipe(which.recipe).title),
      .rows = {},
      .notes = {}};
  Row header{"platform", "layer",           "phase",  "MAPE %",        "paper's MAPE %",
             "RMSE ms",  "paper's RMSE ms", "MAE ms", "paper's MAE ms"};
  if (which.r2) header.insert(header.end(), {"R2", "paper's R2"});
  header.insert(header.end(), {"boosted MAPE %", "noise %", "test rows", "remark"});
  table.rows.push_back(header);
  for (const size_t subject : which.subjects) {
    for (const std::string_view type : paper_types) {
      for (const Phase phase : which.phases) {
        for (const std::string& set : study.subjects[subject].sets) {
          table.rows.push_back(
              layer_row(study, which, {subject, std::string(which.recipe), std::string(type), phase, set}));
        }
      }
    }
  }
  if (const PaperAccuracy* any = paper_accuracy(paper, which.table, "", which.recipe, "conv", Phase::exe))
    table.notes = {fmt::format("the paper's platform: {}", any->platform)};
  return table;
}

std::vector<LayerTable> layer_tables(const PredictionStudy& study) {
  std::vector<size_t> all = judged(study, false);
  const std::vector<size_t> optimisers = judged(study, true);
  const std::vector<size_t> plain = all;
  all.insert(all.end(), optimisers.begin(), optimisers.end());
  if (study.paper == PredictionPaper::perfnetrt) {
    return {{.table = "IV", .recipe = "perfnet", .subjects = all, .r2 = true},
            {.table = "V", .recipe = "polynomial", .subjects = all, .r2 = true}};
  }
  std::vector<LayerTable> tables{
      {.table = "2", .recipe = "resperfnet", .subjects = all, .phases = {Phase::exe}}};
  // Four GPUs under TensorFlow, the paper's first beside ours of the same name; the others in their order.
  std::vector<size_t> gpus, others;
  for (const size_t subject : plain) {
    const std::string& accelerator = study.subjects[subject].accelerator;
    if (accelerator == first_gpu) {
      gpus.insert(gpus.begin(), subject);
    } else {
      (accelerator == "cpu" ? others : gpus).push_back(subject);
    }
  }
  constexpr std::string_view names[] = {"5", "6", "7", "8"};
  for (size_t place = 0; place < std::size(names); ++place) {
    LayerTable table{.table = names[place], .recipe = "resperfnet", .subjects = {}};
    if (place < gpus.size()) table.subjects.push_back(gpus[place]);
    if (place == 0) table.subjects.insert(table.subjects.end(), others.begin(), others.end());
    for (size_t more = std::size(names); place + 1 == std::size(names) && more < gpus.size(); ++more)
      table.subjects.push_back(gpus[more]);
    tables.push_back(std::move(table));
  }
  tables.push_back({.table = "9", .recipe = "resperfnet", .subjects = optimisers});
  return tables;
}

}  // namespace raceline
