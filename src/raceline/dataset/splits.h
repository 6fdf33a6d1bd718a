// Which rows are trained on, which choose the checkpoint, and which judge.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "raceline/dataset/dataset.h"

namespace raceline {

/// Sets of rows, as DatasetRow::set names them. The last two are frozen: they come from seeds of their own
/// when layers are collected, and no split moves a row into them or out of them.
inline constexpr const char* set_train = "train";
inline constexpr const char* set_validation = "validation";
inline constexpr const char* set_test = "test";
inline constexpr const char* set_test_uniform = "test-uniform";    ///< uniform over the papers' ranges
inline constexpr const char* set_test_networks = "test-networks";  ///< all layers of real networks
/// Pairs of layers, and each of their layers alone: no split moves a row into it or out of it, and nothing is
/// trained on it.
inline constexpr const char* set_pairs = "pairs";
inline constexpr const char* set_models = "models";  ///< whole networks, the same

bool is_frozen(const DatasetRow& row);
/// Rows that judge what was trained on others: of a split's test set and of the frozen ones.
bool is_judged(const DatasetRow& row);

/// The key of a layer without what does not change its shape (epilogue, residual, a constant's density):
/// whoever was trained on the one knows the other. Names of models and pairs stay. Throws as
/// LayerDesc::parse().
std::string bare_key(const std::string& layer);

/// bare_key() with the first extent of each operand that is no constant as 1, and that of the result where
/// parameters spell it out: layers that differ in the batch alone have the same. A product whose first
/// operand is transposed keeps its extents.
std::string batchless_key(const std::string& layer);

/// What is never on two sides of a split: a layer, by bare_key(), or the whole staircase that it belongs to,
/// which goes in steps of one channel.
std::string split_unit(const DatasetRow& row);

struct SplitOptions {
  double test = 0.2;        ///< share of the layers (or groups); the papers' 20 %
  double validation = 0.1;  ///< of what is left for training
  bool by_group = false;    ///< rows of one group stay together; otherwise rows of one layer do
  uint64_t seed = 1;
};

/// Assigns train, validation or test to every row that is not frozen, of no pair and of no network. Rows of
/// one layer are never on two sides: neither repetitions nor primitives nor platforms of it leak; by group,
/// neither do neighbours. Each layer type is split by itself, so that small types are in every set. A row
/// whose layer occurs in a frozen set is removed. The same rows and options give the same split, whatever the
/// order of the rows.
void split(Dataset& dataset, const SplitOptions& options);

/// Removes every row that could be trained on (train and validation) and whose layer is among these keys;
/// the number removed. Layers count as equal by batchless_key(): a network is asked for at any batch.
size_t remove_layers(Dataset& dataset, std::span<const std::string> layers);

}  // namespace raceline
