#include "raceline/dataset/cost_rows.h"

#include <limits>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"
#include "raceline/profile/layer_entry.h"

namespace raceline {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

DatasetRow row_of(const CostRow& cost) {
  const Cost us = cost_of(cost);
  DatasetRow row;
  row.layer = cost.key.layer;
  row.type = type_of_name(row.layer);
  row.platform = "raceline";
  row.accelerator = cost.key.device;
  row.mode = cost.key.pinned ? "pinned" : "unpinned";
  row.threads = cost.key.threads;
  row.primitive = cost.key.primitive;
  row.set = set_train;
  row.rounds = us.samples;
  row.p10.fill({unknown, us.us, unknown});
  row.median.fill({unknown, us.median_us, unknown});
  row.taken_at = cost.taken_at;
  return row;
}

/// What rows under equal conditions have in common, for a note each.
struct Conditions {
  size_t rows = 0;
  std::set<std::string> layers, primitives;
  std::string first, last;

  void add(const CostRow& cost) {
    ++rows;
    layers.insert(cost.key.layer);
    primitives.insert(cost.key.primitive);
    if (first.empty() || cost.taken_at < first) first = cost.taken_at;
    last = std::max(last, cost.taken_at);
  }
};

}  // namespace

Dataset dataset_of(const CostStore& store) {
  std::map<CostKey, CostRow> latest;  // by the key without its revision
  size_t failed = 0, replaced = 0;
  for (CostRow& row : store.rows()) {
    if (row.state != CostState::measured || row.samples_us.empty()) {
      ++failed;
      continue;
    }
    CostKey key = row.key;
    key.revision.clear();
    const auto [place, is_new] = latest.try_emplace(std::move(key), row);
    if (is_new) continue;
    ++replaced;
    if (place->second.taken_at < row.taken_at) place->second = std::move(row);
  }
  Dataset dataset;
  std::map<std::tuple<std::string, int, std::string>, Conditions> conditions;
  for (const auto& [key, cost] : latest) {
    DatasetRow& row = dataset.rows.emplace_back(row_of(cost));
    conditions[{row.accelerator, row.threads, row.mode}].add(cost);
  }
  for (const auto& [key, of] : conditions) {
    const auto& [device, threads, mode] = key;
    dataset.notes.push_back(fmt::format(
        "costs of {} layers by {} primitives, {} rows; device {}, {} threads, {}; {} to {}", of.layers.size(),
        of.primitives.size(), of.rows, device, threads, mode, of.first, of.last));
  }
  if (failed > 0)
    dataset.notes.push_back(fmt::format("left out: {} costs that failed or were never finished", failed));
  if (replaced > 0) dataset.notes.push_back(fmt::format("left out: {} costs of earlier revisions", replaced));
  return dataset;
}

}  // namespace raceline
