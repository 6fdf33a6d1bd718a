// raceline paper: a paper's tables and figures, made again on this machine.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "cli/cmd_profile.h"
#include "cli/command.h"
#include "cli/devices.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/paper_prediction.h"
#include "cli/report_files.h"
#include "cli/scratch_folder.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/model/zoo/zoo.h"
#include "raceline/report/qs_dnn.h"

namespace raceline::cli {
namespace {

constexpr const char* quick_net = "lenet5_caffe";
constexpr const char* figure_net = "mobilenet_v1";  ///< of the paper's figure 5

struct Options {
  std::filesystem::path output = "qs-dnn";
  std::vector<std::string> nets;
  TimingOptions timing;
  DeviceOptions devices;
  MethodOptions methods;
  ProtocolOptions protocol;
  uint64_t seed = 1;
  int seeds = 5;
  bool quick = false, json = false;
};

std::vector<const ZooNet*> chosen_nets(const Options& options) {
  std::vector<std::string> names = options.nets;
  if (names.empty() && options.quick) names.emplace_back(quick_net);
  if (names.empty()) {
    for (const PaperColumn& column : paper_columns()) names.emplace_back(column.net);
  }
  std::vector<std::string> known;
  for (const ZooNet& net : zoo()) known.emplace_back(net.name);
  std::vector<const ZooNet*> nets;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(zoo(), std::string_view(name), &ZooNet::name);
    if (found == zoo().end())
      throw UnsupportedError(fmt::format("--nets: the zoo has no '{}'; the nearest are {}", name,
                                         join(nearest(name, known), ", ")));
    nets.push_back(&*found);
  }
  return nets;
}

/// A network's methods on one of its graphs; incomplete when interrupted.
QsDnnGraph measure_graph(const std::filesystem::path& file, bool paper_layers, const Options& options,
                         const Workbench& bench, CostStore& store) {
  LoadedModel model = load_model({.path = file, .no_fusion = paper_layers, .seed = options.seed}, bench);
  CpuDevice device(bench.cpu.machine());
  Progress progress("profile");
  MethodOptions methods = options.methods;
  watch(methods.profile, progress);
  methods.tune = !paper_layers;
  const std::string title =
      fmt::format("{}, {}", model.name, paper_layers ? "the paper's layers" : "default passes");
  methods.say = [&](const std::string& line) { say(progress, fmt::format("{}: {}", title, line)); };
  methods.measure = options.protocol.measure(methods.say);
  QsDnnGraph graph;
  graph.methods =
      run_methods(model.graph, bench.registry, bench.devices(device), store, views_of(model.inputs), methods);
  progress.finish();
  report_profile(graph.methods.profile);
  return graph;
}

/// The searches on what was measured.
void study(QsDnnNet& net, const Options& options) {
  for (QsDnnGraph* graph : {&net.paper, &net.passes}) {
    if (!graph->methods.complete) continue;
    const SelectionProblem& problem = graph->methods.built.problem;
    graph->space = design_space(problem);
    graph->strategies = study_strategies(problem, options.seeds, options.methods.search.episodes);
  }
}

Json report_json(const QsDnnReport& report, size_t measured) {
  Json claims = Json::array();
  for (const Claim& claim : claims_of(report)) {
    claims.push_back(
        {{"claim", claim.text}, {"paper", claim.paper}, {"here", claim.measured}, {"holds", claim.holds}});
  }
  return {{"machine", report.machine},
          {"threads", report.threads},
          {"protocol", report.protocol},
          {"geometric_mean", geometric_mean(report, false)},
          {"geometric_mean_strict", geometric_mean(report, true)},
          {"claims", claims},
          {"methods", table_json(method_table(report))},
          {"tuned", table_json(tuned_table(report))},
          {"predictions", table_json(prediction_table(report))},
          {"processors", table_json(processor_table(report))},
          {"gaps_paper_layers", table_json(gap_table(report, true))},
          {"gaps_default_passes", table_json(gap_table(report, false))},
          {"design_spaces", table_json(space_table(report))},
          {"figure4", table_json(learning_table(report.figures))},
          {"figure5", table_json(budget_table(report.figures))},
          {"measured", measured}};
}

/// Costs and whole runs.
size_t entries_of(const CostStore& store) {
  return store.rows().size() + store.run_keys().size();
}

int qs_dnn(Options& options) {
  const Workbench bench(options.devices.open());
  const std::vector<const ZooNet*> nets = chosen_nets(options);
  options.methods.profile.threads = options.timing.prepare(bench);
  options.methods.profile.pinned = !options.timing.no_pin;
  options.methods.search.seed = options.methods.profile.seed = options.seed;
  if (options.quick) {
    options.methods.race_rounds = 5;
    options.methods.race_seconds = 1;
  }
  CostStore store = options.timing.open_store(CostStore::Mode::write);
  QsDnnReport report{.machine = bench.cpu.machine().cpu_model,
                     .threads = options.methods.profile.threads,
                     .protocol = options.protocol.name,
                     .seeds = options.seeds};
  const ScratchFolder scratch;
  const auto begin = std::chrono::steady_clock::now();
  const size_t before = entries_of(store);
  for (const ZooNet* zoo_net : nets) {
    const std::filesystem::path file = scratch.path() / fmt::format("{}.onnx", zoo_net->name);
    write_zoo(zoo_net->name, file);
    QsDnnNet net{.name = std::string(zoo_net->name), .flops = zoo_size(*zoo_net).flops};
    for (const bool paper_layers : {true, false}) {
      // The paper's protocol knows no fusion: what Raceline's passes add could not be measured by it.
      if (options.protocol.is_paper() && !paper_layers) continue;
      QsDnnGraph& graph = paper_layers ? net.paper : net.passes;
      graph = measure_graph(file, paper_layers, options, bench, store);
      if (!graph.methods.complete) {
        fmt::print(stderr,
                   "interrupted; what was measured is kept in {}, and the next call goes on from there\n",
                   options.timing.store.string());
        return interrupted;
      }
    }
    report.nets.push_back(std::move(net));
    std::filesystem::remove(file);
  }
  // Searches are done again by each call, so they come when all is measured.
  for (QsDnnNet& net : report.nets) {
    fmt::print(stderr, "{}: searches\n", net.name);
    study(net, options);
    if (report.figures.net.empty() || net.name == figure_net)
      report.figures = qs_dnn_figures(net.name, net.paper.methods.built.problem, options.seeds);
    if (is_interrupted()) return interrupted;
  }
  const ReportDocument document = document_of(report);
  write_report(document, options.output);
  const size_t measured = entries_of(store) - before;
  if (options.json) {
    print_json(report_json(report, measured));
  } else {
    fmt::print("{}\n", document.to_text());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print(stderr, "{:.0f} s; {} costs and whole runs were not in the store; written to {}\n", seconds,
             measured, options.output.string());
  return done;
}

}  // namespace

std::function<int()> setup_paper(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto run = std::make_shared<std::function<int()>>();
  app.require_subcommand(1);
  CLI::App* sub =
      app.add_subcommand("qs-dnn", "Table II, figures 4 and 5 of QS-DNN, with the proven optimum beside");
  sub->footer(example_text("raceline paper qs-dnn -o qs-dnn --nets squeezenet,mobilenet_v1"));
  sub->add_option("-o,--output", options->output, "Folder for tables, figures and the page")
      ->type_name("DIR")
      ->capture_default_str();
  sub->add_option("--nets", options->nets, "Networks of the zoo; by default the paper's ten")
      ->type_name("LIST")
      ->delimiter(',');
  options->timing.threads = 1;  // as in the paper
  options->timing.add_to(*sub);
  options->devices.add_to(*sub);
  options->protocol.add_to(*sub);
  sub->add_option("--seed", options->seed, "Of inputs and of searches")->capture_default_str();
  sub->add_option("--seeds", options->seeds, "Searches behind each point of figure 5 and each gap")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_flag("--quick", options->quick,
                "A small network and few runs, unless --nets says which: to try it out");
  sub->add_flag("--json", options->json, "One JSON document");
  sub->final_callback([=] { *run = [=] { return qs_dnn(*options); }; });
  setup_prediction_paper(app, PredictionPaper::perfnetrt, run);
  setup_prediction_paper(app, PredictionPaper::resperfnet, run);
  return [run] { return (*run)(); };
}

}  // namespace raceline::cli
