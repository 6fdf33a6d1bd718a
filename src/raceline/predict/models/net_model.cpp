#include "raceline/predict/models/net_model.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/predict/models/net_file.h"
#include "raceline/predict/models/z_score_file.h"

namespace raceline {

Features NetModel::rows_of(std::span<const LayerFacts> layers, const Hardware& hardware) const {
  Features rows = features_of(FeatureSet::raw, layers, hardware);
  // Extents are 1 or more; a layer of no elements is not what the logarithm should stumble over.
  for (std::vector<double>& row : rows) {
    for (const size_t column : box_cox.columns) row[column] = std::max(1.0, row[column]);
  }
  box_cox.apply(rows);
  z_score.apply(rows);
  return rows;
}

void NetModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                       std::span<double> us) const {
  if (runner_ == nullptr) throw Error(fmt::format("the model '{}' predicts only with an engine", kind_));
  runner_->run(rows_of(layers, hardware), us);
  for (double& each : us) each *= unit_us;
}

void NetModel::prepare(const Engine& engine) {
  if (engine) runner_ = engine(onnx, z_score.mean.size());
}

void NetModel::visit(Archive& archive, std::string_view type) {
  const size_t width = columns(type).size();
  std::vector<int32_t> transformed(box_cox.columns.begin(), box_cox.columns.end());
  archive.field("box_cox", transformed);
  archive.field("lambda", box_cox.lambda);
  if (archive.reading()) {
    const auto bad = [&](int32_t column) { return column < 0 || static_cast<size_t>(column) >= width; };
    if (std::any_of(transformed.begin(), transformed.end(), bad)) {
      archive.refuse("box_cox", fmt::format("a column beyond the {} that there are", width));
    }
    if (transformed.size() != box_cox.lambda.size()) {
      archive.refuse("lambda",
                     fmt::format("{} numbers, wanted {}", box_cox.lambda.size(), transformed.size()));
    }
    if (std::any_of(box_cox.lambda.begin(), box_cox.lambda.end(),
                    [](double each) { return std::abs(each) > BoxCox::most_lambda; })) {
      archive.refuse("lambda", fmt::format("a number beyond -{0} to {0}", BoxCox::most_lambda));
    }
    box_cox.columns.assign(transformed.begin(), transformed.end());
  }
  visit_z_score(archive, z_score, width);
  archive.field("unit_us", unit_us);
  visit_net(archive, onnx);
}

std::vector<size_t> box_cox_columns(std::string_view type) {
  const std::vector<std::string> names = feature_names(FeatureSet::raw, type);
  const std::string_view family = family_of(type);
  std::vector<size_t> columns;
  for (size_t column = 0; column < names.size(); ++column) {
    const bool image = names[column].starts_with("matrix"), kernel = names[column].starts_with("kernel");
    if ((family == "conv" && (image || kernel)) || (family == "pool" && image)) columns.push_back(column);
  }
  return columns;
}

}  // namespace raceline
