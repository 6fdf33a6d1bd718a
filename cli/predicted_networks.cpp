#include "cli/predicted_networks.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/load_graph.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"

namespace raceline::cli {
namespace {

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && entry.path().extension() == ".onnx") files.push_back(entry.path());
  }
  if (files.empty()) throw Error(fmt::format("'{}' holds no .onnx file", path.string()));
  std::sort(files.begin(), files.end());
  return files;
}

/// The first extent of the first input; 1 where there is none.
int64_t batch_of(const Graph& graph) {
  if (graph.inputs().empty()) return 1;
  const Shape& shape = graph.desc(graph.inputs()[0]).shape;
  return shape.rank() == 0 ? 1 : std::max<int64_t>(1, shape[0]);
}

}  // namespace

void NetworkOptions::add_to(CLI::App& app) {
  app.add_option("models", paths, "ONNX files, or folders of them")->required()->type_name("MODEL|FOLDER");
  app.add_option("--batch", batch, "Values of a symbolic batch dimension, each predicted")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::PositiveNumber);
  app.add_option("--shape", shapes, "Shape of an input, for symbolic dimensions")
      ->allow_extra_args(false)
      ->type_name("NAME=1x3x224x224");
}

AskedNetwork asked_network(const std::filesystem::path& file, const std::vector<std::string>& shapes,
                           int64_t batch, const Workbench& bench) {
  ModelOptions model;
  model.path = file;
  model.shapes = shapes;
  if (batch > 0) model.batch = {batch};
  OpenedModel opened = open_model(model);
  BatchNorms written;
  const LoadedModel loaded = load_graph(opened, model, bench, nullptr, &written);
  const int64_t actual = batch_of(loaded.graph);
  if (batch > 0 && batch != actual)
    throw Error(fmt::format("--batch {}: the batch of '{}' is fixed at {}", batch, file.string(), actual));
  return {.name = loaded.name, .batch = actual, .layers = network_layers(loaded.graph, written)};
}

std::vector<AskedNetwork> asked_networks(const NetworkOptions& options, const Workbench& bench) {
  std::vector<int64_t> batches = options.batch;
  if (batches.empty()) batches.push_back(0);
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& path : options.paths) {
    for (std::filesystem::path& file : files_of(path)) files.push_back(std::move(file));
  }
  std::vector<AskedNetwork> networks;
  for (const std::filesystem::path& file : files) {
    for (const int64_t batch : batches) {
      try {
        networks.push_back(asked_network(file, options.shapes, batch, bench));
      } catch (const std::exception& error) {  // one of many may be too large for memory
        if (files.size() * batches.size() == 1) throw;
        fmt::print(stderr, "{}\n", printable(error.what()));
        networks.push_back({.name = file.string(), .batch = batch, .layers = {}, .error = error.what()});
      }
    }
  }
  return networks;
}

int status_of(const std::vector<AskedNetwork>& networks) {
  const auto is_bad = [](const AskedNetwork& network) { return !network.error.empty(); };
  return std::ranges::any_of(networks, is_bad) ? wrong_use : done;
}

}  // namespace raceline::cli
