// Figures of the report on QS-DNN, and the claims that rest on them.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/report/qs_dnn.h"

namespace raceline {
namespace {

constexpr int64_t budgets[] = {25, 50, 100, 200, 350, 500, 700, 1000};
constexpr int64_t learning_episodes = 1000;
constexpr double near_convergence = 1.05;  ///< of what 1000 episodes find

const BudgetPoint* at(const std::vector<BudgetPoint>& points, int64_t episodes) {
  const auto found = std::ranges::find(points, episodes, &BudgetPoint::episodes);
  return found == points.end() ? nullptr : &*found;
}

ChartSeries band(const std::string& name, const std::vector<BudgetPoint>& points) {
  ChartSeries series{.name = name, .mark = ChartSeries::Mark::line_and_points};
  for (const BudgetPoint& point : points) {
    series.x.push_back(static_cast<double>(point.episodes));
    series.y.push_back(point.mean_us() * 1e-3);
    series.low.push_back(point.least_us() * 1e-3);
    series.high.push_back(point.most_us() * 1e-3);
  }
  return series;
}

void claim_budgets(const QsDnnFigures& figures, std::vector<Claim>& claims) {
  const auto worse = [&](int64_t episodes, double wanted, const std::string& text, const std::string& paper) {
    const BudgetPoint* random = at(figures.random, episodes);
    const BudgetPoint* learned = at(figures.learned, episodes);
    if (random == nullptr || learned == nullptr) return;
    const double ratio = random->mean_us() / learned->mean_us();
    claims.push_back({text, paper, fmt::format("{:.2f} times on {}", ratio, figures.net), ratio >= wanted});
  };
  worse(25, 1.5, "RS is 50 % worse than RL at 25 episodes", "1.5 times");
  worse(350, 2, "RS is twice as bad as RL at 350 episodes", "2 times");
  const BudgetPoint* early = at(figures.learned, 350);
  const BudgetPoint* late = at(figures.learned, 1000);
  if (early == nullptr || late == nullptr) return;
  const double ratio = early->mean_us() / late->mean_us();
  claims.push_back({"RL is near convergence after 350 episodes (within 5 % of 1000)", "near convergence",
                    fmt::format("{:.1f} % above 1000 episodes, {:.1f} % above the optimum", 100 * (ratio - 1),
                                100 * (early->mean_us() / figures.optimum_us - 1)),
                    ratio <= near_convergence});
}

double run_us(const QsDnnGraph& graph, Method method) {
  const auto found = std::ranges::find(graph.methods.runs, method, &MethodRun::method);
  return found == graph.methods.runs.end() ? 0 : found->run.measured_us;
}

}  // namespace

QsDnnFigures qs_dnn_figures(const std::string& net, const SelectionProblem& problem, int seeds) {
  QsDnnFigures figures{.net = net};
  figures.optimum_us = make_strategy("exact")->search(problem, {}).lower_bound_us;
  const SearchOptions all{.episodes = learning_episodes, .unpruned = true};
  figures.learning = make_strategy("q-learning")->search(problem, all).curve;
  figures.learned = study_budgets(problem, "q-learning", all, budgets, seeds);
  figures.random = study_budgets(problem, "random", all, budgets, seeds);
  figures.learned_pruned = study_budgets(problem, "q-learning", {}, budgets, seeds);
  figures.plus = study_budgets(problem, "q-learning+", {}, budgets, seeds);
  return figures;
}

double geometric_mean(const QsDnnReport& report, bool strict) {
  double sum = 0;
  int count = 0;
  for (const QsDnnNet& net : report.nets) {
    const MethodRuns& methods = net.paper.methods;
    if ((strict ? methods.best_library : methods.best_type) < 0) continue;
    sum += std::log((strict ? methods.over_best_library : methods.over_best_type).median);
    ++count;
  }
  return count == 0 ? 0 : std::exp(sum / count);
}

std::vector<Claim> claims_of(const QsDnnReport& report) {
  std::vector<Claim> claims;
  claim_budgets(report.figures, claims);
  size_t nets = 0, paper_nets = 0, beats_random = 0, beats_libraries = 0;
  double most_seconds = 0, paper_mean = 0;
  for (const QsDnnNet& net : report.nets) {
    const MethodRuns& methods = net.paper.methods;
    if (methods.runs.empty()) continue;
    ++nets;
    const double learned = run_us(net.paper, Method::q_learning);
    beats_random += learned < run_us(net.paper, Method::random) ? 1 : 0;
    beats_libraries += methods.best_type < 0 || methods.over_best_type.low > 1 ? 1 : 0;
    for (const StrategyStudy& study : net.paper.strategies) {
      if (study.name.starts_with("q-learning")) most_seconds = std::max(most_seconds, study.seconds);
    }
    if (const PaperColumn* column = paper_column(net.name)) {
      paper_mean += std::log(column->qs_dnn_over_best);
      ++paper_nets;
    }
  }
  if (nets == 0) return claims;
  const auto count = [&](size_t some) { return fmt::format("{} of {} networks", some, nets); };
  claims.push_back(
      {"QS-DNN is faster than RS on every network", "10 of 10", count(beats_random), beats_random == nets});
  claims.push_back({"QS-DNN is faster than every single library (95 % interval above 1)", "10 of 10",
                    count(beats_libraries), beats_libraries == nets});
  claims.push_back({"QS-DNN vs the best single library, geometric mean: 1.15 at least",
                    paper_nets == 0
                        ? std::string("-")
                        : fmt::format("{:.2f}x", std::exp(paper_mean / static_cast<double>(paper_nets))),
                    fmt::format("{:.3f}x; strict rows {:.3f}x", geometric_mean(report, false),
                                geometric_mean(report, true)),
                    geometric_mean(report, false) >= 1.15});
  claims.push_back({"a search of 1000 episodes takes less than 10 minutes", "under 10 min",
                    fmt::format("{:.3f} s at most", most_seconds), most_seconds < 600});
  return claims;
}

ReportTable budget_table(const QsDnnFigures& figures) {
  ReportTable table{
      .title = fmt::format("Figure 5: ms of the best choice found, {}: mean of {} searches (least to most)",
                           figures.net, figures.random.empty() ? 0 : figures.random[0].costs_us.size())};
  table.rows.push_back(
      {"episodes", "RS", "RL", "RL after pruning", "q-learning+", "RS / RL", "RL / optimum"});
  for (size_t index = 0; index < figures.random.size(); ++index) {
    const BudgetPoint& random = figures.random[index];
    const BudgetPoint& learned = figures.learned[index];
    const auto text = [](const BudgetPoint& point) {
      return fmt::format("{:.4f} ({:.4f} to {:.4f})", point.mean_us() * 1e-3, point.least_us() * 1e-3,
                         point.most_us() * 1e-3);
    };
    table.rows.push_back({fmt::format("{}", random.episodes), text(random), text(learned),
                          text(figures.learned_pruned[index]), text(figures.plus[index]),
                          fmt::format("{:.3f}", random.mean_us() / learned.mean_us()),
                          fmt::format("{:.3f}", learned.mean_us() / figures.optimum_us)});
  }
  table.notes = {fmt::format("the proven optimum: {:.4f} ms", figures.optimum_us * 1e-3)};
  return table;
}

ReportTable learning_table(const QsDnnFigures& figures) {
  ReportTable table{.title =
                        fmt::format("Figure 4: each episode's choice and the best so far, {}", figures.net)};
  table.rows.push_back({"episode", "ms", "best_ms"});
  for (const CurvePoint& point : figures.learning) {
    table.rows.push_back({fmt::format("{}", point.evaluations), fmt::format("{:.5f}", point.cost_us * 1e-3),
                          fmt::format("{:.5f}", point.best_us * 1e-3)});
  }
  return table;
}

Chart figure_four(const QsDnnFigures& figures) {
  Chart chart{.title = fmt::format("Learning over {} episodes: {}, all choices", figures.learning.size(),
                                   figures.net),
              .x = {"episode"},
              .y = {"ms, by the table", true}};
  ChartSeries tried{.name = "tried in the episode", .mark = ChartSeries::Mark::points};
  ChartSeries best{.name = "best so far"};
  for (const CurvePoint& point : figures.learning) {
    tried.x.push_back(static_cast<double>(point.evaluations));
    tried.y.push_back(point.cost_us * 1e-3);
    best.x.push_back(static_cast<double>(point.evaluations));
    best.y.push_back(point.best_us * 1e-3);
  }
  chart.series = {std::move(tried), std::move(best)};
  chart.levels = {{"optimum, proven", figures.optimum_us * 1e-3}};
  return chart;
}

Chart figure_five(const QsDnnFigures& figures) {
  Chart chart{.title = fmt::format("RL against RS: {}, mean and range of complete searches", figures.net),
              .x = {"episodes of the search"},
              .y = {"ms, by the table", true}};
  chart.series = {band("RL (q-learning)", figures.learned), band("RS (random)", figures.random),
                  band("RL after pruning", figures.learned_pruned), band("q-learning+", figures.plus)};
  chart.levels = {{"optimum, proven", figures.optimum_us * 1e-3}};
  return chart;
}

BarChart speedup_chart(const QsDnnReport& report, bool paper_layers) {
  BarChart chart{.title = fmt::format("Speed-up over Vanilla, whole runs, {}",
                                      paper_layers ? "the paper's layers" : "default passes"),
                 .y = {"times as fast as Vanilla", true}};
  BarChart::Series library{.name = "best single library"}, random{.name = "RS"}, learned{.name = "QS-DNN"},
      optimum{.name = "optimum"}, paper{.name = "QS-DNN in the paper"};
  for (const QsDnnNet& net : report.nets) {
    const QsDnnGraph& graph = paper_layers ? net.paper : net.passes;
    const double vanilla = run_us(graph, Method::vanilla);
    const auto times = [&](double us) { return us > 0 ? vanilla / us : 0; };
    chart.categories.push_back(net.name);
    const int best = graph.methods.best_type;
    library.values.push_back(best < 0 ? 0
                                      : times(graph.methods.runs[static_cast<size_t>(best)].run.measured_us));
    random.values.push_back(times(run_us(graph, Method::random)));
    learned.values.push_back(times(run_us(graph, Method::q_learning)));
    optimum.values.push_back(times(run_us(graph, Method::optimum)));
    const PaperColumn* column = paper_column(net.name);
    paper.values.push_back(column == nullptr ? 0 : column->qs_dnn);
  }
  chart.series = {std::move(library), std::move(random), std::move(learned), std::move(optimum),
                  std::move(paper)};
  return chart;
}

namespace {

std::string opening(const QsDnnReport& report) {
  return fmt::format("{}; {} thread{}; costs measured by the {} protocol; {} networks.", report.machine,
                     report.threads, report.threads == 1 ? "" : "s", report.protocol, report.nets.size());
}

bool has_passes(const QsDnnReport& report) {
  return std::ranges::any_of(report.nets,
                             [](const QsDnnNet& net) { return !net.passes.methods.runs.empty(); });
}

}  // namespace

ReportDocument document_of(const QsDnnReport& report) {
  const bool passes = has_passes(report);
  ReportDocument document{.title = "QS-DNN on this machine", .opening = {opening(report)}};
  document.tables = {{"claims", claim_table(report)},
                     {"table2_paper_layers", table_two(report, true)},
                     {"table2_default_passes", table_two(report, false), passes},
                     {"tuned", tuned_table(report), passes},
                     {"predictions", prediction_table(report), passes}};
  if (ReportTable devices = processor_table(report); devices.rows.size() > 1)
    document.tables.push_back({"processors", std::move(devices), passes});
  document.tables.push_back({"gaps_paper_layers", gap_table(report, true)});
  document.tables.push_back({"gaps_default_passes", gap_table(report, false), passes});
  document.tables.push_back({"figure5", budget_table(report.figures)});
  document.tables.push_back({"design_spaces", space_table(report)});
  document.tables.push_back({"methods", method_table(report)});
  document.tables.push_back({"figure4", learning_table(report.figures), false});
  document.figures = {
      {"table2_paper_layers", speedup_chart(report, true).to_svg(),
       "Table II as bars, on the paper's layers."},
      {"table2_default_passes", speedup_chart(report, false).to_svg(),
       passes ? "The same after Raceline's default passes." : ""},
      {"figure4", figure_four(report.figures).to_svg(), "The paper's figure 4."},
      {"figure5", figure_five(report.figures).to_svg(), "The paper's figure 5."},
  };
  return document;
}

}  // namespace raceline
