// What to try first where there is no time for everything: small layers, and on each what was fast on layers
// like it.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "raceline/profile/candidates.h"
#include "raceline/profile/layer_entry.h"
#include "raceline/profile/store.h"

namespace raceline {

/// All layers of the set, conversions first: what they cost says which candidates cannot win. With
/// `small_first`, which then learns most about large layers from small ones, by the time that they may take;
/// else by their keys.
std::vector<const LayerCandidates*> in_order(const CandidateSet& candidates, bool small_first);

/// First runs find caches and pages cold: whose took no longer than this many times the best one's may be the
/// best.
inline constexpr double near_factor = 1.5;
/// One run of each entry of the group that is so near the best of it.
double sum_of_near_us(const std::vector<LayerEntry>& entries, const std::vector<size_t>& group);

/// How far behind the best each primitive was on layers of a kind (op, window, depthwise or not), the latest
/// counting most. It orders and never drops: whatever it says, all are tried if there is time.
class Promise {
 public:
  /// Of all that the store knows of one device and number of threads, whatever networks it is of. Throws
  /// IoError.
  void recall(const CostStore& store, const std::string& device, int threads);
  /// Of the entries that are known.
  void learn(const LayerDesc& layer, const std::vector<LayerEntry>& entries);
  /// Indices of entries, by what is expected of them; the slow reference last, as the better the others are
  /// known the sooner it is dropped.
  void sort(const LayerDesc& layer, const std::vector<LayerEntry>& entries,
            std::vector<size_t>& pending) const;
  /// Whether the layer can wait: one of its entries was timed in so many rounds, and of none that is still to
  /// be tried more is expected than of the best of those.
  bool is_settled(const LayerDesc& layer, const std::vector<LayerEntry>& entries, int rounds) const;

 private:
  struct Time {
    std::string primitive;
    double us = 0;
  };
  /// One time alone says nothing of who is behind.
  void learn(const LayerDesc& layer, const std::vector<Time>& times);
  /// On layers of the kind, else on any.
  double behind(const std::string& kind, const std::string& name) const;

  /// Logarithms of a primitive's time over the best one's, by kind of layer; of the kind "" those of all.
  std::map<std::pair<std::string, std::string>, double> behind_;
};

}  // namespace raceline
