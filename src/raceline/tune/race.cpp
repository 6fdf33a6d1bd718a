#include "raceline/tune/race.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/paired_ratio.h"
#include "raceline/runtime/session.h"

namespace raceline {
namespace {

constexpr int fewest_rounds = 5;
/// Sessions are made anew so often: where tensors happen to lie in memory is worth a few percent, and belongs
/// to no plan. Of fewer takes the interval would too often lie on one side of 1 by chance.
constexpr int takes = 5;
/// Who is by so much behind in a take is in no further one, nor who is in each of at least two; but of one or
/// two samples nothing can be told.
constexpr double hopeless = 1.1, behind = 1.03;
constexpr size_t takes_to_leave = 2, samples_to_leave = 3;
constexpr double slow_us = 1e6;     ///< said to be known of a slow plan: no run is spent on warming up
constexpr double slow_seconds = 2;  ///< no new run of a slow plan begins after this long
constexpr const char* rival_place = "rival";  ///< of the samples that stand beside: the other plan's

/// Samples of one take, of one index from one round: of a plan, and of the plan that it is compared with.
struct Take {
  std::vector<double> samples, base;
};

using Takes = std::vector<Take>;

PairedRatio ratio_of(const Takes& all, uint64_t seed) {
  std::vector<PairedSamples> pairs;
  for (const Take& take : all) pairs.push_back({take.samples, take.base});
  return paired_ratio(pairs, seed);
}

std::vector<double> joined(const Takes& all, std::vector<double> Take::*side) {
  std::vector<double> samples;
  for (const Take& take : all) samples.insert(samples.end(), (take.*side).begin(), (take.*side).end());
  return samples;
}

/// Takes as rows of the store: each its samples, then those of the plan that it was compared with.
std::vector<RunRow> rows_of(const Takes& all) {
  std::vector<RunRow> rows;
  for (const Take& take : all) {
    rows.push_back({"", "", "", "", take.samples, ""});
    rows.push_back({rival_place, "", "", "", take.base, ""});
  }
  return rows;
}

/// None where the rows are not of that kind.
Takes takes_of(std::span<const RunRow> rows) {
  Takes all;
  for (size_t row = 0; row + 1 < rows.size(); row += 2) {
    all.push_back({rows[row].samples_us, rows[row + 1].samples_us});
    if (all.back().samples.empty() || all.back().samples.size() != all.back().base.size()) return {};
  }
  return rows.size() % 2 == 0 ? all : Takes();
}

/// Plans that run in turn, in takes.
class InTurn {
 public:
  InTurn(const RunScene& scene, const RaceOptions& options, int threads)
      : scene_(scene),
        options_(options),
        queue_(scene.devices.host().make_queue(threads)),
        sentinel_(steady_clock(), threads),
        outputs_(output_tensors(scene.graph)),
        views_(views_of(outputs_)),
        random_(options.seed) {}

  /// The takes of each plan but the first, in their order; nothing when stopped before there were enough
  /// rounds.
  std::vector<Takes> run(std::vector<const Plan*> plans) {
    std::vector<Takes> results(plans.size() - 1);
    std::vector<size_t> racing(plans.size());  // indices of plans
    std::iota(racing.begin(), racing.end(), size_t{0});
    std::vector<std::unique_ptr<Session>> sessions;
    int rounds = 0;
    for (int take = 0; take < takes && racing.size() > 1; ++take) {
      sessions =
          sessions_of(plans, racing);  // the last take's hold their memory until now, so these lie elsewhere
      const std::vector<std::vector<double>> samples = run_take(sessions);
      if (samples.empty()) break;
      rounds += static_cast<int>(samples[0].size());
      std::vector<size_t> still{0};
      for (size_t at = 1; at < racing.size(); ++at) {
        Takes& own = results[racing[at] - 1];
        own.push_back({samples[at], samples[0]});
        if (!has_lost(own)) still.push_back(racing[at]);
      }
      racing = std::move(still);
    }
    if (stopped_ && rounds < fewest_rounds) results.clear();
    return results;
  }

 private:
  static bool has_lost(const Takes& all) {
    if (joined(all, &Take::samples).size() < samples_to_leave) return false;
    const auto& [samples, base] = all.back();
    if (*std::ranges::min_element(samples) > hopeless * *std::ranges::max_element(base)) return true;
    return all.size() >= takes_to_leave && std::ranges::all_of(all, [](const Take& take) {
             return percentile(take.samples, 0.5) > behind * percentile(take.base, 0.5);
           });
  }

