// Rows for nets, and whether Raceline's engine computes what libtorch trained.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "train/torch/descent.h"

namespace raceline::train {
namespace {

/// Relative to the largest of the results that are compared.
constexpr double most_difference = 1e-4;
constexpr int64_t rows_compared = 256;

}  // namespace

NetRows net_rows(const Features& rows, std::span<const double> times, bool logarithm) {
  const auto count = static_cast<int64_t>(rows.size());
  const auto width = static_cast<int64_t>(rows.empty() ? 0 : rows.front().size());
  NetRows data{torch::empty({count, width}), torch::empty(count), logarithm};
  const auto narrow = [](double each) { return static_cast<float>(each); };
  float* to = data.rows.data_ptr<float>();
  for (const std::vector<double>& row : rows) to = std::transform(row.begin(), row.end(), to, narrow);
  std::transform(times.begin(), times.end(), data.times.data_ptr<float>(), narrow);
  return data;
}

void check_engine(const Net& net, const std::string& onnx, const NetRows& data, const FitRequest& request) {
  if (!request.engine) throw Error("a net is trained where there is an engine to check it with");
  const torch::NoGradGuard no_gradients;
  const torch::Tensor rows = data.rows.narrow(0, 0, std::min(rows_compared, data.size()));
  const torch::Tensor wanted = net.forward(rows);
  const auto width = static_cast<size_t>(rows.size(1));
  Features features;
  for (int64_t row = 0; row < rows.size(0); ++row) {
    const float* numbers = rows.data_ptr<float>() + row * rows.size(1);
    features.emplace_back(numbers, numbers + width);
  }
  std::vector<double> given(features.size());
  request.engine(onnx, width)->run(features, given);
  double largest = 0, difference = 0;
  for (size_t row = 0; row < given.size(); ++row) {
    const auto trained = static_cast<double>(wanted.data_ptr<float>()[row]);
    largest = std::max(largest, std::abs(trained));
    difference = std::max(difference, std::abs(given[row] - trained));
  }
  if (!(difference <= most_difference * largest)) {
    throw Error(
        fmt::format("the engine's results are up to {:g} from libtorch's, of which the largest is {:g}",
                    difference, largest));
  }
}

}  // namespace raceline::train
