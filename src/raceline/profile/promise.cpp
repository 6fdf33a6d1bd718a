#include "raceline/profile/promise.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/graph/rough_machine.h"

namespace raceline {
namespace {

/// Where a primitive of which nothing is known stands: behind those that came within a third of the best.
const double unknown_behind = std::log(4.0 / 3);
constexpr double weight_of_latest = 0.5;
const std::string any_kind;

std::string kind_of(const LayerDesc& layer) {
  std::string kind(to_string(layer.op));
  const bool pools = layer.op == OpKind::conv2d_max_pool;
  if (layer.op != OpKind::conv2d && !pools) return kind;
  const Shape& filters = layer.inputs[1].desc.shape;
  const bool is_depthwise = filters[1] == 1 && layer.inputs[0].desc.shape[1] > 1;
  return fmt::format("{} {}x{}{}", kind, filters[2], filters[3], is_depthwise ? " depthwise" : "");
}

}  // namespace

std::vector<const LayerCandidates*> in_order(const CandidateSet& candidates, bool small_first) {
  std::vector<const LayerCandidates*> layers;
  for (const auto& entry : candidates.layers()) layers.push_back(&entry.second);
  if (small_first) {
    std::ranges::stable_sort(
        layers, {}, [](const LayerCandidates* layer) { return RoughMachine().expected_us(layer->layer); });
  }
  std::stable_partition(layers.begin(), layers.end(),
                        [](const LayerCandidates* layer) { return layer->layer.op == OpKind::reorder; });
  return layers;
}

double sum_of_near_us(const std::vector<LayerEntry>& entries, const std::vector<size_t>& group) {
  double best_us = LayerEntry::infinite, sum = 0;
  for (const size_t i : group) best_us = std::min(best_us, entries[i].best_us);
  for (const size_t i : group) sum += entries[i].best_us <= near_factor * best_us ? entries[i].best_us : 0;
  return sum;
}

void Promise::recall(const CostStore& store, const std::string& device, int threads) {
  std::map<std::string, std::vector<Time>> times;
  for (const CostRow& row : store.rows()) {
    const bool counts = row.state == CostState::measured && !row.samples_us.empty();
    if (counts && row.key.device == device && row.key.threads == threads)
      times[row.key.layer].push_back({row.key.primitive, std::ranges::min(row.samples_us)});
  }
  std::vector<std::pair<LayerDesc, const std::vector<Time>*>> layers;
  for (const auto& [key, of] : times) {
    try {
      layers.emplace_back(LayerDesc::parse(key), &of);
    } catch (const ParseError&) {  // of another version: nothing is lost but a hint
      continue;
    }
  }
  std::ranges::stable_sort(layers, {},
                           [](const auto& each) { return RoughMachine().expected_us(each.first); });
  for (const auto& [layer, of] : layers) learn(layer, *of);
}

void Promise::learn(const LayerDesc& layer, const std::vector<LayerEntry>& entries) {
  std::vector<Time> times;
  for (const LayerEntry& entry : entries) {
    if (entry.best_us < LayerEntry::infinite) times.push_back({entry.name(), entry.best_us});
  }
  learn(layer, times);
}

void Promise::learn(const LayerDesc& layer, const std::vector<Time>& times) {
  double best_us = LayerEntry::infinite;
  for (const Time& time : times) best_us = std::min(best_us, time.us);
  if (times.size() < 2 || !(best_us > 0 && best_us < LayerEntry::infinite)) return;
  for (const Time& time : times) {
    const double behind = std::log(time.us / best_us);
    for (const std::string& kind : {kind_of(layer), any_kind}) {
      const auto [known, is_new] = behind_.try_emplace({kind, time.primitive}, behind);
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

bool Promise::is_settled(const LayerDesc& layer, const std::vector<LayerEntry>& entries, int rounds) const {
  const LayerEntry* best = nullptr;
  for (const LayerEntry& entry : entries) {
    const bool is_timed = entry.row.samples_us.size() >= static_cast<size_t>(rounds);
    if (is_timed && (best == nullptr || entry.best_us < best->best_us)) best = &entry;
  }
  if (best == nullptr) return false;
  const std::string kind = kind_of(layer);
  const double of_best = behind(kind, best->name());
  return std::ranges::none_of(entries, [&](const LayerEntry& entry) {
    const bool is_pending = !entry.known && !entry.failed && entry.primitive->info().library != "reference";
    return is_pending && behind(kind, entry.name()) < of_best;
  });
}

}  // namespace raceline
