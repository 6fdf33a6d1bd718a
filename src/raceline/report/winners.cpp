#include "raceline/report/winners.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/report/roofline.h"

namespace raceline {
namespace {

struct Entry {
  const CostRow* row;
  const Primitive* primitive;
  double us;  ///< the statistic that decides costs
};

/// All measured primitives of one layer in one cache state, the fastest first.
using Contest = std::vector<Entry>;
using Contests = std::map<std::pair<std::string, std::string>, Contest>;

Contests contests_of(std::span<const CostRow> rows, const PrimitiveRegistry& registry) {
  Contests contests;
  for (const CostRow& row : rows) {
    if (row.state != CostState::measured || row.samples_us.empty()) continue;
    const Primitive* primitive = registry.find(row.key.primitive);
    if (primitive == nullptr || primitive->revision() != row.key.revision) continue;
    contests[{row.key.layer, row.key.cache}].push_back({&row, primitive, percentile(row.samples_us, 0.1)});
  }
  for (auto& [key, contest] : contests) {
    std::stable_sort(contest.begin(), contest.end(),
                     [](const Entry& a, const Entry& b) { return a.us < b.us; });
  }
  return contests;
}

/// The time of a library's fastest primitive; 0 where it has none.
double library_us(const Contest& contest, const std::string& library) {
  const auto found = std::find_if(contest.begin(), contest.end(), [&](const Entry& entry) {
    return entry.primitive->info().library == library;
  });
  return found == contest.end() ? 0 : found->us;
}

std::string best_library_of(const Contests& contests) {
  std::set<std::string> libraries;
  for (const auto& [key, contest] : contests) {
    for (const Entry& entry : contest) {
      const PrimitiveInfo& info = entry.primitive->info();
      if (!info.library_version.empty()) libraries.insert(info.library);
    }
  }
  std::string best;
  double best_sum = 0;
  for (const std::string& library : libraries) {
    double sum = 0;
    for (const auto& [key, contest] : contests) {
      const double us = library_us(contest, library);
      sum += us > 0 ? us : contest.back().us;
    }
    if (best.empty() || sum < best_sum) {
      best = library;
      best_sum = sum;
    }
  }
  return best;
}

/// time(b) / time(a), over the rounds that both took part in.
PairedRatio lead_of(const Entry& a, const Entry& b) {
  const size_t rounds = std::min(a.row->samples_us.size(), b.row->samples_us.size());
  const auto first = [&](const Entry& entry) { return std::span(entry.row->samples_us).first(rounds); };
  return paired_ratio(first(b), first(a), 1);
}

LayerWinner winner_of(const Contest& contest, const std::string& library, const Machine& machine,
                      const Peaks& peaks, double margin) {
  const Entry& best = contest.front();
  const CostKey& key = best.row->key;
  LayerWinner winner;
  winner.layer = key.layer;
  winner.cache = key.cache;
  winner.primitive = key.primitive;
  winner.us = best.us;
  winner.library_us = library_us(contest, library);

  const std::string family = family_of(best.primitive->info());
  const auto rival = std::find_if(contest.begin() + 1, contest.end(), [&](const Entry& entry) {
    return family_of(entry.primitive->info()) != family;
  });
  if (rival != contest.end()) {
    winner.rival = rival->row->key.primitive;
    winner.lead = lead_of(best, *rival);
    winner.is_clear = winner.lead.low > margin;
  }

  const LayerDesc layer = LayerDesc::parse(key.layer);
  winner.gflops = layer.flops() / best.us * 1e-3;
  winner.gbs = layer.bytes_moved() / best.us * 1e-3;
  winner.share_of_peak = roofline_of(layer, 1, machine, peaks).direct_us() / best.us;
  return winner;
}

}  // namespace

std::string family_of(const PrimitiveInfo& info) {
  return fmt::format("{}.{}.{}{}{}", to_string(info.op), info.library, info.algorithm,
                     info.implementation.empty() ? "" : ".", info.implementation);
}

Winners find_winners(std::span<const CostRow> rows, const PrimitiveRegistry& registry, const Machine& machine,
                     const Peaks& peaks, double margin) {
  const Contests contests = contests_of(rows, registry);
  Winners winners;
  winners.best_library = best_library_of(contests);
  std::map<std::string, FamilyRecord> families;
  for (const auto& [key, contest] : contests) {
    std::set<std::string> measured;
    for (const Entry& entry : contest) measured.insert(family_of(entry.primitive->info()));
    for (const std::string& family : measured) ++families[family].layers;

    const LayerWinner winner = winner_of(contest, winners.best_library, machine, peaks, margin);
    FamilyRecord& record = families[family_of(contest.front().primitive->info())];
    ++record.wins;
    if (winner.is_clear) {
      ++record.clear_wins;
      if (winner.lead.median > record.best_lead) {
        record.best_lead = winner.lead.median;
        record.best_layer = winner.layer;
      }
    }
    winners.layers.push_back(winner);
  }
  for (auto& [family, record] : families) {
    record.family = family;
    winners.families.push_back(record);
  }
  std::stable_sort(winners.families.begin(), winners.families.end(),
                   [](const FamilyRecord& a, const FamilyRecord& b) {
                     return std::pair(a.clear_wins, a.wins) > std::pair(b.clear_wins, b.wins);
                   });
  return winners;
}

}  // namespace raceline
