#include "raceline/profile/promise.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raceline {
namespace {

/// Where a primitive of which nothing is known stands: behind those that came within a third of the best.
const double unknown_behind = std::log(4.0 / 3);
constexpr double weight_of_latest = 0.5;
const std::string any_kind;

/// About, on some core: an order is all that is made of it.
double about_us(const LayerDesc& layer) {
  constexpr double flops_per_us = 5e4, bytes_per_us = 1e4;
  return layer.flops() / flops_per_us + layer.bytes_moved() / bytes_per_us;
}

std::string kind_of(const LayerDesc& layer) {
  std::string kind(to_string(layer.op));
  if (layer.op != OpKind::conv2d) return kind;
  const Shape& filters = layer.inputs[1].desc.shape;
  return fmt::format("{} {}x{}{}", kind, filters[2], filters[3], filters[1] == 1 ? " depthwise" : "");
}

}  // namespace

std::vector<const LayerCandidates*> in_order(const CandidateSet& candidates, bool small_first) {
  std::vector<const LayerCandidates*> layers;
  for (const auto& entry : candidates.layers()) layers.push_back(&entry.second);
  if (small_first) {
    std::ranges::stable_sort(layers, {}, [](const LayerCandidates* layer) { return about_us(layer->layer); });
  }
  std::ranges::stable_partition(
      layers, [](const LayerCandidates* layer) { return layer->layer.op == OpKind::reorder; });
  return layers;
}

double sum_of_near_us(const std::vector<LayerEntry>& entries, const std::vector<size_t>& group) {
  double best_us = LayerEntry::infinite, sum = 0;
  for (const size_t i : group) best_us = std::min(best_us, entries[i].best_us);
  for (const size_t i : group) sum += entries[i].best_us <= near_factor * best_us ? entries[i].best_us : 0;
  return sum;
}

void Promise::learn(const LayerDesc& layer, const std::vector<LayerEntry>& entries) {
  double best_us = LayerEntry::infinite;
  for (const LayerEntry& entry : entries) best_us = std::min(best_us, entry.best_us);
  if (!(best_us > 0 && best_us < LayerEntry::infinite)) return;
  for (const LayerEntry& entry : entries) {
    if (entry.best_us == LayerEntry::infinite) continue;
    const double behind = std::log(entry.best_us / best_us);
    for (const std::string& kind : {kind_of(layer), any_kind}) {
      const auto [known, is_new] = behind_.try_emplace({kind, entry.name()}, behind);
      if (!is_new) known->second += weight_of_latest * (behind - known->second);
    }
  }
}

double Promise::behind(const std::string& kind, const std::string& name) const {
  for (const std::string& each : {kind, any_kind}) {
    if (const auto known = behind_.find({each, name}); known != behind_.end()) return known->second;
  }
  return unknown_behind;
}

void Promise::sort(const LayerDesc& layer, const std::vector<LayerEntry>& entries,
                   std::vector<size_t>& pending) const {
  const std::string kind = kind_of(layer);
  std::map<size_t, std::pair<bool, double>> place;
  for (const size_t i : pending) {
    place[i] = {entries[i].primitive->info().library == "reference", behind(kind, entries[i].name())};
  }
  std::ranges::stable_sort(pending, {}, [&](size_t i) { return place[i]; });
}

}  // namespace raceline
