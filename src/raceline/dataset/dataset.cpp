#include "raceline/dataset/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/text.h"
#include "raceline/dataset/calm.h"
#include "raceline/dataset/calm_history.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

/// Rounds that make a row, in the order taken.
using RowKey = std::tuple<std::string, std::string, std::string, std::string, int, std::string, std::string,
                          std::string, int>;

/// "train/prior:resnet50": the set, and the group.
std::pair<std::string, std::string> parts_of(const std::string& origin) {
  const size_t slash = origin.find('/');
  if (slash == std::string::npos) return {origin, {}};
  return {origin.substr(0, slash), origin.substr(slash + 1)};
}

std::string note_of(const Sitting& s, size_t samples) {
  return fmt::format("sitting {}: {} on {}, {}, {} threads; {}; {}; device {}; {}; {} samples; {}", s.id,
                     s.platform, s.accelerator, s.mode, s.threads, s.versions, s.machine, s.device,
                     s.started_at, samples, s.what);
}

DatasetRow row_of(const Sitting& sitting, const std::vector<PlatformSample>& samples) {
  std::vector<std::vector<RawTimes>> rounds;
  std::vector<double> totals;
  DatasetRow row;
  row.runs = 0;
  int calm = 0;
  for (const PlatformSample& sample : samples) {
    rounds.push_back(runs_of(sample));
    totals.push_back(round_total_us(rounds.back()));
    row.runs += static_cast<int>(rounds.back().size());
    calm += sample.disturbed ? 0 : 1;
    row.taken_at = std::max(row.taken_at, sample.taken_at);
  }
  const PlatformSample& first = samples.front();
  row.layer = first.layer;
  row.type = type_of_name(first.layer);
  row.platform = sitting.platform;
  row.accelerator = sitting.accelerator;
  row.mode = sitting.mode;
  row.threads = sitting.threads;
  row.primitive = first.primitive;
  std::tie(row.set, row.group) = parts_of(first.origin);
  row.repeat = first.repeat;
  row.rounds = static_cast<int>(rounds.size());
  row.disturbed = calm < std::min(least_calm_rounds, row.rounds);
  for (const PhaseModel model : {PhaseModel::perfnetrt, PhaseModel::resperfnet}) {
    const PhaseLabel label = phase_label(rounds, model);
    row.p10[static_cast<size_t>(model)] = label.p10;
    row.median[static_cast<size_t>(model)] = label.median;
  }
  row.outlier = is_outlier(std::move(totals));
  return row;
}

}  // namespace

std::vector<RawTimes> runs_of(const PlatformSample& sample) {
  std::vector<RawTimes> runs;
  const size_t width = sample.steps.size();
  for (size_t at = 0; at + width <= sample.samples_us.size() && width > 0; at += width) {
    RawTimes times{};
    for (size_t step = 0; step < width; ++step) {
      times[static_cast<size_t>(parse_raw_step(sample.steps[step]))] += sample.samples_us[at + step];
    }
    runs.push_back(times);
  }
  return runs;
}

void set_runs(PlatformSample& sample, std::span<const RawTimes> runs) {
  sample.steps.clear();
  sample.samples_us.clear();
  for (size_t step = 0; step < raw_steps; ++step)
    sample.steps.emplace_back(to_string(static_cast<RawStep>(step)));
  for (const RawTimes& run : runs) sample.samples_us.insert(sample.samples_us.end(), run.begin(), run.end());
}

