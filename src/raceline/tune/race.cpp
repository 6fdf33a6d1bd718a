#include "raceline/tune/race.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/measure.h"
#include "raceline/runtime/session.h"

namespace raceline {
namespace {

constexpr int fewest_rounds = 5;
constexpr double slow_us = 1e6;     ///< said to be known of a slow plan: no run is spent on warming up
constexpr double slow_seconds = 2;  ///< no new run of a slow plan begins after this long
constexpr const char* rival_place = "rival";  ///< of the samples that stand beside: the other plan's

/// Runs the plans in turn; the samples of each, of one index from one round.
std::vector<std::vector<double>> run_in_turn(std::span<const Plan* const> plans, const RunScene& scene,
                                             const RaceOptions& options) {
  const std::vector<Tensor> outputs = output_tensors(scene.graph);
  const std::vector<TensorView> output_views = views_of(outputs);
  std::vector<Session> sessions;
  for (const Plan* plan : plans) sessions.emplace_back(scene.graph, *plan, scene.registry, scene.devices);
  std::vector<Contender> contenders;
  for (Session& session : sessions) {
    contenders.push_back({.name = {},
                          .run =
                              [&](Queue&) {
                                session.run(scene.inputs, output_views);
                                return Status::ok();
                              },
                          // Once outside the clock: a deployed network finds its own weights in the cache,
                          // not those of a rival.
                          .before_sample = [&](Queue&) { session.run(scene.inputs, output_views); }});
  }
  const auto queue = scene.devices.host().make_queue(plans.front()->threads);
  Sentinel sentinel(steady_clock(), plans.front()->threads);
  MeasureResult result = measure(contenders, *queue, sentinel,
                                 {.rounds = options.rounds,
                                  .min_rounds = fewest_rounds,
                                  .enough_us = options.seconds * 1e6,
                                  .seed = options.seed,
                                  .stop = options.stop});
  std::vector<std::vector<double>> samples;
  if (result.stopped && result.rounds < fewest_rounds) return samples;
  for (Measurement& measured : result.contenders) {
    if (!measured.why.empty()) throw Error(fmt::format("a run of the network failed: {}", measured.why));
    samples.push_back(std::move(measured.samples_us));
  }
  return samples;
}

/// Samples of one plan, and of the plan that it is compared with, taken in the same rounds.
struct Pair {
  std::vector<double> samples, base;
};

}  // namespace

RaceState race(std::span<RaceEntry> entries, const RunScene& scene, const RaceOptions& options) {
  std::vector<std::string> signatures;
  for (const RaceEntry& entry : entries) signatures.push_back(plan_signature(entry.plan, scene.registry));
  const auto key_of = [&](const std::string& signature) {
    return scene.conditions.key(signature, protocol::race_against(signatures[0]));
  };
  std::map<std::string, Pair> pairs;  // by the rival's signature
  std::vector<const Plan*> missing;
  std::vector<std::string> missing_names;
  for (size_t index = 1; index < entries.size(); ++index) {
    const std::string& signature = signatures[index];
    if (signature == signatures[0] || !pairs.try_emplace(signature).second) continue;
    const std::vector<RunRow> rows = scene.store.find_runs(key_of(signature));
    if (!options.again && rows.size() == 2 && rows[0].samples_us.size() == rows[1].samples_us.size() &&
        !rows[0].samples_us.empty()) {
      pairs[signature] = {rows[0].samples_us, rows[1].samples_us};
    } else {
      missing.push_back(&entries[index].plan);
      missing_names.push_back(signature);
    }
  }
  if (!missing.empty() && options.may_run && !options.may_run()) return RaceState::stopped;
  const size_t group = plans_at_a_time(scene.graph) - 1;  // beside the first
  for (size_t begin = 0; begin < missing.size(); begin += group) {
    std::vector<const Plan*> plans{&entries[0].plan};
    for (size_t index = begin; index < std::min(begin + group, missing.size()); ++index)
      plans.push_back(missing[index]);
    const auto samples = run_in_turn(plans, scene, options);
    if (samples.empty()) return RaceState::stopped;
    for (size_t rival = 1; rival < plans.size(); ++rival) {
      const std::string& signature = missing_names[begin + rival - 1];
      const std::vector<RunRow> rows{{"", "", "", "", samples[rival], ""},
                                     {rival_place, "", "", "", samples[0], ""}};
      scene.store.save_runs(key_of(signature), rows);
      pairs[signature] = {samples[rival], samples[0]};
    }
  }
  for (size_t index = 0; index < entries.size(); ++index) {
    RaceEntry& entry = entries[index];
    const auto pair = pairs.find(signatures[index]);
    if (pair == pairs.end()) {  // the first, or the same as the first
      if (pairs.empty()) continue;
      entry.measured_us = percentile(pairs.begin()->second.base, 0.1);
      entry.median_us = percentile(pairs.begin()->second.base, 0.5);
      continue;
    }
    entry.measured_us = percentile(pair->second.samples, 0.1);
    entry.median_us = percentile(pair->second.samples, 0.5);
    const PairedRatio ratio = paired_ratio(pair->second.samples, pair->second.base, options.seed);
    entry.ratio = ratio.median;
    entry.ratio_low = ratio.low;
    entry.ratio_high = ratio.high;
  }
  return missing.empty() ? RaceState::from_store : RaceState::run;
}

int run_slow(RaceEntry& entry, double first_us, const RunScene& scene, int runs,
             const std::function<bool()>& stop, const std::function<bool()>& may_run) {
  const std::vector<double> samples =
      time_alone(entry.plan, scene, slow_us,
                 {.rounds = runs, .min_rounds = 1, .enough_us = slow_seconds * 1e6, .stop = stop}, may_run);
  if (samples.empty()) return 0;
  entry.measured_us = percentile(samples, 0.1);
  entry.median_us = percentile(samples, 0.5);
  if (first_us > 0) entry.ratio = entry.ratio_low = entry.ratio_high = entry.measured_us / first_us;
  return static_cast<int>(samples.size());
}

}  // namespace raceline
