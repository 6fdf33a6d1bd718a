#include "train/training_rows.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"
#include "train/pipeline.h"

namespace raceline::train {
namespace {

using Rows = std::vector<const DatasetRow*>;

std::string_view text_of(std::string_view text) {
  return text;
}
std::string text_of(int number) {
  return std::to_string(number);
}

/// Keeps the rows of one value of a column: of the only one that there is, or of the one asked for.
template <class T>
T choose(Rows& rows, const T& asked, std::string_view option, T DatasetRow::*column) {
  std::set<T> values;
  for (const DatasetRow* row : rows) values.insert(row->*column);
  std::vector<std::string> names;
  for (const T& each : values) names.emplace_back(text_of(each));
  if (asked == T{} && values.size() > 1)
    throw Error(fmt::format("the dataset holds several; choose with {}: {}", option, join(names, ", ")));
  const T chosen = asked == T{} ? *values.begin() : asked;
  if (!values.contains(chosen))
    throw Error(fmt::format("{} {}: the dataset has {}", option, text_of(chosen), join(names, ", ")));
  std::erase_if(rows, [&](const DatasetRow* row) { return row->*column != chosen; });
  return chosen;
}

/// Counts, by reason, of rows that are left out.
class LeftOut {
 public:
  void count(const std::string& why) { ++counts_[why]; }
  std::vector<std::string> notes() const {
    std::vector<std::string> notes;
    for (const auto& [why, count] : counts_) notes.push_back(fmt::format("left out: {} rows {}", count, why));
    return notes;
  }

 private:
  std::map<std::string, size_t> counts_;
};

/// A copy of the rows that may be trained on, each set to train or validation.
Dataset usable(const Dataset& dataset, const Rows& chosen, LeftOut& left_out) {
  std::set<std::string> judged;
  for (const DatasetRow& row : dataset.rows) {
    if (is_judged(row)) judged.insert(bare_key(row.layer));
  }
  Dataset used;
  std::set<std::string> has_validation;
  for (const DatasetRow* row : chosen) {
    if (is_judged(*row) || !is_layer(row->layer)) continue;
    if (row->set != set_train && row->set != set_validation) {
      left_out.count(fmt::format("of the set '{}'", row->set));
    } else if (row->repeat != 0) {
      left_out.count("that repeat another");
    } else if (row->outlier) {
      left_out.count("that are outliers");
    } else if (judged.contains(bare_key(row->layer))) {
      left_out.count("of layers that test rows are of as well");
    } else {
      used.rows.push_back(*row);
      if (row->set == set_validation) has_validation.insert(row->type);
    }
  }
  Dataset without;
  for (const DatasetRow& row : used.rows) {
    if (!has_validation.contains(row.type)) without.rows.push_back(row);
  }
  std::erase_if(used.rows, [&](const DatasetRow& row) { return !has_validation.contains(row.type); });
  split(without, {.test = 0, .validation = 0.1});
  used.rows.insert(used.rows.end(), without.rows.begin(), without.rows.end());
  return used;
}

/// The order in which rows of a part are taken when not all are: by a hash, so that more rows are a superset.
void draw(Rows& rows, const TrainOptions& options) {
  using Place = std::pair<uint64_t, const DatasetRow*>;
  std::vector<Place> places;
  for (const DatasetRow* row : rows)
    places.emplace_back(hash_text(row->layer + "\n" + row->taken_at, options.seed), row);
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.first, a.second->layer) < std::tie(b.first, b.second->layer);
  });
  std::transform(places.begin(), places.end(), rows.begin(), [](const Place& place) { return place.second; });
  if (options.rows > 0 && rows.size() > static_cast<size_t>(options.rows))
    rows.resize(static_cast<size_t>(options.rows));
}

void check_types(const std::vector<std::string>& asked, const Dataset& used) {
  std::set<std::string> types;
  for (const DatasetRow& row : used.rows) types.insert(row.type);
  for (const std::string& type : asked) {
    if (types.contains(type)) continue;
    throw Error(fmt::format("--types {}: no rows to train on; there are rows of {}", type,
                            types.empty() ? "none" : join(std::vector(types.begin(), types.end()), ", ")));
  }
}

