#include "raceline/model/zoo/prune.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace raceline {
namespace {

double sum_of_squares(std::span<const float> weights) {
  return std::transform_reduce(weights.begin(), weights.end(), 0.0, std::plus<>(),
                               [](float weight) { return static_cast<double>(weight) * weight; });
}

}  // namespace

void prune(std::span<float> weights, const WeightGrid& grid, double share, int64_t width) {
  const int64_t rows = (grid.outputs + width - 1) / width;
  const int64_t blocks = grid.groups * rows * grid.inputs;
  const auto for_each = [&](int64_t block, const auto& body) {
    const int64_t row = block / grid.inputs, output = row % rows * width;
    float* first = weights.data() + row / rows * grid.group_step + output * grid.output_step +
                   block % grid.inputs * grid.input_step;
    const int64_t outputs = std::min(width, grid.outputs - output);
    for (int64_t o = 0; o < outputs; ++o) body(first[o * grid.output_step], outputs);
  };
  const auto size_of_block = [&](int64_t block) {
    float size = 0;
    for_each(block,
             [&](float weight, int64_t outputs) { size += weight * weight / static_cast<float>(outputs); });
    return size;
  };
  // A hair less, so that 0.9 of 10 is 9 whatever the rounding of 0.9.
  const auto zeros =
      std::min(blocks, static_cast<int64_t>(std::ceil(share * static_cast<double>(blocks) * (1 - 1e-12))));
  if (zeros == 0) return;
  std::vector<float> sizes(static_cast<size_t>(blocks));
  for (int64_t block = 0; block < blocks; ++block) sizes[static_cast<size_t>(block)] = size_of_block(block);
  std::nth_element(sizes.begin(), sizes.begin() + (zeros - 1), sizes.end());
  const float largest = sizes[static_cast<size_t>(zeros - 1)];
  // Of those as large as the largest one that goes, as many go as are wanted.
  int64_t equal =
      zeros - std::count_if(sizes.begin(), sizes.begin() + zeros, [&](float size) { return size < largest; });
  const double before = sum_of_squares(weights);
  for (int64_t block = 0; block < blocks; ++block) {
    const float size = size_of_block(block);
    if (size > largest || (size == largest && equal-- <= 0)) continue;
    for_each(block, [](float& weight, int64_t) { weight = 0; });
  }
  const double after = sum_of_squares(weights);
  if (after == 0) return;
  const auto scale = static_cast<float>(std::sqrt(before / after));
  for (float& weight : weights) weight *= scale;
}

}  // namespace raceline
