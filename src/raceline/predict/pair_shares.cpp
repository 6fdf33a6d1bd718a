#include "raceline/predict/pair_shares.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/dataset/layer_pair.h"
#include "raceline/dataset/layer_type.h"

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

PairShares PairShares::fit(const Dataset& rows, PhaseModel definition) {
  std::map<std::string, double> alone, together;  // by name
  for (const DatasetRow& row : rows.rows) {
    const double us = row.exe_us(definition);
    if (row.repeat != 0 || row.outlier || !row.primitive.empty() || !(us > 0) || !std::isfinite(us)) continue;
    (is_pair(row.layer) ? together : alone)[row.layer] = us;
  }
  std::map<Kind, std::vector<std::pair<double, double>>> found;
  for (const auto& [name, both_us] : together) {
    const LayerPair pair = LayerPair::parse(name);
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

double PairShares::share(const std::string& first, const std::string& second) const {
  const auto found = kinds_.find({first, second});
  return found == kinds_.end() || found->second.pairs < least ? 1 : found->second.share;
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
