#include "train/pipeline.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/random.h"
#include "raceline/base/text.h"
#include "raceline/dataset/splits.h"

namespace raceline::train {
namespace {

/// Below this, intervals are calibrated on rows left out in turn; from it on, on the validation rows alone.
constexpr size_t few_rows = 3000;
constexpr size_t folds = 5;
constexpr size_t least_rows = 5;

struct PartRows {
  Examples train, validation;
};

using PartKey = std::tuple<std::string, std::string, Phase>;  // type, primitive, phase

/// The value that all rows have, or that was asked for.
std::string only_value(const Dataset& dataset, const std::string& asked, std::string_view option,
                       std::string DatasetRow::*member) {
  std::set<std::string> values;
  for (const DatasetRow& row : dataset.rows) values.insert(row.*member);
  const std::vector<std::string> list(values.begin(), values.end());
  if (asked.empty() && values.size() == 1) return list[0];
  if (asked.empty())
    throw Error(fmt::format("the dataset holds several; choose with {}: {}", option, join(list, ", ")));
  if (!values.contains(asked)) {
    throw Error(fmt::format("{} {}: the dataset has {}", option, asked, join(list, ", ")));
  }
  return asked;
}

/// The rows that may be trained on, each set to train or validation.
Dataset usable(const Dataset& dataset, const Predictor& predictor) {
  Dataset used;
  bool validation = false;
  for (const DatasetRow& row : dataset.rows) {
    if (row.platform != predictor.platform || row.accelerator != predictor.accelerator ||
        row.mode != predictor.mode || row.repeat != 0 || row.outlier) {
      continue;
    }
    if (row.set != set_train && row.set != set_validation) continue;
    validation = validation || row.set == set_validation;
    used.rows.push_back(row);
  }
  if (!validation) split(used, {.test = 0, .validation = 0.1});
  return used;
}

/// The order in which rows of a part are taken when not all are: by a hash, so that more rows are a superset.
void draw(std::vector<const DatasetRow*>& rows, const TrainOptions& options) {
  const auto place = [&](const DatasetRow* row) {
    return std::make_pair(hash_text(row->layer + "\n" + row->taken_at, options.seed), row->layer);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const DatasetRow* a, const DatasetRow* b) { return place(a) < place(b); });
  if (options.rows > 0 && rows.size() > static_cast<size_t>(options.rows))
    rows.resize(static_cast<size_t>(options.rows));
}

std::map<PartKey, PartRows> rows_of(const Dataset& used, const TrainOptions& options) {
  std::map<PartKey, std::vector<const DatasetRow*>> chosen;
  for (const DatasetRow& row : used.rows) {
    if (row.type == "model") continue;
    if (!options.types.empty() &&
        std::find(options.types.begin(), options.types.end(), row.type) == options.types.end())
      continue;
    for (const Phase phase : options.phases) {
      const double us = time_of(row.p10[static_cast<size_t>(options.definition)], phase);
      if (us > 0) chosen[{row.type, row.primitive, phase}].push_back(&row);
    }
  }
  std::map<PartKey, PartRows> parts;
  for (auto& [key, rows] : chosen) {
    draw(rows, options);
    PartRows& part = parts[key];
    for (const DatasetRow* row : rows) {
      (row->set == set_validation ? part.validation : part.train)
          .add(facts_of(LayerDesc::parse(row->layer)),
               time_of(row->p10[static_cast<size_t>(options.definition)], std::get<Phase>(key)));
    }
  }
  return parts;
}

void append(Examples& to, const Examples& from) {
  to.layers.insert(to.layers.end(), from.layers.begin(), from.layers.end());
  to.us.insert(to.us.end(), from.us.begin(), from.us.end());
}

std::vector<double> predicted(const Model& model, const Examples& examples, const Hardware& hardware) {
  std::vector<double> us(examples.size());
  model.predict(examples.layers, hardware, us);
  for (double& each : us) each = std::isnan(each) ? least_us : std::max(each, least_us);
  return us;
}

/// Every `folds`-th example from `fold` on, or all others.
Examples fold_of(const Examples& all, size_t fold, bool inside) {
  Examples some;
  for (size_t row = 0; row < all.size(); ++row) {
    if ((row % folds == fold) == inside) some.add(all.layers[row], all.us[row]);
  }
  return some;
}

/// One part: fitted, and calibrated on rows that the calibrated fit did not see.
class PartFit {
 public:
  PartFit(const Trainer& trainer, const PartRows& rows, const FitRequest& request)
      : trainer_(trainer), rows_(rows), request_(request) {}

