#include "train/pipeline.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "train/training_rows.h"

namespace raceline::train {
namespace {

/// Below so many rows, and below so many validation rows of a type, intervals are calibrated on layers left
/// out in turn; from both on, on the validation rows alone.
constexpr size_t few_rows = 3000, few_validation_rows = 100;
constexpr size_t folds = 5;

/// One part: fitted, and calibrated on rows that the calibrated fit did not see.
class PartFit {
 public:
  PartFit(const Trainer& trainer, const PartRows& rows, const FitContext& context)
      : trainer_(trainer), rows_(rows), context_(context) {}

  /// Leaves the part without model when it is stopped before the last fit begins.
  void run(PredictorPart& part) const {
    if (context_.stop()) return;
    LayerRows all = rows_.train;
    all.append(rows_.validation);
    std::vector<double> guesses, times;
    const auto judge = [&](const LatencyModel& model, const Examples& examples) {
      std::vector<double> us(examples.size());
      model.predict(examples.layers, context_.hardware, us);
      for (const double each : us) guesses.push_back(plausible_us(each));
      times.insert(times.end(), examples.us.begin(), examples.us.end());
    };
    if (trainer_.chooses_checkpoint) {
      // Half of the validation layers choose the checkpoint, the others calibrate.
      part.model = fit(rows_.train.examples(), rows_.validation.part(0, 2, true));
      judge(*part.model, rows_.validation.part(0, 2, false));
      part.rows = static_cast<int64_t>(rows_.train.size());
    } else {
      if (all.size() < few_rows || rows_.validation.size() < few_validation_rows) {
        const size_t parts = std::min(folds, all.layers());
        for (size_t fold = 0; parts > 1 && fold < parts && !context_.stop(); ++fold)
          judge(*fit(all.part(fold, parts, false), {}), all.part(fold, parts, true));
      } else {
        judge(*fit(rows_.train.examples(), {}), rows_.validation.examples());
      }
      if (context_.stop()) return;
      part.model = fit(all.examples(), {});
      part.rows = static_cast<int64_t>(all.size());
    }
    part.conformal = Conformal::fit(guesses, times);
    for (const LayerFacts& layer : all.examples().layers) part.range.extend(layer);
  }

 private:
  std::unique_ptr<LatencyModel> fit(const Examples& train, const Examples& validation) const {
    return trainer_.fit({context_, train, validation, rows_.test.examples()});
  }

  const Trainer& trainer_;
  const PartRows& rows_;
  const FitContext& context_;
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
  const TrainingRows rows = training_rows(dataset, options);
  Predictor predictor;
  predictor.platform = rows.platform;
  predictor.accelerator = rows.accelerator;
  predictor.mode = rows.mode;
  predictor.threads = rows.threads;
  predictor.machines = machines_of(dataset, rows.platform, rows.accelerator, rows.mode, rows.threads);
  predictor.phases = options.definition;
  predictor.model = options.model;
  predictor.trained = rows.layers;
  for (const Predictor& each : options.from) predictor.trained.add(each.trained);
  predictor.hardware = hardware_of(predictor.accelerator, rows.threads, Machine::detect());
  std::vector<const PartRows*> part_rows;
  for (const auto& [key, each] : rows.parts) {
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
                 const FitContext context{.hardware = predictor.hardware,
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
                   PartFit(trainer, *part_rows[index], context).run(part);
                 } catch (const Error& error) {
                   throw Error(fmt::format("{}: {}", name, error.what()));
                 }
               });
  std::erase_if(predictor.parts, [](const PredictorPart& part) { return part.model == nullptr; });
  predictor.notes.push_back(fmt::format("data: {}", options.data_name));
  predictor.notes.push_back(fmt::format("rows at most: {}; seed {}", options.rows, options.seed));
  predictor.notes.push_back(fmt::format("settings: {}", settings.to_string()));
  if (!data_sheet_of(predictor.accelerator)) {
    predictor.notes.push_back(fmt::format(
        "hardware: no data sheet of '{}'; its peaks are guessed from the processor that trained this",
        predictor.accelerator));
  }
  predictor.notes.insert(predictor.notes.end(), rows.notes.begin(), rows.notes.end());
  return predictor;
}

}  // namespace raceline::train
