#include "raceline/predict/pair_shares.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/dataset/layer_pair.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"

namespace raceline {
namespace {

/// The value below which half of the weight lies; `values` holds value and weight, and is not empty.
double weighted_median(std::vector<std::pair<double, double>> values) {
  std::ranges::sort(values);
  double all = 0, below = 0;
  for (const auto& [value, weight] : values) all += weight;
  for (const auto& [value, weight] : values) {
    below += weight;
    if (below >= all / 2) return value;
  }
  return values.back().first;
}

}  // namespace

PairShares PairShares::fit(const Dataset& rows, PhaseModel definition, const std::set<std::string>& without) {
  std::map<std::string, double> alone, together;  // by name
  for (const DatasetRow& row : rows.rows) {
    const double us = row.exe_us(definition);
    if (row.repeat != 0 || row.outlier || !row.primitive.empty() || !(us > 0) || !std::isfinite(us)) continue;
    (is_pair(row.layer) ? together : alone)[row.layer] = us;
  }
  std::map<Kind, std::vector<std::pair<double, double>>> found;
  for (const auto& [name, both_us] : together) {
    const LayerPair pair = LayerPair::parse(name);
    if (without.contains(batchless_key(pair.first.key())) ||
        without.contains(batchless_key(pair.second.key())))
      continue;
    const auto first = alone.find(pair.first.key()), second = alone.find(pair.second.key());
    if (first == alone.end() || second == alone.end()) continue;
    found[{layer_type(pair.first), layer_type(pair.second)}].emplace_back(
        (both_us - first->second) / second->second, second->second / both_us);
  }
  PairShares shares;
  for (const auto& [kind, values] : found)
    shares.kinds_[kind] = {std::max(0.0, weighted_median(values)), values.size()};
  return shares;
}

bool PairShares::knows(const std::string& first, const std::string& second) const {
  const auto found = kinds_.find({first, second});
  return found != kinds_.end() && found->second.pairs >= least;
}

double PairShares::share(const std::string& first, const std::string& second) const {
  return knows(first, second) ? kinds_.at({first, second}).share : 1;
}

void PairShares::visit(Archive& archive, std::string_view key) {
  std::vector<std::pair<Kind, Share>> list(kinds_.begin(), kinds_.end());
  size_t count = list.size();
  archive.list(key, count, [&](Archive& inner, size_t index) {
    if (inner.reading()) list.emplace_back();
    auto& [kind, found] = list[index];
    auto pairs = static_cast<int64_t>(found.pairs);
    inner.field("first", kind.first);
    inner.field("second", kind.second);
    inner.field("share", found.share);
    inner.field("pairs", pairs);
    if (!inner.reading()) return;
    if (found.share < 0) inner.refuse("share", fmt::format("{} is below 0", found.share));
    if (pairs < 0) inner.refuse("pairs", fmt::format("{} is below 0", pairs));
    found.pairs = static_cast<size_t>(pairs);
    if (!kinds_.emplace(kind, found).second)
      inner.refuse("first", fmt::format("a second share of '{}' behind '{}'", kind.second.substr(0, 80),
                                        kind.first.substr(0, 80)));
  });
}

std::string PairShares::to_string() const {
  std::string text;
  for (const auto& [kind, found] : kinds_) {
    if (found.pairs >= least)
      text += fmt::format("{}{}+{} {:.2f}", text.empty() ? "" : ", ", kind.first, kind.second, found.share);
  }
  return text;
}

}  // namespace raceline
