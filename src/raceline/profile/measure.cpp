#include "raceline/profile/measure.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"

namespace raceline {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr int most_calls =
    1 << 16;  ///< in one sample; a call of which this many take no time cannot be timed
constexpr double surely_long_us = 20'000;  ///< of one call that the system may have interrupted

/// One contender in the race.
struct Racer {
  const Contender* contender;
  Measurement* result;
  bool racing = true;

  void fail(std::string why) {
    result->why = std::move(why);
    racing = false;
  }
  /// Time of so many calls; fails the racer when one does.
  double time(int calls, Queue& default_queue, const Clock& clock) {
    Queue& queue = queue_or(default_queue);
    const double begin = clock();
    for (int i = 0; i < calls; ++i) {
      if (const Status status = contender->run(queue); !status.is_ok()) {
        static_cast<void>(queue.wait());  // what went before it still works on the buffers
        fail(std::string(status.message()));
        return 0;
      }
    }
    const Status status = queue.wait();
    const double took = clock() - begin;
    if (!status.is_ok()) fail(std::string(status.message()));
    return took;
  }
  void prepare(Queue& default_queue) const {
    if (contender->before_sample) contender->before_sample(queue_or(default_queue));
  }
  Queue& queue_or(Queue& queue) const { return contender->queue != nullptr ? *contender->queue : queue; }
};

/// Warms up, and finds how many calls make a sample.
void warm_up(Racer& racer, Queue& queue, const MeasureOptions& options) {
  if (racer.contender->known_us > surely_long_us) return;
  racer.prepare(queue);
  racer.time(1, queue, options.clock);
  int calls = 1;
  const double enough_us = std::max(options.batch_below_us, racer.contender->batch_below_us);
  while (racer.racing) {
    racer.prepare(queue);
    const double took = racer.time(calls, queue, options.clock);
    if (!racer.racing || took >= enough_us) break;
    if (calls >= most_calls) {
      if (took <= 0) racer.fail(fmt::format("cannot be timed: the clock did not move in {} calls", calls));
      break;
    }
    const double wanted = took > 0 ? std::ceil(calls * enough_us / took) : 8.0 * calls;
    calls = static_cast<int>(std::clamp(wanted, calls + 1.0, static_cast<double>(most_calls)));
  }
  racer.result->batch = calls;
}

/// Ends the race for those whose time says that they cannot win: at once where they are far behind.
void drop_hopeless(std::vector<Racer>& racers, const MeasureOptions& options, bool enough_rounds) {
  std::vector<double> best;
  for (const Racer& racer : racers) best.push_back(racer.result->best_us());
  for (size_t i = 0; i < racers.size(); ++i) {
    if (!racers[i].racing) continue;
    const double limit = options.limit_us(i, best);
    const double surely = std::min(best[i], racers[i].contender->known_us);
    const bool far_behind =
        surely > options.drop_at_once_above_us && surely > options.drop_at_once_factor * limit;
    if (!far_behind && !(enough_rounds && best[i] > options.drop_factor * limit)) continue;
    racers[i].racing = false;
    racers[i].result->dropped = true;
  }
}

}  // namespace

double Measurement::best_us() const {
  return samples_us.empty() ? infinite : *std::min_element(samples_us.begin(), samples_us.end());
}

MeasureResult measure(std::span<const Contender> contenders, Queue& queue, Sentinel& sentinel,
                      const MeasureOptions& options) {
  MeasureResult result;
  result.contenders.resize(contenders.size());
  std::vector<Racer> racers;
  for (size_t i = 0; i < contenders.size(); ++i) racers.push_back({&contenders[i], &result.contenders[i]});
  const auto stop = [&] { return result.stopped = options.stop && options.stop(); };
  for (Racer& racer : racers) {
    if (stop()) return result;
    warm_up(racer, queue, options);
  }

  Random random(options.seed);
  std::vector<size_t> order(racers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  double least_sentinel = infinite;
  const double begin = options.clock();
  for (int quiet = 0; quiet < options.rounds; ++result.rounds) {
    const bool anyone =
        std::any_of(racers.begin(), racers.end(), [](const Racer& racer) { return racer.racing; });
    const bool enough = result.rounds >= options.min_rounds && options.clock() - begin > options.enough_us;
    if (!anyone || enough || stop()) break;
    if (options.before_round) options.before_round();
    double sentinel_us = sentinel.time_us();
    while (sentinel.is_crowded(sentinel_us) && !stop() && sentinel.wait()) sentinel_us = sentinel.time_us();
    least_sentinel = std::min(least_sentinel, sentinel_us);

    random.shuffle(order);
    for (const size_t index : order) {
      Racer& racer = racers[index];
      if (!racer.racing) continue;
      racer.prepare(queue);
      const int calls = racer.result->batch;
      const double took = racer.time(calls, queue, options.clock);
      if (racer.racing) racer.result->samples_us.push_back(took / calls);
    }
    const bool is_quiet = sentinel_us <= (1 + options.sentinel_drift) * sentinel.best_us();
    if (is_quiet) ++quiet;
    const bool may_drop = quiet >= options.drop_after || result.rounds + 1 >= 2 * options.drop_after;
    if (options.limit_us) drop_hopeless(racers, options, may_drop);
    if (!is_quiet && ++result.disturbed > options.max_repeats) {
      // It does not come back: this is the machine's speed now, and the rounds so far were taken at it.
      sentinel.accept(least_sentinel);
      ++result.rounds;
      break;
    }
  }
  return result;
}

}  // namespace raceline
