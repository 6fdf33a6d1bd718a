// What predicting takes, once a predictor is loaded: a network of 100 layers, drawn among the types that the
// predictor knows, and a single layer. Exit status 1 when a network takes 20 ms or a layer 0.5 ms.
//   bench_predict PREDICTOR...
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cli/predictors.h"
#include "raceline/dataset/spaces.h"
#include "raceline/predict/network.h"
#include "raceline/profile/clock.h"

namespace raceline {
namespace {

constexpr size_t network_size = 100;
constexpr double most_network_us = 20'000, most_layer_us = 500;
constexpr double seconds = 2;  // of each measurement, at most
constexpr size_t most_runs = 1000;

/// Seeded layers of these types in turn.
std::vector<NetworkLayer> some_network(const std::set<std::string>& types) {
  std::vector<NetworkLayer> layers;
  for (const std::string& type : types) {
    SampleReport report;
    const size_t count = (network_size + types.size() - 1) / types.size();
    for (const SampledLayer& each : sample_layers(Space::raceline, type, count, {}, {}, report))
      layers.push_back({.name = type, .layer = each.layer, .facts = facts_of(each.layer)});
  }
  layers.resize(std::min(layers.size(), network_size));
  return layers;
}

/// The median of runs one after the other, in microseconds; of each only the first time is cold.
double median_us(const std::function<void(size_t run)>& body) {
  const Clock clock = steady_clock();
  std::vector<double> samples;
  body(0);
  for (const double start = clock(); samples.size() < most_runs && clock() - start < 1e6 * seconds;) {
    const double before = clock();
    body(samples.size());
    samples.push_back(clock() - before);
  }
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2),
                   samples.end());
  return samples[samples.size() / 2];
}

bool is_fast(const std::string& path, cli::Workbench& bench) {
  const Clock clock = steady_clock();
  const double before = clock();
  const Predictor predictor = cli::open_predictor(path, bench);
  const double load_us = clock() - before;
  std::set<std::string> types;
  for (const PredictorPart& part : predictor.parts) {
    if (part.phase == Phase::exe) types.insert(part.type);
  }
  const std::vector<NetworkLayer> layers = some_network(types);
  const double network_us = median_us([&](size_t) { predict_network(layers, predictor); });
  const double layer_us =
      median_us([&](size_t run) { predict_network({layers[run % layers.size()]}, predictor); });
  fmt::print("{}, {} types: loaded in {:.1f} ms; {} layers {:.2f} ms, {:.1f} us each; one layer {:.1f} us\n",
             predictor.model, types.size(), load_us * 1e-3, layers.size(), network_us * 1e-3,
             network_us / static_cast<double>(layers.size()), layer_us);
  return network_us < most_network_us && layer_us < most_layer_us;
}

}  // namespace
}  // namespace raceline

int main(int argc, char** argv) {
  try {
    raceline::cli::Workbench bench;
    bool fast = true;
    for (int index = 1; index < argc; ++index) fast = raceline::is_fast(argv[index], bench) && fast;
    return fast ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
