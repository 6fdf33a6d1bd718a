// Neural predictors on the papers' features: PerfNet (and PerfNetRT), ResPerfNet, and the perceptron of
// Justus et al. They are trained by raceline-train and kept as the bytes of an ONNX model, which Raceline's
// own engine runs, many layers at a time.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class NetModel : public LatencyModel {
 public:
  static constexpr std::string_view justus_kind = "justus";
  static constexpr std::string_view perfnet_kind = "perfnet";
  static constexpr std::string_view resperfnet_kind = "resperfnet";
  explicit NetModel(std::string_view kind) : kind_(kind) {}

  std::string_view name() const override { return kind_; }
  std::vector<std::string> columns(std::string_view type) const override {
    return feature_names(FeatureSet::raw, type);
  }
  /// us = net(z(BoxCox(features))) * unit_us. Not from two threads at a time. Throws Error before prepare().
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  /// Without an engine the model can be read and written, and not predict.
  void prepare(const Engine& engine) override;

  /// What the net sees of layers.
  Features rows_of(std::span<const LayerFacts> layers, const Hardware& hardware) const;

  BoxCox box_cox;
  ZScore z_score;
  double unit_us = 1000;  ///< microseconds of an output of 1
  std::string onnx;       ///< a batch of rows in, a number for each out

 private:
  std::string_view kind_;
  std::unique_ptr<NetRunner> runner_;
};

/// The columns that ResPerfNet transforms by Box-Cox (appendix D): image and kernel of convolutions, the
/// image of pooling, none of others.
std::vector<size_t> box_cox_columns(std::string_view type);

}  // namespace raceline