  /// Made in an order drawn anew, each where another lay before. What plans have in common is packed once.
  std::vector<std::unique_ptr<Session>> sessions_of(std::span<const Plan* const> plans,
                                                    std::span<const size_t> racing) {
    std::vector<size_t> order(racing.size());
    std::iota(order.begin(), order.end(), size_t{0});
    random_.shuffle(order);
    std::vector<std::unique_ptr<Session>> sessions(racing.size());
    KernelPool kernels;
    for (const size_t at : order) {
      sessions[at] = std::make_unique<Session>(scene_.graph, *plans[racing[at]], scene_.registry,
                                               scene_.devices, SessionOptions{.kernels = &kernels});
    }
    return sessions;
  }

  /// The samples of each session; nothing when stopped before the first round.
  std::vector<std::vector<double>> run_take(std::span<const std::unique_ptr<Session>> sessions) {
    std::vector<Contender> contenders;
    for (const auto& session : sessions) {
      // Once outside the clock: a deployed network finds its own weights in the cache, not those of a rival.
      contenders.push_back(
          {.name = {},
           .run =
               [this, &session](Queue&) {
                 session->run(scene_.inputs, views_);
                 return Status::ok();
               },
           .before_sample = [this, &session](Queue&) { session->run(scene_.inputs, views_); }});
    }
    MeasureResult result = measure(contenders, *queue_, sentinel_,
                                   {.rounds = std::max(1, options_.rounds / takes),
                                    .min_rounds = 1,
                                    .enough_us = options_.seconds * 1e6 / takes,
                                    .seed = static_cast<uint64_t>(random_.below(1 << 30)),
                                    .stop = options_.stop});
    stopped_ = result.stopped;
    std::vector<std::vector<double>> samples;
    if (result.rounds == 0) return samples;
    for (Measurement& measured : result.contenders) {
      if (!measured.why.empty()) throw Error(fmt::format("a run of the network failed: {}", measured.why));
      samples.push_back(std::move(measured.samples_us));
    }
    return samples;
  }

  const RunScene& scene_;
  const RaceOptions& options_;
  std::unique_ptr<Queue> queue_;
  Sentinel sentinel_;
  std::vector<Tensor> outputs_;
  std::vector<TensorView> views_;
  Random random_;
  bool stopped_ = false;
};

}  // namespace

RaceState race(std::span<RaceEntry> entries, const RunScene& scene, const RaceOptions& options) {
  std::vector<std::string> signatures;
  for (const RaceEntry& entry : entries) signatures.push_back(plan_signature(entry.plan, scene.registry));
  const auto key_of = [&](const std::string& signature) {
    return scene.conditions.key(signature, protocol::race_against(signatures[0]));
  };
  std::map<std::string, Takes> rivals;  // by signature
  std::vector<const Plan*> missing;
  std::vector<std::string> missing_names;
  for (size_t index = 1; index < entries.size(); ++index) {
    const std::string& signature = signatures[index];
    if (signature == signatures[0] || !rivals.try_emplace(signature).second) continue;
    if (!options.again) rivals[signature] = takes_of(scene.store.find_runs(key_of(signature)));
    if (!rivals[signature].empty()) continue;
    missing.push_back(&entries[index].plan);
    missing_names.push_back(signature);
  }
  if (!missing.empty()) {
    if (options.may_run && !options.may_run()) return RaceState::stopped;
    InTurn in_turn(scene, options, entries[0].plan.threads);
    const size_t group = plans_at_a_time(scene.graph) - 1;  // beside the first
    for (size_t begin = 0; begin < missing.size(); begin += group) {
      std::vector<const Plan*> plans{&entries[0].plan};
      for (size_t index = begin; index < std::min(begin + group, missing.size()); ++index)
        plans.push_back(missing[index]);
      std::vector<Takes> results = in_turn.run(plans);
      if (results.empty()) return RaceState::stopped;
      for (size_t rival = 0; rival < results.size(); ++rival) {
        const std::string& signature = missing_names[begin + rival];
        scene.store.save_runs(key_of(signature), rows_of(results[rival]));
        rivals[signature] = std::move(results[rival]);
      }
    }
  }
  const auto most = [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); };
  const auto longest = std::max_element(rivals.begin(), rivals.end(), most);
  for (size_t index = 0; index < entries.size(); ++index) {
    RaceEntry& entry = entries[index];
    const auto rival = rivals.find(signatures[index]);
    const bool is_first = rival == rivals.end();  // or the same as the first
    if (is_first && rivals.empty()) continue;
    const Takes& all = is_first ? longest->second : rival->second;
    const std::vector<double> samples = joined(all, is_first ? &Take::base : &Take::samples);
    entry.measured_us = percentile(samples, 0.1);
    entry.median_us = percentile(samples, 0.5);
    entry.runs = static_cast<int>(samples.size());
    if (is_first) continue;
    const PairedRatio ratio = ratio_of(all, options.seed);
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
  entry.runs = static_cast<int>(samples.size());
  if (first_us > 0) entry.ratio = entry.ratio_low = entry.ratio_high = entry.measured_us / first_us;
  return entry.runs;
}

}  // namespace raceline
