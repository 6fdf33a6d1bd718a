// raceline dataset: tables of measured layers: import, export, split, judge; the layers of networks.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/load_graph.h"
#include "cli/predictors.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/gzip.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/dataset/cost_rows.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/spaces.h"
#include "raceline/dataset/splits.h"
#include "raceline/predict/pair_shares.h"
#include "raceline/profile/candidates.h"
#include "raceline/profile/store.h"

namespace raceline::cli {
namespace {

struct Options {
  std::filesystem::path file, output, store = default_store();
  std::vector<std::filesystem::path> models, without;
  std::string format;
  DatasetQuery query;
  SplitOptions split;
  bool costs = false, json = false;
};

void write(const Options& options, const std::string& text) {
  if (options.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_maybe_gzip(options.output, text);
    fmt::print(stderr, "written to {}\n", options.output.string());
  }
}

/// The layers of a model as its author wrote them: nothing folded but constants, nothing fused.
std::vector<PriorLayer> layers_of(const std::filesystem::path& path, const Workbench& bench) {
  ModelOptions options;
  options.path = path;
  options.no_fusion = true;
  OpenedModel opened = open_model(options);
  const LoadedModel model = load_graph(opened, options, bench);
  std::vector<PriorLayer> layers;
  std::set<std::string> seen;
  for (NodeId node = 0; node < static_cast<NodeId>(model.graph.nodes().size()); ++node) {
    LayerDesc layer = model.graph.layer(node);
    if (why_no_onnx(layer).empty() && seen.insert(layer.key()).second)
      layers.push_back({model.name, std::move(layer)});
  }
  return layers;
}

/// The keys of all layers that a model may be made of: as its author wrote it, and as `tune` sees it, folded,
/// fused, with every conversion that may be wanted.
std::vector<std::string> keys_of(const std::filesystem::path& path, const Workbench& bench) {
  std::vector<std::string> keys;
  for (const PriorLayer& each : layers_of(path, bench)) keys.push_back(each.layer.key());
  ModelOptions options;
  options.path = path;
  OpenedModel opened = open_model(options);
  const LoadedModel model = load_graph(opened, options, bench);
  const CandidateSet candidates(model.graph, bench.registry, {});
  for (const auto& [key, layer] : candidates.layers()) keys.push_back(key);
  return keys;
}

int import_data(const Options& options) {
  const Dataset dataset = read_published(parse_public_format(options.format), options.file);
  fmt::print(stderr, "{} rows\n", dataset.rows.size());
  write(options, to_csv(dataset));
  return done;
}

int export_data(const Options& options) {
  const Dataset dataset =
      options.costs ? dataset_of(CostStore::open(options.store, CostStore::Mode::read))
                    : dataset_of(SampleStore::open(options.store, SampleStore::Mode::read), options.query);
  fmt::print(stderr, "{} rows\n", dataset.rows.size());
  write(options, to_csv(dataset));
  return done;
}

int split_data(const Options& options) {
  Dataset dataset = read_dataset(options.file);
  split(dataset, options.split);
  if (!options.without.empty()) {
    const Workbench bench;
    std::vector<std::string> keys;
    for (const std::filesystem::path& path : options.without) {
      if (path.extension() == ".tsv") {
        for (const PriorLayer& each : parse_prior(read_file(path))) keys.push_back(each.layer.key());
      } else {
        for (std::string& key : keys_of(path, bench)) keys.push_back(std::move(key));
      }
    }
    const size_t removed = remove_layers(dataset, keys);
    fmt::print(stderr, "{} rows whose layers occur in these networks are left out of training\n", removed);
  }
  std::map<std::string, size_t> counts;
  for (const DatasetRow& row : dataset.rows) ++counts[row.set];
  for (const auto& [set, count] : counts) fmt::print(stderr, "{}: {} rows\n", set, count);
  write(options, to_csv(dataset));
  return done;
}

/// Rows of one platform, mode, set and type.
struct Summary {
  size_t rows = 0, repeats = 0, outliers = 0, disturbed = 0;
  std::vector<double> exe_us;
  std::set<std::string> layers, primitives;
};

/// Of each platform, mode and number of threads, what it makes of layers that follow each other.
using SharesOf = std::map<std::tuple<std::string, std::string, int>, PairShares>;

SharesOf pair_shares(const Dataset& dataset) {
  if (std::ranges::none_of(dataset.rows, [](const DatasetRow& row) { return is_pair(row.layer); })) return {};
  std::map<std::tuple<std::string, std::string, int>, Dataset> parts;
  for (const DatasetRow& row : dataset.rows)
    parts[{row.platform + " on " + row.accelerator, row.mode, row.threads}].rows.push_back(row);
  SharesOf shares;
  for (const auto& [key, rows] : parts) {
    PairShares found = PairShares::fit(rows, PhaseModel::resperfnet);
    if (!found.kinds().empty()) shares[key] = std::move(found);
  }
  return shares;
}

std::string pair_table(const SharesOf& shares) {
  std::vector<std::vector<std::string>> table{
      {"platform", "mode", "threads", "first", "second", "pairs", "share"}};
  for (const auto& [key, of] : shares) {
    const auto& [platform, mode, threads] = key;
    for (const auto& [kind, found] : of.kinds()) {
      table.push_back({printable(platform), printable(mode), fmt::format("{}", threads), kind.first,
                       kind.second, fmt::format("{}", found.pairs), fmt::format("{:.2f}", found.share)});
    }
  }
  return align_table(table);
}

Json pair_json(const SharesOf& shares) {
  Json list = Json::array();
  for (const auto& [key, of] : shares) {
    const auto& [platform, mode, threads] = key;
    for (const auto& [kind, found] : of.kinds()) {
      list.push_back({{"platform", platform},
                      {"mode", mode},
                      {"threads", threads},
                      {"first", kind.first},
                      {"second", kind.second},
                      {"pairs", found.pairs},
                      {"share", found.share}});
    }
  }
  return list;
}

int info(const Options& options) {
  const Dataset dataset = read_dataset(options.file);
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Summary> summaries;
  for (const DatasetRow& row : dataset.rows) {
    Summary& summary = summaries[{row.platform + " on " + row.accelerator, row.mode, row.set, row.type}];
    ++(row.repeat == 0 ? summary.rows : summary.repeats);
    summary.outliers += row.outlier ? 1 : 0;
    summary.disturbed += row.disturbed ? 1 : 0;
    summary.exe_us.push_back(row.exe_us(PhaseModel::resperfnet));
    summary.layers.insert(row.layer);
    summary.primitives.insert(row.primitive);
  }
  const std::vector<NoiseFloor> floors = noise_floors(dataset);
  const SharesOf shares = pair_shares(dataset);
  Json list = Json::array(), floor_list = Json::array();
  std::vector<std::vector<std::string>> table{{"platform", "mode", "set", "type", "rows", "layers",
                                               "primitives", "repeats", "outliers", "disturbed", "exe p10",
                                               "exe median", "exe p90"}};
  for (const auto& [key, s] : summaries) {
    const auto& [platform, mode, set, type] = key;
    const auto at = [&exe_us = s.exe_us](double share) { return percentile(exe_us, share); };
    table.push_back({printable(platform), printable(mode), printable(set), type, fmt::format("{}", s.rows),
                     fmt::format("{}", s.layers.size()), fmt::format("{}", s.primitives.size()),
                     fmt::format("{}", s.repeats), fmt::format("{}", s.outliers),
                     fmt::format("{}", s.disturbed), human_us(at(0.1)), human_us(at(0.5)),
                     human_us(at(0.9))});
    list.push_back({{"platform", platform},
                    {"mode", mode},
                    {"set", set},
                    {"type", type},
                    {"rows", s.rows},
                    {"layers", s.layers.size()},
                    {"primitives", s.primitives.size()},
                    {"repeats", s.repeats},
                    {"outliers", s.outliers},
                    {"disturbed", s.disturbed},
                    {"exe_us", {at(0.1), at(0.5), at(0.9)}}});
  }
  std::vector<std::vector<std::string>> noise{
      {"platform", "mode", "threads", "type", "primitive", "phase", "of rows", "pairs", "MAPE %"}};
  for (const NoiseFloor& floor : floors) {
    noise.push_back({printable(floor.platform + " on " + floor.accelerator), printable(floor.mode),
                     fmt::format("{}", floor.threads), floor.type, printable(floor.primitive), floor.phase,
                     floor.above, fmt::format("{}", floor.rows), fmt::format("{:.2f}", floor.mape_percent)});
    floor_list.push_back({{"platform", floor.platform},
                          {"accelerator", floor.accelerator},
                          {"mode", floor.mode},
                          {"threads", floor.threads},
                          {"type", floor.type},
                          {"primitive", floor.primitive},
                          {"phase", floor.phase},
                          {"of", floor.above},
                          {"pairs", floor.rows},
                          {"mape_percent", floor.mape_percent}});
  }
  if (options.json) {
    print_json({{"rows", dataset.rows.size()},
                {"notes", dataset.notes},
                {"sets", list},
                {"pairs", pair_json(shares)},
                {"noise_floor", floor_list}});
    return done;
  }
  for (const std::string& note : dataset.notes) fmt::print("{}\n", printable(note));
  fmt::print("\n{}", align_table(table));
  if (!shares.empty()) {
    fmt::print(
        "\nlayers behind another (share: of a second layer's own time, what it adds to the first's)\n{}",
        pair_table(shares));
  }
  if (floors.empty()) {
    fmt::print("\nno layer was measured again: the noise floor is unknown\n");
  } else {
    fmt::print("\nnoise floor (a repetition against the first measurement)\n{}", align_table(noise));
  }
  return done;
}

std::vector<PriorLayer> shapes_of(const std::filesystem::path& table) {
  try {
    return parse_layer_shapes(read_maybe_gzip(table));
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", table.string(), error.what()));
  }
}

int list_layers(const Options& options) {
  const Workbench bench;
  std::string text =
      "# Distinct layers of networks as their authors wrote them: net, tab, key of the layer.\n";
  for (const std::filesystem::path& model : options.models) {
    const bool is_table = model.string().ends_with(".csv") || model.string().ends_with(".csv.gz");
    text += prior_text(is_table ? shapes_of(model) : layers_of(model, bench));
  }
  write(options, text);
  return done;
}

}  // namespace

std::function<int()> setup_dataset(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto run = std::make_shared<std::function<int()>>();
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, const char* example, int (*body)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->footer(example_text(example));
    sub->final_callback([=] { *run = [=] { return body(*options); }; });
    return sub;
  };
  const auto add_output = [&](CLI::App* sub) {
    sub->add_option("-o,--output", options->output,
                    "File to write, packed if its name ends in .gz; stdout if not given")
        ->type_name("FILE");
  };
  CLI::App* import =
      add("import", "Make a dataset of a public one",
          "raceline dataset import --format justus conv_GTX1080Ti.csv.gz -o conv.csv", import_data);
  import->add_option("source", options->file, "CSV file as published, packed or not")
      ->required()
      ->type_name("SRC");
  import->add_option("--format", options->format, "justus, trt or miopen")->required();
  add_output(import);