  void run(PredictorPart& part) const {
    Examples all = rows_.train;
    append(all, rows_.validation);
    std::vector<double> guesses, times;
    const auto judge = [&](const Model& model, const Examples& examples) {
      const std::vector<double> us = predicted(model, examples, request_.hardware);
      guesses.insert(guesses.end(), us.begin(), us.end());
      times.insert(times.end(), examples.us.begin(), examples.us.end());
    };
    if (trainer_.chooses_checkpoint) {
      // Half of the validation rows choose the checkpoint, the others calibrate.
      Examples choosing, calibrating;
      for (size_t row = 0; row < rows_.validation.size(); ++row)
        (row % 2 == 0 ? choosing : calibrating).add(rows_.validation.layers[row], rows_.validation.us[row]);
      part.model = fit(rows_.train, choosing);
      judge(*part.model, calibrating);
      part.rows = static_cast<int64_t>(rows_.train.size());
    } else {
      if (all.size() < few_rows) {
        for (size_t fold = 0; fold < folds; ++fold)
          judge(*fit(fold_of(all, fold, false), {}), fold_of(all, fold, true));
      } else {
        judge(*fit(rows_.train, {}), rows_.validation);
      }
      part.model = fit(all, {});
      part.rows = static_cast<int64_t>(all.size());
    }
    part.conformal = Conformal::fit(guesses, times);
    for (const LayerFacts& layer : all.layers) part.range.extend(layer);
  }

 private:
  std::unique_ptr<Model> fit(const Examples& train, const Examples& validation) const {
    return trainer_.fit({.train = train,
                         .validation = validation,
                         .hardware = request_.hardware,
                         .settings = request_.settings,
                         .type = request_.type,
                         .phase = request_.phase,
                         .seed = request_.seed,
                         .from = request_.from,
                         .engine = request_.engine,
                         .checkpoint = request_.checkpoint,
                         .report = request_.report,
                         .stop = request_.stop});
  }

  const Trainer& trainer_;
  const PartRows& rows_;
  const FitRequest& request_;
};

/// Runs body(0), ..., body(count - 1) on so many threads; the first exception is thrown when all have ended.
void side_by_side(size_t count, size_t jobs, const std::function<void(size_t)>& body) {
  std::atomic<size_t> next{0};
  std::exception_ptr trouble;
  std::mutex mutex;
  const auto work = [&] {
    for (size_t index = next++; index < count; index = next++) {
      try {
        body(index);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!trouble) trouble = std::current_exception();
        next = count;
      }
    }
  };
  std::vector<std::thread> threads;
  for (size_t job = 1; job < std::min(jobs, count); ++job) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (trouble) std::rethrow_exception(trouble);
}

}  // namespace

Predictor train(const Dataset& dataset, const TrainOptions& options, const PartReport& report,
                const std::function<bool()>& stop) {
  const Trainer& trainer = trainer_of(options.model);
  const Settings settings(options.settings);
  settings.check(trainer.settings);
  if (dataset.rows.empty()) throw Error("the dataset has no rows");
  Predictor predictor;
  predictor.platform = only_value(dataset, options.platform, "--platform", &DatasetRow::platform);
  predictor.accelerator = only_value(dataset, options.accelerator, "--accelerator", &DatasetRow::accelerator);
  predictor.mode = only_value(dataset, options.mode, "--mode", &DatasetRow::mode);
  predictor.phases = options.definition;
  predictor.model = options.model;
  const Dataset used = usable(dataset, predictor);
  if (!used.rows.empty()) predictor.threads = used.rows[0].threads;
  predictor.hardware =
      hardware_of(predictor.accelerator, static_cast<int>(predictor.threads), Machine::detect());
  std::map<PartKey, PartRows> rows = rows_of(used, options);
  std::erase_if(rows, [](const auto& each) { return each.second.train.size() < least_rows; });
  if (rows.empty()) {
    throw Error(fmt::format("no layer type has {} rows in the set '{}' with a time in the phases asked for",
                            least_rows, set_train));
  }
  std::vector<const PartRows*> part_rows;
  for (const auto& [key, each] : rows) {
    predictor.parts.emplace_back();
    std::tie(predictor.parts.back().type, predictor.parts.back().primitive, predictor.parts.back().phase) =
        key;
    part_rows.push_back(&each);
  }
  std::mutex mutex;
  side_by_side(predictor.parts.size(), static_cast<size_t>(std::max<int64_t>(1, options.jobs)),
               [&](size_t index) {
                 PredictorPart& part = predictor.parts[index];
                 const std::string name = fmt::format("{} {}{}{}", part.type, to_string(part.phase),
                                                      part.primitive.empty() ? "" : " ", part.primitive);
                 const Examples none;
                 const FitRequest request{.train = none,
                                          .validation = none,
                                          .hardware = predictor.hardware,
                                          .settings = settings,
                                          .type = part.type,
                                          .phase = part.phase,
                                          .seed = options.seed,
                                          .from = options.from,
                                          .engine = options.engine,
                                          .checkpoint = options.checkpoint.empty()
                                                            ? options.checkpoint
                                                            : options.checkpoint / (name + ".part"),
                                          .report =
                                              [&](const FitProgress& progress) {
                                                const std::lock_guard lock(mutex);
                                                report(name, progress);
                                              },
                                          .stop = stop};
                 try {
                   PartFit(trainer, *part_rows[index], request).run(part);
                 } catch (const Error& error) {
                   throw Error(fmt::format("{}: {}", name, error.what()));
                 }
               });
  predictor.notes.push_back(fmt::format("data: {}", options.data_name));
  predictor.notes.push_back(fmt::format("rows at most: {}; seed {}", options.rows, options.seed));
  predictor.notes.push_back(fmt::format("settings: {}", settings.to_string()));
  return predictor;
}

}  // namespace raceline::train
