// What `raceline collect` measures: layers of a space, the frozen test sets, pairs of layers, whole models.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "raceline/dataset/collect.h"
#include "raceline/dataset/spaces.h"

namespace raceline::cli {

inline constexpr int64_t most_samples = 10'000'000;  ///< of a type

struct ItemOptions {
  std::string set = "train";  ///< or test-uniform, test-networks
  std::string space = "raceline";
  std::vector<std::string> layers;  ///< types, perhaps with a number: "conv:2000"; empty: those of the space
  int64_t samples = 100;            ///< of each type without a number
  uint64_t seed = 1;
  std::filesystem::path prior;  ///< layers of real networks; empty: those that come with the program
  double most_mebibytes = 512, most_ms = 200;
  int shard = 1, shards = 1;  ///< this part of so many: every so many-th layer, by expected time
};

/// Seeds of the frozen sets: never those of a training set.
inline constexpr uint64_t frozen_seed = 0x52414345;

/// The layers of real networks that come with the program, or those of a file.
std::vector<PriorLayer> load_prior(const std::filesystem::path& file);

/// The layers, small to large; says on stderr what the caps cut. Layers of the frozen test sets take no part
/// in training. Throws Error.
std::vector<CollectItem> layer_items(const ItemOptions& options);

/// So many pairs of each kind (pair_kinds()), each behind both of its layers alone: what a platform makes of
/// layers that follow each other. A shard has whole pairs. Says on stderr what the caps cut. Throws Error.
std::vector<CollectItem> pair_items(const ItemOptions& options, int64_t count);

/// Every net at every batch; files are written when their turn comes. A net is the name of one of the zoo, or
/// a file. Throws Error for a name of neither.
std::vector<CollectItem> model_items(const std::vector<std::string>& nets,
                                     const std::vector<int64_t>& batches);

}  // namespace raceline::cli