  CLI::App* exported =
      add("export", "Write what a store holds as a dataset",
          "raceline dataset export --store samples.db --platform openvino -o openvino.csv.gz", export_data);
  exported->add_option("--store", options->store, "Store of the samples")
      ->type_name("DB")
      ->capture_default_str();
  exported->add_flag(
      "--costs", options->costs,
      "The costs of layers by each primitive, of profile and tune, in place of collect's samples");
  exported->add_option("--platform", options->query.platform, "Of this platform only");
  exported->add_option("--mode", options->query.mode, "Of this mode only");
  exported->add_option("--least-rounds", options->query.least_rounds, "Rows of fewer rounds are left out")
      ->capture_default_str();
  add_output(exported);

  CLI::App* divide = add(
      "split", "Assign training, validation and test rows",
      "raceline dataset split openvino.csv.gz --without-layers-of vgg16.onnx -o divided.csv.gz", split_data);
  divide->add_option("data", options->file, "Dataset")->required()->type_name("DATA.csv");
  divide->add_option("--test", options->split.test, "Share of the layers of each type")
      ->capture_default_str();
  divide->add_option("--validation", options->split.validation, "Share of the rest")->capture_default_str();
  divide->add_flag("--by-group", options->split.by_group,
                   "Keep groups together (nets, staircases, input heights)");
  divide->add_option("--seed", options->split.seed, "Of the assignment")->capture_default_str();
  divide
      ->add_option("--without-layers-of", options->without,
                   "Remove from training every layer of these models (ONNX, or .tsv of `dataset layers`)")
      ->type_name("FILE,...")
      ->delimiter(',');
  add_output(divide);

  CLI::App* show =
      add("info", "What a dataset holds, and its noise floor", "raceline dataset info openvino.csv.gz", info);
  show->add_option("data", options->file, "Dataset")->required()->type_name("DATA.csv");
  show->add_flag("--json", options->json, "One JSON document");

  CLI::App* layers = add("layers", "List the distinct layers of models, for --prior and --without-layers-of",
                         "raceline dataset layers vgg16.onnx resnet50.onnx -o layers.tsv", list_layers);
  layers->add_option("models", options->models, "ONNX files, or nn-Meter's tables of layer shapes (CSV)")
      ->required()
      ->type_name("MODEL...");
  add_output(layers);
  return [run] { return (*run)(); };
}

}  // namespace raceline::cli