std::map<PartKey, Rows> rows_by_part(const Dataset& used, const TrainOptions& options, LeftOut& left_out) {
  std::map<PartKey, Rows> parts;
  for (const DatasetRow& row : used.rows) {
    if (!options.types.empty() &&
        std::find(options.types.begin(), options.types.end(), row.type) == options.types.end()) {
      left_out.count("of types that were not asked for");
      continue;
    }
    for (const Phase phase : options.phases) {
      const double us = time_of(row.label(options.definition), phase);
      if (us > 0) {
        parts[{row.type, row.primitive, phase}].push_back(&row);
      } else {
        left_out.count(fmt::format("of {} without a time in phase {}", row.type, to_string(phase)));
      }
    }
  }
  return parts;
}

/// Rows that judge, for the parts that there are.
void add_test_rows(TrainingRows& training, const Rows& chosen, const TrainOptions& options) {
  for (const DatasetRow* row : chosen) {
    if (!is_judged(*row) || row->repeat != 0) continue;
    for (const Phase phase : options.phases) {
      const auto part = training.parts.find({row->type, row->primitive, phase});
      const double us = time_of(row->label(options.definition), phase);
      if (part != training.parts.end() && us > 0) part->second.test.add(*row, us);
    }
  }
}

}  // namespace

void LayerRows::add(const DatasetRow& row, double time_us) {
  examples_.add(facts_of(LayerDesc::parse(row.layer)), time_us);
  unit_.push_back(hash_text(split_unit(row)));
}

void LayerRows::append(const LayerRows& other) {
  for (size_t row = 0; row < other.size(); ++row)
    examples_.add(other.examples_.layers[row], other.examples_.us[row]);
  unit_.insert(unit_.end(), other.unit_.begin(), other.unit_.end());
}

size_t LayerRows::layers() const {
  return std::set<uint64_t>(unit_.begin(), unit_.end()).size();
}

Examples LayerRows::part(size_t index, size_t count, bool inside) const {
  std::map<uint64_t, size_t> part_of;
  for (const uint64_t layer : unit_) part_of[layer] = 0;
  size_t place = 0;
  for (auto& [layer, part] : part_of) part = place++ % count;
  Examples some;
  for (size_t row = 0; row < size(); ++row) {
    if ((part_of[unit_[row]] == index) == inside) some.add(examples_.layers[row], examples_.us[row]);
  }
  return some;
}

TrainingRows training_rows(const Dataset& dataset, const TrainOptions& options) {
  if (dataset.rows.empty()) throw Error("the dataset has no rows");
  Rows chosen;
  for (const DatasetRow& row : dataset.rows) chosen.push_back(&row);
  TrainingRows training;
  training.platform = choose(chosen, options.platform, "--platform", &DatasetRow::platform);
  training.accelerator = choose(chosen, options.accelerator, "--accelerator", &DatasetRow::accelerator);
  training.mode = choose(chosen, options.mode, "--mode", &DatasetRow::mode);
  training.threads = choose(chosen, options.threads, "--threads", &DatasetRow::threads);
  LeftOut left_out;
  const Dataset used = usable(dataset, chosen, left_out);
  check_types(options.types, used);
  std::map<PartKey, Rows> by_part = rows_by_part(used, options, left_out);
  training.notes = left_out.notes();
  for (auto& [key, rows] : by_part) {
    draw(rows, options);
    PartRows part;
    for (const DatasetRow* row : rows) {
      (row->set == set_validation ? part.validation : part.train)
          .add(*row, time_of(row->label(options.definition), std::get<Phase>(key)));
    }
    if (part.train.size() >= least_rows) {
      for (const DatasetRow* row : rows) training.layers.add(row->layer);
      training.parts.emplace(key, std::move(part));
      continue;
    }
    const auto& [type, primitive, phase] = key;
    training.notes.push_back(fmt::format("no model of {}{}{} in phase {}: {} training rows, wanted {}", type,
                                         primitive.empty() ? "" : " by ", primitive, to_string(phase),
                                         part.train.size(), least_rows));
  }
  if (options.watch) add_test_rows(training, chosen, options);
  if (training.parts.empty()) {
    throw Error(
        fmt::format("no layer type has {} rows in the set '{}' with a time in the phases asked for{}{}",
                    least_rows, set_train, training.notes.empty() ? "" : "; ", join(training.notes, "; ")));
  }
  return training;
}

}  // namespace raceline::train
