// What a platform makes of two layers that follow each other: found by timing them together and alone.
#pragma once
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "raceline/dataset/dataset.h"
#include "raceline/predict/archive.h"
#include "raceline/predict/phase.h"

namespace raceline {

/// How much of its own time a layer still takes behind the layer whose result it uses, by the types of both:
/// 0 where the platform joins them, 1 where it does not, more where it converts between them.
class PairShares {
 public:
  struct Share {
    double share = 1;
    size_t pairs = 0;  ///< that it was found by
  };
  using Kind = std::pair<std::string, std::string>;  ///< types of the first layer and of the second

  /// From the rows of type "pair" and those of their layers alone; all rows are of one platform, mode and
  /// number of threads. With s the share, the sum over pairs of |T(both) - T(first) - s T(second)| / T(both)
  /// is least; not below 0. Times are execution times by the definition. Outliers, times of single
  /// primitives, and pairs of which a layer was not measured do not count; nor do pairs with a layer whose
  /// batchless_key() is among `without`: those of networks that are to be judged.
  static PairShares fit(const Dataset& rows, PhaseModel definition,
                        const std::set<std::string>& without = {});

  /// Whether there are `least` pairs of the kind.
  bool knows(const std::string& first, const std::string& second) const;
  /// 1 for a kind that it does not know.
  double share(const std::string& first, const std::string& second) const;
  const std::map<Kind, Share>& kinds() const { return kinds_; }
  /// "conv+add 0.06, conv+lrn 1.21": of the kinds of enough pairs; empty where there is none.
  std::string to_string() const;
  /// A list under this key. Refuses shares below 0 and kinds that stand twice.
  void visit(Archive& archive, std::string_view key);

  static constexpr size_t least = 5;

 private:
  std::map<Kind, Share> kinds_;
};

}  // namespace raceline
