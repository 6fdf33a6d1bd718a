// How much a learning strategy explores, and when.
#pragma once
#include <cstdint>

namespace raceline {

/// QS-DNN's schedule, stretched over any number of episodes: half of them at 1, a twentieth at each of 0.9,
/// 0.8 ... 0.1, the last twentieth at 0.
inline double qs_dnn_epsilon(int64_t episode, int64_t episodes) {
  // Twentieths without overflow: episode < episodes.
  const auto twentieth =
      static_cast<int64_t>(static_cast<double>(episode) * 20 / static_cast<double>(episodes));
  return twentieth < 10 ? 1.0 : static_cast<double>(19 - twentieth) / 10;
}

}  // namespace raceline
