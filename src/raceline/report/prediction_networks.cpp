// Tables of whole networks, and of one step by step.
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "raceline/report/prediction_tables.h"

namespace raceline {
namespace {

using Row = std::vector<std::string>;
using Estimate = StudyNetwork::Estimate;

std::string ms_text(double us, const std::string& reason = "-") {
  return std::isnan(us) ? reason : fmt::format("{:.4f}", us * 1e-3);
}

double error_percent(double us, double measured_us) {
  return 100 * (us / measured_us - 1);
}

std::string error_text(double us, double measured_us) {
  const double error = error_percent(us, measured_us);
  return std::isnan(error) ? "-" : fmt::format("{:+.2f}", error);
}

void add_estimate(Row& row, const Estimate* estimate, double measured_us) {
  if (estimate == nullptr) {
    row.insert(row.end(), {"not made", "-"});
  } else {
    row.insert(row.end(), {ms_text(estimate->us, estimate->reason), error_text(estimate->us, measured_us)});
  }
}

const char* why_no_networks(const StudySubject& subject) {
  if (!subject.is_there || !subject.how.empty()) return "not collected";
  return "layers alone were published";
}

/// The paper's MAPE of this network, or of "all".
std::string paper_error(PredictionPaper paper, const StudySubject& subject, std::string_view recipe,
                        std::string_view network) {
  const bool is_tensorflow = subject.is_tensorflow();
  for (const PaperNetwork& each : paper_networks()) {
    const bool same_kind =
        paper == PredictionPaper::perfnetrt || each.platform.starts_with("TensorFlow") == is_tensorflow;
    // "alexnet_one_tower" is the papers' "alexnet".
    if (each.paper == to_string(paper) && same_kind && each.approach == recipe &&
        network.starts_with(each.network))
      return fmt::format("{:g}", each.mape_percent);
  }
  return "-";
}

/// Mean of |error| in percent over the rows of a subject and network ("all": of every one); NaN without any.
double mean_error(const PredictionStudy& study, size_t subject, std::string_view network,
                  const std::function<double(const StudyNetwork&)>& us) {
  double sum = 0;
  size_t count = 0;
  for (const StudyNetwork& row : study.network_rows) {
    if (row.subject != subject || (network != "all" && row.network != network)) continue;
    const double error = std::abs(error_percent(us(row), row.measured_us));
    if (std::isnan(error)) continue;
    sum += error;
    ++count;
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

std::string percent_cell(double percent) {
  return std::isnan(percent) ? "-" : fmt::format("{:.2f}", percent);
}

}  // namespace

ReportTable network_table(const PredictionStudy& study) {
  ReportTable table{
      .title = "Whole networks: T_pre(first) + sum of T_exe + T_post(last)", .rows = {}, .notes = {}};
  Row header{"platform",       "network",       "batch",         "measured ms",
             "unoptimised ms", "oracle sum ms", "oracle error %"};
  for (const std::string_view recipe : network_recipes(study.paper)) {
    header.push_back(fmt::format("{} ms", study_recipe(recipe).title));
    header.push_back(fmt::format("{} error %", study_recipe(recipe).title));
  }
  header.insert(header.end(), {"boosted, calibrated ms", "boosted, calibrated error %",
                               "layers without model", "FLOPs without model %", "remark"});
  table.rows.push_back(header);
  for (size_t subject = 0; subject < study.subjects.size(); ++subject) {
    const StudySubject& own = study.subjects[subject];
    if (!own.is_judged) continue;
    bool any = false;
    for (const StudyNetwork& each : study.network_rows) {
      if (each.subject != subject) continue;
      any = true;
      Row row{own.name(), each.network, fmt::format("{}", each.batch),
              ms_text(each.measured_us, "not collected"), ms_text(each.unoptimised_us)};
      add_estimate(row, &each.oracle, each.measured_us);
      const Estimate* last = nullptr;
      for (const std::string_view recipe : network_recipes(study.paper)) {
        last = each.predicted_by(recipe);
        add_estimate(row, last, each.measured_us);
      }
      add_estimate(row, &each.calibrated, each.measured_us);
      row.push_back(last == nullptr ? "-" : fmt::format("{}", last->layers_without_model));
      row.push_back(last == nullptr ? "-" : fmt::format("{:.2f}", last->flops_without_model_percent));
      row.push_back(each.how);
      table.rows.push_back(std::move(row));
    }
    if (any) continue;
    Row row(header.size(), why_no_networks(own));
    row.front() = own.name();
    row[1] = "all";
    row.back() = own.how;
    table.rows.push_back(std::move(row));
  }
  table.notes = {
      "oracle sum: the same sum of measured layers, so that its error is the composition's alone. No "
      "predictor "
      "was trained on a layer of these networks. Layers that are no convolution, pooling or dense layer "
      "count "
      "nothing in the papers' sums; their number stands there."};
  table.notes.emplace_back(
      "calibrated: start + call * layers + factors by layer type of boosted's sum over all layers, each "
      "behind "
      "another with the share of its time that pairs of layers show, of the platform's other networks alone. "
      "On all of them:");
  table.notes.insert(table.notes.end(), study.compositions.begin(), study.compositions.end());
  if (study.compositions.empty()) table.notes.back() += " not collected";
  return table;
}

ReportTable network_error_table(const PredictionStudy& study) {
  ReportTable table{
      .title = "Whole networks: mean of |error| over batches, percent", .rows = {}, .notes = {}};
  Row header{"platform", "network", "oracle sum"};
  for (const std::string_view recipe : network_recipes(study.paper)) {
    header.emplace_back(study_recipe(recipe).title);
    if (recipe != "boosted") header.push_back(fmt::format("{}, the paper", study_recipe(recipe).title));
  }
  header.emplace_back("boosted, calibrated");
  table.rows.push_back(header);
  std::vector<std::string> networks = study.networks;
  networks.emplace_back("all");
  for (size_t subject = 0; subject < study.subjects.size(); ++subject) {
    const StudySubject& own = study.subjects[subject];
    if (!own.is_judged) continue;
    for (const std::string& network : networks) {
      Row row{own.name(), network};
      const auto cell = [&](const std::function<double(const StudyNetwork&)>& us) {
        return own.has_networks ? percent_cell(mean_error(study, subject, network, us))
                                : why_no_networks(own);
      };
      row.push_back(cell([](const StudyNetwork& each) { return each.oracle.us; }));
      for (const std::string_view recipe : network_recipes(study.paper)) {
        row.push_back(cell([&](const StudyNetwork& each) {
          const Estimate* estimate = each.predicted_by(recipe);
          return estimate == nullptr ? std::numeric_limits<double>::quiet_NaN() : estimate->us;
        }));
        if (recipe != "boosted") row.push_back(paper_error(study.paper, own, recipe, network));
      }
      row.push_back(cell([](const StudyNetwork& each) { return each.calibrated.us; }));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

ReportTable step_table(const PredictionStudy& study) {
  ReportTable table{.title = "Figure 2: LeNet-5, batch 1, step by step, by PerfNet", .rows = {}, .notes = {}};
  table.rows.push_back(
      {"platform", "step", "layer", "predicted ms", "measured ms", "the paper, predicted ms"});
  for (const StudyStep& step : study.steps) {
    const auto theirs = std::ranges::find(paper_lenet_steps(), std::string_view(step.name), &PaperStep::name);
    table.rows.push_back({study.subjects[step.subject].name(), step.name, step.layer,
                          ms_text(step.predicted_us, "no model"), ms_text(step.measured_us, "not collected"),
                          theirs == paper_lenet_steps().end() ? "-" : fmt::format("{:g}", theirs->ms)});
  }
  if (study.steps.empty())
    table.notes = {"no platform with networks: see the table of networks for what would"};
  return table;
}

}  // namespace raceline
