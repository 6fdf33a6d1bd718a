// Predictors, and what networks take by them.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <pybind11/stl.h>

#include "cli/predicted_networks.h"
#include "cli/predictors.h"
#include "module.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/predict/shipped.h"

namespace raceline::python {
namespace {

/// A network with what it takes.
struct PredictedNetwork {
  std::string network;
  int64_t batch = 1;
  NetworkPrediction sums;

  std::string text() const {
    const auto [low_us, high_us] = sums.calibrated
                                       ? std::pair(sums.calibrated->low_us, sums.calibrated->high_us)
                                       : std::pair(sums.low_us, sums.high_us);
    return fmt::format("<Prediction {}, batch {}: {} ({} to {})>", network, batch, human_us(sums.us()),
                       human_us(low_us), human_us(high_us));
  }
};

/// A network that is asked for: its name (empty: that of its file), and where it is.
using Asked = std::pair<std::string, ModelSource>;

struct Sizes {
  int64_t batch = 0;
  std::vector<std::string> shapes;  ///< "NAME=1x3x224x224"
};

cli::AskedNetwork read_network(const Asked& asked, const Sizes& sizes) {
  const ModelFile file(asked.second);
  const py::gil_scoped_release others_go_on;
  cli::AskedNetwork network = cli::asked_network(file.path(), sizes.shapes, sizes.batch, bench().work);
  if (!asked.first.empty()) network.name = asked.first;
  return network;
}

/// The time of each network, by one call of the predictor for all. Where `keep_errors`, an Error stands in
/// the place of a network with which something is wrong; else it is thrown. Ctrl-C ends it between two
/// networks.
py::list predict(const std::vector<Asked>& asked, const Predictor& predictor, const Sizes& sizes,
                 double level_percent, bool keep_errors) {
  const py::object error_type = py::module_::import("raceline._native").attr("Error");
  std::vector<py::object> results;
  std::vector<PredictedNetwork> networks;
  std::vector<std::vector<NetworkLayer>> layers;
  for (const Asked& each : asked) {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    try {
      cli::AskedNetwork network = read_network(each, sizes);
      networks.push_back({.network = std::move(network.name), .batch = network.batch, .sums = {}});
      layers.push_back(std::move(network.layers));
      results.push_back(py::none());
    } catch (const py::error_already_set&) {
      throw;
    } catch (const std::exception& error) {  // one candidate of a thousand may be too large for memory
      if (!keep_errors) throw;
      results.push_back(error_type(printable(error.what())));
    }
  }
  {
    const py::gil_scoped_release others_go_on;
    const std::lock_guard turn(bench().turn);
    std::vector<NetworkPrediction> sums = predict_networks(layers, predictor, level_percent / 100);
    for (size_t index = 0; index < sums.size(); ++index) networks[index].sums = std::move(sums[index]);
  }
  py::list list;
  auto next = networks.begin();
  for (const py::object& result : results)
    list.append(result.is_none() ? py::cast(std::move(*next++)) : result);
  return list;
}

Sizes sizes_of(const std::optional<int64_t>& batch, const std::vector<std::string>& shapes) {
  if (batch && *batch < 1) throw Error(fmt::format("batch: wanted 1 or more, given {}", *batch));
  return {batch.value_or(0), shapes};
}

std::unique_ptr<Predictor> open(const std::string& name, const std::string& folder) {
  const py::gil_scoped_release others_go_on;
  return std::make_unique<Predictor>(cli::open_predictor(name, bench().work, folder));
}

std::vector<std::string> types_of(const Predictor& predictor) {
  std::vector<std::string> types;
  for (const PredictorPart& part : predictor.parts) {
    const bool is_new = std::ranges::find(types, part.type) == types.end();  // not of another primitive
    if (part.phase == Phase::exe && is_new) types.push_back(part.type);
  }
  return types;
}

}  // namespace

void add_prediction(py::module_& module) {
  py::class_<Prediction>(module, "Interval", "A time in microseconds, and between what it lies.")
      .def_readonly("us", &Prediction::us)
      .def_readonly("low_us", &Prediction::low_us)
      .def_readonly("high_us", &Prediction::high_us)
      .def_readonly("beyond_training", &Prediction::beyond,
                    "What of the layer lies beyond the training rows; empty: nothing.")
      .def("__repr__", [](const Prediction& p) {
        return fmt::format("<Interval {} ({} to {})>", human_us(p.us), human_us(p.low_us),
                           human_us(p.high_us));
      });
  using Row = NetworkPrediction::Row;
  py::class_<Row>(module, "LayerPrediction", "A layer of a network, and what it takes.")
      .def_property_readonly("name", [](const Row& row) { return printable(row.name); })
      .def_property_readonly("type", [](const Row& row) { return row.facts.type; })
      .def_readonly("primitive", &Row::primitive)
      .def_property_readonly("flops", [](const Row& row) { return row.facts.flops; })
      .def_readonly("exe", &Row::exe, "None: no model of the predictor knows the type.");
  using Network = PredictedNetwork;
  py::class_<Network>(module, "Prediction",
                      "What a network takes, in microseconds: `raceline predict --json`.")
      .def_readonly("network", &Network::network)
      .def_readonly("batch", &Network::batch)
      .def_property_readonly(
          "us", [](const Network& n) { return n.sums.us(); },
          "The best that is known: as whole networks take it, else the sum total_us.")
      .def_property_readonly(
          "calibrated", [](const Network& n) { return n.sums.calibrated; },
          "As networks take it that were measured whole; None: the predictor knows none.")
      .def_property_readonly(
          "rank", [](const Network& n) { return std::tuple(n.sums.ignorance(), n.sums.us()); },
          "For sorting: less known comes behind, then more time.")
      .def_property_readonly("total_us", [](const Network& n) { return n.sums.total_us; })
      .def_property_readonly(
          "low_us",
          [](const Network& n) { return n.sums.calibrated ? n.sums.calibrated->low_us : n.sums.low_us; },
          "Of us: the end of its interval, or the sum of those of all layers.")
      .def_property_readonly(
          "high_us",
          [](const Network& n) { return n.sums.calibrated ? n.sums.calibrated->high_us : n.sums.high_us; })
      .def_property_readonly("exe_us", [](const Network& n) { return n.sums.exe_us; })
      .def_property_readonly("pre", [](const Network& n) { return n.sums.pre; })
      .def_property_readonly("post", [](const Network& n) { return n.sums.post; })
      .def_property_readonly("layers", [](const Network& n) { return n.sums.layers; })
      .def_property_readonly("layers_without_model", [](const Network& n) { return n.sums.unknown_layers; })
      .def_property_readonly("flops_without_model_percent",
                             [](const Network& each) { return each.sums.unknown_percent(); })
      .def_property_readonly("layers_beyond_training", [](const Network& n) { return n.sums.beyond_layers; })
      .def(
          "epoch_us",
          [](const Network& n, int64_t samples) {
            if (samples < 1) throw Error(fmt::format("an epoch of {} samples, wanted 1 or more", samples));
            return epoch_us(n.sums.us(), samples, n.batch);
          },
          py::arg("samples"), "The time of an epoch: so many samples in batches of this network's.")
      .def("__repr__", &Network::text);
  py::class_<Predictor>(module, "Predictor")
      .def(py::init(&open), py::arg("name"), py::arg("folder"))
      .def_readonly("platform", &Predictor::platform)
      .def_readonly("accelerator", &Predictor::accelerator)
      .def_readonly("mode", &Predictor::mode)
      .def_readonly("threads", &Predictor::threads)
      .def_readonly("model", &Predictor::model)
      .def_readonly("notes", &Predictor::notes)
      .def_property_readonly("types", &types_of, "The layer types that it has models of.")
      .def("__repr__", [](const Predictor& p) {
        return fmt::format("<Predictor {} of {} on {} ({})>", p.model, p.platform, p.accelerator, p.mode);
      });
  module.def("shipped_predictors", [](const std::string& folder) { return shipped_predictors(folder); });
  module.def("predict",
             [](const std::vector<Asked>& asked, const Predictor& predictor, std::optional<int64_t> batch,
                const std::vector<std::string>& shapes, double level, bool keep_errors) {
               if (!(level >= 1 && level < 100))
                 throw Error(fmt::format("level: wanted 1 to 99.9 percent, given {}", level));
               return predict(asked, predictor, sizes_of(batch, shapes), level, keep_errors);
             });
}

}  // namespace raceline::python
