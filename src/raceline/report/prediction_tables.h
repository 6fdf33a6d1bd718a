// Tables and figures of a PredictionStudy, with the papers' values beside.
#pragma once
#include "raceline/report/chart.h"
#include "raceline/report/document.h"
#include "raceline/report/paper_values.h"
#include "raceline/report/prediction_study.h"

namespace raceline {

/// ResPerfNet's table 1: every approach on convolutions.
ReportTable approach_table(const PredictionStudy& study);

/// A table of one approach by layer type and phase: `table` as the paper numbers it, of these subjects. Rows
/// whose figures are not there say why in each cell, and last what would help.
struct LayerTable {
  std::string_view table, recipe;
  std::vector<size_t> subjects;
  std::vector<Phase> phases{all_phases.begin(), all_phases.end()};
  bool r2 = false;  ///< with R2, as PerfNetRT has it
};
ReportTable layer_table(const PredictionStudy& study, const LayerTable& which);
/// Those of the study's paper, in its order.
std::vector<LayerTable> layer_tables(const PredictionStudy& study);

/// Every network at every batch: measured, the sum of measured layers, the sums of predicted ones.
ReportTable network_table(const PredictionStudy& study);
/// Mean errors by subject and network, with what the papers print.
ReportTable network_error_table(const PredictionStudy& study);
/// PerfNetRT's figure 2.
ReportTable step_table(const PredictionStudy& study);
/// ResPerfNet's figure 2, as numbers.
ReportTable epoch_table(const PredictionStudy& study);

/// A figure with its caption and the numbers behind it.
std::vector<ReportDocument::Figure> study_figures(const PredictionStudy& study);
/// Measured and predicted times of ResPerfNet's figure 4, for the layer type.
ReportTable point_table(const PredictionStudy& study, std::string_view type);

ReportDocument document_of(const PredictionStudy& study);

}  // namespace raceline
