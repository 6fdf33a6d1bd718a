#include "raceline/tune/race.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/measure.h"
#include "raceline/runtime/session.h"

namespace raceline {
namespace {

constexpr int fewest_rounds = 5;

bool same_work(const Plan& a, const Plan& b) {
  return a.steps == b.steps && a.conversions == b.conversions;
}

}  // namespace

bool race(std::span<RaceEntry> entries, Graph& graph, const PrimitiveRegistry& registry, Device& device,
          std::span<const TensorView> inputs, const RaceOptions& options) {
  const std::vector<Tensor> outputs = output_tensors(graph);
  const std::vector<TensorView> output_views = views_of(outputs);
  std::vector<Session> sessions;
  std::vector<size_t> session_of;  // of each entry
  for (size_t index = 0; index < entries.size(); ++index) {
    size_t same = 0;
    while (same < index && !same_work(entries[same].plan, entries[index].plan)) ++same;
    if (same < index) {
      session_of.push_back(session_of[same]);
      continue;
    }
    session_of.push_back(sessions.size());
    sessions.emplace_back(graph, entries[index].plan, registry, device);
  }
  std::vector<Contender> contenders;
  contenders.reserve(sessions.size());
  for (Session& session : sessions) {
    contenders.push_back({.name = {},
                          .run =
                              [&](Queue&) {
                                session.run(inputs, output_views);
                                return Status::ok();
                              },
                          // Once outside the clock: a deployed network finds its own weights in the cache,
                          // not those of a rival.
                          .before_sample = [&](Queue&) { session.run(inputs, output_views); }});
  }
  const auto queue = device.make_queue(entries.front().plan.threads);
  Sentinel sentinel(steady_clock());
  const MeasureResult result = measure(contenders, *queue, sentinel,
                                       {.rounds = options.rounds,
                                        .min_rounds = fewest_rounds,
                                        .enough_us = options.seconds * 1e6,
                                        .seed = options.seed,
                                        .stop = options.stop});
  for (const Measurement& measured : result.contenders) {
    if (!measured.why.empty()) throw Error(fmt::format("a run of the network failed: {}", measured.why));
  }
  if (result.stopped && result.rounds < fewest_rounds) return false;
  const std::vector<double>& base = result.contenders[session_of[0]].samples_us;
  for (size_t index = 0; index < entries.size(); ++index) {
    RaceEntry& entry = entries[index];
    const std::vector<double>& samples = result.contenders[session_of[index]].samples_us;
    entry.measured_us = percentile(samples, 0.1);
    entry.median_us = percentile(samples, 0.5);
    const PairedRatio ratio = paired_ratio(samples, base, options.seed);
    entry.ratio = ratio.median;
    entry.ratio_low = ratio.low;
    entry.ratio_high = ratio.high;
  }
  return true;
}

}  // namespace raceline