Dataset dataset_of(const SampleStore& store, const DatasetQuery& query) {
  Dataset dataset;
  std::map<std::string, Sitting> sittings;
  for (const Sitting& sitting : store.sittings()) {
    const bool wanted = (query.platform.empty() || sitting.platform == query.platform) &&
                        (query.mode.empty() || sitting.mode == query.mode);
    if (wanted) sittings[sitting.id] = sitting;
  }
  std::map<RowKey, DatasetRow> rows;
  std::map<RowKey, std::vector<PlatformSample>> of_layer;  // samples come layer by layer
  std::map<std::string, size_t> troubles, of_sitting;
  size_t short_rows = 0;
  const auto end_layer = [&] {
    for (const auto& [key, rounds] : std::exchange(of_layer, {})) {
      if (static_cast<int>(rounds.size()) < query.least_rounds) {
        ++short_rows;
      } else {
        rows.emplace(key, row_of(sittings.at(rounds.front().sitting), rounds));
      }
    }
  };
  std::string layer;
  CalmHistory history(store);
  store.visit([&](PlatformSample&& sample) {
    if (sample.layer != layer) end_layer();
    layer = sample.layer;
    const auto found = sittings.find(sample.sitting);
    if (found == sittings.end()) return;
    ++of_sitting[sample.sitting];
    const Sitting& s = found->second;
    if (!sample.trouble.empty() || sample.samples_us.empty()) {
      ++troubles[sample.trouble];
      return;
    }
    history.judge(sample, s.device);
    of_layer[{s.platform, s.accelerator, s.mode, s.device, s.threads, s.versions, sample.layer,
              sample.primitive, sample.repeat}]
        .push_back(std::move(sample));
  });
  end_layer();
  for (const auto& [id, sitting] : sittings) {
    if (of_sitting[id] > 0) dataset.notes.push_back(note_of(sitting, of_sitting[id]));
  }
  for (auto& [key, row] : rows) dataset.rows.push_back(std::move(row));
  for (const auto& [trouble, count] : troubles) {
    dataset.notes.push_back(fmt::format("left out: {} samples that failed: {}", count, trouble));
  }
  if (short_rows > 0) {
    dataset.notes.push_back(
        fmt::format("left out: {} rows of fewer than {} rounds", short_rows, query.least_rounds));
  }
  return dataset;
}

std::vector<std::string> machines_of(const Dataset& dataset, std::string_view platform,
                                     std::string_view accelerator, std::string_view mode, int64_t threads) {
  constexpr std::string_view before = "; device ";
  const std::string whose = fmt::format(": {} on {}, {}, {} threads; ", platform, accelerator, mode, threads);
  std::set<std::string> machines;
  for (const std::string& note : dataset.notes) {
    const size_t at = note.find(before);
    if (!note.starts_with("sitting ") || note.find(whose) == std::string::npos || at == std::string::npos)
      continue;
    machines.insert(note.substr(at + before.size(), note.find(';', at + 1) - at - before.size()));
  }
  return {machines.begin(), machines.end()};
}

std::vector<NoiseFloor> noise_floors(const Dataset& dataset, PhaseModel definition) {
  /// What is repeated: platform, accelerator, mode, threads, layer, primitive.
  using Key = std::tuple<std::string, std::string, std::string, int, std::string, std::string>;
  const auto key_of = [](const DatasetRow& row, const std::string& what) {
    return Key{row.platform, row.accelerator, row.mode, row.threads, what, row.primitive};
  };
  std::map<Key, const DatasetRow*> first;
  for (const DatasetRow& row : dataset.rows) {
    if (row.repeat == 0) first[key_of(row, row.layer)] = &row;
  }
  struct Sum {
    size_t rows = 0;
    double errors = 0;
  };
  std::map<std::tuple<Key, std::string, std::string>, Sum> sums;  // of a type, a phase, and above what
  const auto model = static_cast<size_t>(definition);
  for (const DatasetRow& row : dataset.rows) {
    const auto found = row.repeat == 0 ? first.end() : first.find(key_of(row, row.layer));
    if (found == first.end()) continue;
    const Phases& was = found->second->p10[model];
    const Phases& is = row.p10[model];
    const auto add = [&](const char* phase, double before, double again) {
      if (!(before > 0) || !std::isfinite(again)) return;
      using Bar = std::pair<const char*, double>;
      for (const auto& [above, limit] : {Bar{"all", 0}, Bar{"> 50 us", 50}, Bar{"> 200 us", 200}}) {
        if (before <= limit) continue;
        Sum& sum = sums[{key_of(row, row.type), phase, above}];
        ++sum.rows;
        sum.errors += std::abs(again - before) / before;
      }
    };
    add("pre", was.pre_us, is.pre_us);
    add("exe", was.exe_us, is.exe_us);
    add("post", was.post_us, is.post_us);
  }
  std::vector<NoiseFloor> floors;
  for (const auto& [key, sum] : sums) {
    const auto& [of, phase, above] = key;
    const auto& [platform, accelerator, mode, threads, type, primitive] = of;
    floors.push_back({platform, accelerator, mode, threads, type, primitive, phase, above, sum.rows,
                      100 * sum.errors / static_cast<double>(sum.rows)});
  }
  return floors;
}

}  // namespace raceline
