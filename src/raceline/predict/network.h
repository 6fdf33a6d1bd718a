// What a whole network takes, from its layers: the papers' sum (equation 1 of PerfNetRT, 2 of ResPerfNet).
#pragma once
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "raceline/dataset/phases.h"
#include "raceline/graph/graph.h"
#include "raceline/predict/predictor.h"

namespace raceline {

/// A layer of a network as micro-benchmarks have it: one op, with the activation that follows it where
/// nothing else uses its result.
struct NetworkLayer {
  std::string name;
  LayerDesc layer;
  LayerFacts facts;
  /// Type of the layer whose result it uses and nothing else does, the last of them where there are several;
  /// empty: there is none.
  std::string after;
  /// A batch-norm that stood behind it is folded into it, which a platform need not do.
  bool folds_batch_norm = false;
};

/// Names of batch-norms and of the nodes whose results they alone use.
using BatchNorms = std::map<std::string, std::string>;
BatchNorms batch_norms(const Graph& graph);

/// In the order of the graph. written: batch_norms() of the graph before passes; those that are gone by now
/// were folded.
std::vector<NetworkLayer> network_layers(const Graph& graph, const BatchNorms& written = {});

struct NetworkPrediction {
  struct Row {
    std::string name;
    LayerFacts facts;
    std::optional<Prediction> exe;  ///< nothing: no model knows the type
    std::string primitive;          ///< of a predictor by primitive: the one that is predicted
    /// What the batch-norm takes that is folded into it, where it is not; nothing: there is none, or no
    /// model.
    std::optional<Prediction> batch_norm;
  };
  std::vector<Row> layers;
  /// The preprocess phase of the first layer and the postprocess phase of the last; nothing where no model
  /// knows them.
  std::optional<Prediction> pre, post;
  double exe_us = 0;  ///< sum of the layers that models know
  double exe_low_us = 0, exe_high_us = 0;
  double total_us = 0;                           ///< with pre and post, where they are known
  double low_us = 0, high_us = 0;                ///< sums of the ends of all intervals: as if all erred alike
  double unknown_flops = 0, flops = 0;           ///< of layers without a model, and of all
  size_t unknown_layers = 0, beyond_layers = 0;  ///< in the phase exe
  /// The time as a calibrated predictor has it; nothing of one that is not.
  std::optional<Prediction> calibrated;

  /// The best that is known: calibrated, else the sum.
  double us() const { return calibrated ? calibrated->us : total_us; }
  /// For ranking networks or platforms, the better one first: the less of a network a predictor knows, the
  /// less its sum says; only then comes the time.
  std::tuple<bool, double, size_t> ignorance() const {
    return {unknown_layers > 0, unknown_percent(), unknown_layers};
  }
  /// Types of layers without a model, sorted, each once.
  std::vector<std::string> unknown_types() const;
  /// Of the FLOPs, those of layers without a model.
  double unknown_percent() const { return flops > 0 ? 100 * unknown_flops / flops : 0; }
};

/// What the calibrated time of a network is made of: its layers' times by kind (convolutions, depthwise and
/// grouped ones, pooling, dense layers, all others). Behind the layer before it, each takes the share of its
/// time that pairs show, and of its tensors' bytes. A batch-norm that is folded into a layer counts as one
/// behind it does, but as no layer more; not at all where pairs show nothing. Layers without a model count by
/// their bytes alone.
NetworkTerms network_terms(std::span<const NetworkLayer> layers, const NetworkPrediction& prediction,
                           const PairShares& shares);

/// T = T_pre(first) + sum of T_exe + T_post(last). Of a platform that offers several primitives, each layer
/// takes what the fastest does, of those that know layers like it if there are any.
NetworkPrediction predict_network(const std::vector<NetworkLayer>& layers, const Predictor& predictor,
                                  double level = 0.9);
/// That of each network. The layers of all are predicted together: rows in batches cost least.
std::vector<NetworkPrediction> predict_networks(std::span<const std::vector<NetworkLayer>> networks,
                                                const Predictor& predictor, double level = 0.9);

/// The same sum of measured times, which shows what summing alone makes of layers that are known.
struct OracleSum {
  double us = 0;                      ///< of the layers that were measured
  std::optional<Phases> first, last;  ///< of the first and last layer, of which pre and post count
  size_t layers = 0, measured = 0;
  double flops = 0, measured_flops = 0;
};

/// `measured` has times by LayerDesc::key(). A layer that was not measured as it is takes the time of its
/// shape with another epilogue, or without (key by bare_key()), where there is one; a convolution that of one
/// without bias: it may have its bias from a batch-norm.
OracleSum oracle_sum(const std::vector<NetworkLayer>& layers, const std::map<std::string, Phases>& measured);

/// How many batches hold so many samples, both positive: the last one need not be full.
constexpr int64_t batches_of(int64_t samples, int64_t batch) {
  return 1 + (samples - 1) / batch;
}

/// The time of an epoch: batches that take as long each (equation 2 of PerfNetRT).
double epoch_us(double batch_us, int64_t samples, int64_t batch);

}  // namespace raceline
