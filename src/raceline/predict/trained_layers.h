// Which layers a predictor was trained on, so that whoever judges it by these is told.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/predict/archive.h"

namespace raceline {

/// Hashes of 32 bits: of 10,000 layers one in 400,000 others is taken for one of them.
class TrainedLayers {
 public:
  /// By bare_key(): the epilogue makes no other layer.
  void add(const std::string& layer);
  void add(const TrainedLayers& others);
  bool contains(const std::string& layer) const;
  /// Nothing is known of a predictor whose file was made before this was kept.
  bool empty() const { return hashes_.empty(); }
  /// Refuses what is no ascending list of hashes, each of eight hexadecimal digits.
  void visit(Archive& archive, std::string_view key);

 private:
  std::vector<uint32_t> hashes_;  ///< ascending
};

}  // namespace raceline
