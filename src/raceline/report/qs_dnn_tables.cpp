// Tables of the report on QS-DNN.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "raceline/report/qs_dnn.h"

namespace raceline {
namespace {

constexpr PaperColumn columns[] = {
    {"lenet5_caffe", 7.69, 8.41, 6.27, 11.31, 13.02, 1.55},
    {"alexnet", 13.45, 8.82, 13.38, 12.84, 17.46, 1.30},
    {"squeezenet", 18.55, 17.53, 18.50, 12.94, 21.48, 1.16},
    {"mobilenet_v1", 16.32, 12.61, 17.31, 9.12, 17.89, 1.03},
    {"mobilenet_v2", 9.54, 8.30, 10.58, 5.26, 11.25, 1.06},
    {"googlenet", 14.79, 15.63, 14.37, 8.92, 17.53, 1.12},
    {"resnet32", 24.95, 19.76, 25.01, 13.71, 31.06, 1.24},
    {"vgg19", 26.79, 41.36, 25.45, 33.14, 55.15, 1.33},
    {"mobilefacenet", 11.38, 9.66, 12.61, 8.43, 13.33, 1.06},
    {"mobilenet_v1_ssd", 21.14, 15.81, 21.58, 18.72, 22.34, 1.04},
};

using Row = std::vector<std::string>;

const QsDnnGraph& graph_of(const QsDnnNet& net, bool paper_layers) {
  return paper_layers ? net.paper : net.passes;
}

const MethodRun* find(const QsDnnGraph& graph, Method method, std::string_view library = {}) {
  for (const MethodRun& run : graph.methods.runs) {
    if (run.method == method && (library.empty() || run.library == library)) return &run;
  }
  return nullptr;
}

/// How many times as fast as Vanilla: whole runs, and by the sums of the table.
std::string speedup(const QsDnnGraph& graph, const MethodRun* run) {
  const MethodRun* vanilla = find(graph, Method::vanilla);
  if (run == nullptr || vanilla == nullptr || run->run.measured_us <= 0) return "-";
  return fmt::format("{:.2f}x ({:.2f}x)", vanilla->run.measured_us / run->run.measured_us,
                     vanilla->run.predicted_us / run->run.predicted_us);
}

std::vector<std::string> libraries(const QsDnnReport& report, bool paper_layers) {
  std::vector<std::string> names;
  for (const QsDnnNet& net : report.nets) {
    for (const MethodRun& run : graph_of(net, paper_layers).methods.runs) {
      if (run.method == Method::single_type && std::ranges::find(names, run.library) == names.end())
        names.push_back(run.library);
    }
  }
  return names;
}

std::string ratio_text(const PairedRatio& ratio) {
  return fmt::format("{:.3f}x ({:.3f} to {:.3f})", ratio.median, ratio.low, ratio.high);
}

std::string ratio_text(const RaceEntry& entry) {
  return ratio_text(PairedRatio{entry.ratio, entry.ratio_low, entry.ratio_high});
}

const char* graph_name(bool paper_layers) {
  return paper_layers ? "the paper's layers" : "default passes";
}

std::string method_name(Method method) {
  switch (method) {
    case Method::vanilla:
      return "vanilla";
    case Method::single_type:
      return "single_type";
    case Method::library:
      return "library";
    case Method::processor:
      return "processor";
    case Method::random:
      return "random";
    case Method::q_learning:
      return "q_learning";
    case Method::greedy:
      return "greedy";
    case Method::optimum:
      return "optimum";
    case Method::tuned:
      return "tuned";
  }
  return "";
}

}  // namespace

std::span<const PaperColumn> paper_columns() {
  return columns;
}

const PaperColumn* paper_column(std::string_view net) {
  const auto* found = std::ranges::find(columns, net, &PaperColumn::net);
  return found == std::end(columns) ? nullptr : found;
}

ReportTable table_two(const QsDnnReport& report, bool paper_layers) {
  ReportTable table{
      .title = fmt::format("Table II, {}: speed-up over Vanilla of whole runs (and by sums of the table)",
                           graph_name(paper_layers))};
  Row header{"method"};
  for (const QsDnnNet& net : report.nets) header.push_back(net.name);
  table.rows.push_back(header);
  const auto row = [&](const std::string& name, const auto& cell) {
    Row cells{name};
    for (const QsDnnNet& net : report.nets) cells.push_back(cell(net, graph_of(net, paper_layers)));
    table.rows.push_back(std::move(cells));
  };
  const auto paper_row = [&](const std::string& name, double PaperColumn::*value) {
    row("  paper: " + name, [&](const QsDnnNet& net, const QsDnnGraph&) {
      const PaperColumn* column = paper_column(net.name);
      return column == nullptr ? std::string("-") : fmt::format("{:.2f}x", column->*value);
    });
  };
  const auto method_row = [&](const std::string& name, Method method, const std::string& library = {}) {
    row(name, [&](const QsDnnNet&, const QsDnnGraph& graph) {
      return speedup(graph, find(graph, method, library));
    });
  };
  row("Vanilla, ms", [](const QsDnnNet&, const QsDnnGraph& graph) {
    const MethodRun* run = find(graph, Method::vanilla);
    return run == nullptr ? "-" : fmt::format("{:.2f}", run->run.measured_us * 1e-3);
  });
  row("Vanilla, GFLOP/s", [](const QsDnnNet& net, const QsDnnGraph& graph) {
    const MethodRun* run = find(graph, Method::vanilla);
    return run == nullptr || run->run.measured_us <= 0
               ? "-"
               : fmt::format("{:.2f}", net.flops / run->run.measured_us * 1e-3);
  });
  for (const std::string& library : libraries(report, paper_layers)) {
    method_row(library, Method::single_type, library);
    if (library == "openblas") paper_row("OpenBLAS", &PaperColumn::openblas);
  }
  paper_row("NNPACK", &PaperColumn::nnpack);
  paper_row("ArmCL", &PaperColumn::armcl);
  for (const std::string& library : libraries(report, paper_layers))
    method_row(library + ", strict", Method::library, library);
  method_row("greedy", Method::greedy);
  method_row("RS", Method::random);
  paper_row("RS", &PaperColumn::random);
  method_row("QS-DNN", Method::q_learning);
  paper_row("QS-DNN", &PaperColumn::qs_dnn);
  method_row("optimum", Method::optimum);
  if (!paper_layers) method_row("tuned", Method::tuned);
  row("QS-DNN vs BSL", [](const QsDnnNet&, const QsDnnGraph& graph) {
    return graph.methods.best_type < 0 ? "-" : fmt::format("{:.2f}x", graph.methods.over_best_type.median);
  });
  paper_row("QS-DNN vs BSL", &PaperColumn::qs_dnn_over_best);
  row("QS-DNN vs BSL, strict", [](const QsDnnNet&, const QsDnnGraph& graph) {
    return graph.methods.best_library < 0 ? "-"
                                          : fmt::format("{:.2f}x", graph.methods.over_best_library.median);
  });
  table.notes = {
      "A library's row: its best primitive type wherever it can, Vanilla elsewhere, as in the paper. Strict: "
      "its "
      "fastest primitive for each layer, the fastest of any library for what it lacks.",
      "BSL: the best single library. QS-DNN vs BSL is the median ratio of paired whole runs.",
  };
  return table;
}

ReportTable method_table(const QsDnnReport& report) {
  ReportTable table{.title = "Every method: whole runs, and the sum of its layers"};
  table.rows.push_back({"net", "graph", "method", "library", "type", "whole_ms", "median_ms", "runs",
                        "table_ms", "speedup", "table_speedup", "over_optimum", "ratio", "ratio_low",
                        "ratio_high"});
  for (const QsDnnNet& net : report.nets) {
    for (const bool paper_layers : {true, false}) {
      const QsDnnGraph& graph = graph_of(net, paper_layers);
      const MethodRun* vanilla = find(graph, Method::vanilla);
      for (const MethodRun& run : graph.methods.runs) {
        const RaceEntry& entry = run.run;
        const auto share = [](double a, double b) { return b > 0 ? fmt::format("{:.4f}", a / b) : "-"; };
        table.rows.push_back(
            {net.name, paper_layers ? "paper" : "default", method_name(run.method), run.library, run.note,
             fmt::format("{:.4f}", entry.measured_us * 1e-3), fmt::format("{:.4f}", entry.median_us * 1e-3),
             fmt::format("{}", entry.runs), fmt::format("{:.4f}", entry.predicted_us * 1e-3),
             share(vanilla == nullptr ? 0 : vanilla->run.measured_us, entry.measured_us),
             share(vanilla == nullptr ? 0 : vanilla->run.predicted_us, entry.predicted_us),
             share(entry.predicted_us, graph.methods.optimum_us), fmt::format("{:.4f}", entry.ratio),
             fmt::format("{:.4f}", entry.ratio_low), fmt::format("{:.4f}", entry.ratio_high)});
      }
    }
  }
  table.notes = {
      "whole_ms: 10th percentile of whole runs; table_ms: the sum of the costs of its layers and conversions "
      "by "
      "themselves; over_optimum: that sum over the proven optimum.",
      "ratio: time over that of the first method of the network and graph, median of paired runs with its 95 "
      "% "
      "confidence interval; without an interval where plans were too slow for the race and ran by "
      "themselves.",
  };
  return table;
}

ReportTable tuned_table(const QsDnnReport& report) {
  ReportTable table{
      .title =
          "The tuned plan against single libraries and greedy: how many times as slow they are, "
          "paired whole runs"};
  table.rows.push_back({"net", "tuned ms", "greedy", "best of the paper's rows", "",
                        "best of the strict rows", "", "never slower"});
  for (const QsDnnNet& net : report.nets) {
    const std::vector<MethodRun>& runs = net.passes.methods.runs;
    if (runs.empty() || runs.front().method != Method::tuned) continue;
    Row row{net.name, fmt::format("{:.3f}", runs.front().run.measured_us * 1e-3)};
    const MethodRun* greedy = find(net.passes, Method::greedy);
    row.push_back(greedy == nullptr ? "-" : ratio_text(greedy->run));
    bool never_slower = true;
    for (const Method method : {Method::single_type, Method::library}) {
      const MethodRun* best = nullptr;
      for (const MethodRun& run : runs) {
        if (run.method == method && (best == nullptr || run.run.ratio < best->run.ratio)) best = &run;
      }
      row.push_back(best == nullptr ? "-" : ratio_text(best->run));
      row.push_back(best == nullptr ? "" : best->library);
    }
    for (const MethodRun& run : runs) {
      const bool rival =
          run.method == Method::single_type || run.method == Method::library || run.method == Method::greedy;
      if (rival && run.run.ratio_high < 1) never_slower = false;
    }
    row.push_back(never_slower ? "yes" : "NO");
    table.rows.push_back(std::move(row));
  }
  table.notes = {"NO: the 95 % confidence interval of some library or of greedy lies wholly below 1."};
  return table;
}

ReportTable prediction_table(const QsDnnReport& report) {
  ReportTable table{.title = "The tuned plan: sums of costs against fresh whole runs, ms"};
  table.rows.push_back({"net", "whole run", "layers by themselves", "off by, alone", "corrected inside",
                        "off by, corrected", "kernels", "conversions", "dispatch"});
  for (const QsDnnNet& net : report.nets) {
    const TuneResult& tuned = net.passes.methods.tuned;
    if (tuned.whole_us <= 0) continue;
    const auto ms = [](double us) { return fmt::format("{:.4f}", us * 1e-3); };
    const auto off = [&](double us) { return fmt::format("{:+.1f} %", 100 * (us / tuned.whole_us - 1)); };
    table.rows.push_back({net.name, ms(tuned.whole_us), ms(tuned.before.whole_us()),
                          off(tuned.before.whole_us()), ms(tuned.after.whole_us()),
                          off(tuned.after.whole_us()), ms(tuned.after.kernels_us),
                          ms(tuned.after.conversions_us), ms(tuned.after.dispatch_us)});
  }
  table.notes = {
      "The whole runs took no part in the correction. Kernels, conversions and dispatch: of the corrected "
      "sum."};
  return table;
}

ReportTable space_table(const QsDnnReport& report) {
  ReportTable table{.title = "Design spaces: N_I implementations of N_L layers"};
  table.rows.push_back({"net", "graph", "N_L", "N_I", "log10 N_I^N_L", "log10 of what there is"});
  for (const QsDnnNet& net : report.nets) {
    for (const bool paper_layers : {true, false}) {
      const QsDnnGraph& graph = graph_of(net, paper_layers);
      if (graph.methods.runs.empty()) continue;
      table.rows.push_back(
          {net.name, paper_layers ? "paper" : "default", fmt::format("{}", graph.space.layers),
           fmt::format("{}", graph.space.most_choices), fmt::format("{:.1f}", graph.space.log10_bound),
           fmt::format("{:.1f}", graph.space.log10_size)});
    }
  }
  return table;
}

ReportTable gap_table(const QsDnnReport& report, bool paper_layers) {
  ReportTable table{.title = fmt::format("Percent above the proven optimum, median of {} seeds, {}",
                                         report.seeds, graph_name(paper_layers))};
  Row header{"strategy"};
  std::map<std::string, size_t> row_of;
  for (const QsDnnNet& net : report.nets) {
    const QsDnnGraph& graph = graph_of(net, paper_layers);
    for (const StrategyStudy& study : graph.strategies) {
      if (row_of.try_emplace(study.name, row_of.size() + 1).second) table.rows.push_back({study.name});
    }
  }
  table.rows.insert(table.rows.begin(), header);
  for (const QsDnnNet& net : report.nets) {
    const QsDnnGraph& graph = graph_of(net, paper_layers);
    if (graph.strategies.empty()) continue;
    table.rows[0].push_back(net.name);
    double slowest = 0, exact = 0;
    for (const StrategyStudy& study : graph.strategies) {
      table.rows[row_of[study.name]].push_back(
          fmt::format("{:.2f}", 100 * study.gap(graph.methods.optimum_us)));
      if (study.name == "exact") exact = study.seconds;
      if (study.name.starts_with("q-learning")) slowest = std::max(slowest, study.seconds);
    }
    table.notes.push_back(fmt::format(
        "{}: 1000 episodes of learning took {:.3f} s at most, the proof {:.4f} s", net.name, slowest, exact));
  }
  return table;
}

ReportTable claim_table(const QsDnnReport& report) {
  ReportTable table{.title = "Claims"};
  table.rows.push_back({"claim", "paper", "here", "verdict"});
  for (const Claim& claim : claims_of(report))
    table.rows.push_back({claim.text, claim.paper, claim.measured, claim.holds ? "confirmed" : "refuted"});
  return table;
}

}  // namespace raceline
