// QS-DNN's evaluation made again on one machine: Table II, figures 4 and 5, the sizes of the design spaces,
// and what the paper lacks: the proven optimum and each method's distance from it.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/report/chart.h"
#include "raceline/report/document.h"
#include "raceline/report/search_study.h"
#include "raceline/report/table.h"
#include "raceline/tune/methods.h"

namespace raceline {

/// A column of the paper's Table II, its CPU rows (one thread of a Cortex-A57, f32): speed-ups over Vanilla.
struct PaperColumn {
  std::string_view net;  ///< in the zoo
  double openblas, nnpack, armcl, random, qs_dnn, qs_dnn_over_best;
};
/// In the paper's order.
std::span<const PaperColumn> paper_columns();
/// nullptr when the paper has no such network.
const PaperColumn* paper_column(std::string_view net);

/// One graph of a network: the paper's layers, or what Raceline's passes make of them.
struct QsDnnGraph {
  MethodRuns methods;
  DesignSpace space;
  std::vector<StrategyStudy> strategies;
};

struct QsDnnNet {
  std::string name;
  double flops = 0;
  QsDnnGraph paper;   ///< unfused, batch-norm kept
  QsDnnGraph passes;  ///< default passes; its methods hold the tuned plan
};

/// Figures 4 and 5: learning on the paper's layers of one network, with all choices as in the paper.
struct QsDnnFigures {
  std::string net;
  double optimum_us = 0;
  std::vector<CurvePoint> learning;          ///< figure 4: one an episode
  std::vector<BudgetPoint> learned, random;  ///< figure 5
  std::vector<BudgetPoint> learned_pruned;   ///< beside it: q-learning after exact pruning
  std::vector<BudgetPoint> plus;             ///< and q-learning+
};
/// Searches; the problem is of the paper's layers.
QsDnnFigures qs_dnn_figures(const std::string& net, const SelectionProblem& problem, int seeds);

struct QsDnnReport {
  std::string machine;  ///< for people
  int threads = 1;
  std::string protocol;  ///< how costs were measured: "default" or "paper"
  int seeds = 5;
  std::vector<QsDnnNet> nets;
  QsDnnFigures figures;
};

/// A sentence of the paper, or a bar of ours, held against what was measured.
struct Claim {
  std::string text, paper, measured;
  bool holds = false;
};
std::vector<Claim> claims_of(const QsDnnReport& report);
/// Of QS-DNN over the best single library on the paper's layers, by the paper's rows or the strict ones; 0
/// without networks.
double geometric_mean(const QsDnnReport& report, bool strict);

ReportTable table_two(const QsDnnReport& report, bool paper_layers);
/// Every method on every network, one a row: figures, not texts, for other programs.
ReportTable method_table(const QsDnnReport& report);
/// The tuned plan in paired runs with each single library and with greedy.
ReportTable tuned_table(const QsDnnReport& report);
/// The tuned plan's sum of costs, before and after the correction, against fresh whole runs.
ReportTable prediction_table(const QsDnnReport& report);
/// Of plans over two devices: layers and their time on each, copies between them and theirs. No rows but the
/// header where there was one device.
ReportTable processor_table(const QsDnnReport& report);
ReportTable space_table(const QsDnnReport& report);
ReportTable gap_table(const QsDnnReport& report, bool paper_layers);
ReportTable claim_table(const QsDnnReport& report);
ReportTable budget_table(const QsDnnFigures& figures);
ReportTable learning_table(const QsDnnFigures& figures);

Chart figure_four(const QsDnnFigures& figures);
Chart figure_five(const QsDnnFigures& figures);
BarChart speedup_chart(const QsDnnReport& report, bool paper_layers);

/// All of it.
ReportDocument document_of(const QsDnnReport& report);

}  // namespace raceline
