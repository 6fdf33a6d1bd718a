#include "raceline/profile/profiler.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/device/reusing_device.h"
#include "raceline/primitive/placement.h"
#include "raceline/profile/accuracy.h"
#include "raceline/profile/conversion_costs.h"
#include "raceline/profile/error_bound.h"
#include "raceline/profile/evict.h"
#include "raceline/profile/layer_entry.h"
#include "raceline/profile/promise.h"
#include "raceline/profile/store_file.h"

namespace raceline {
namespace {
using Entry = LayerEntry;
constexpr double infinite = LayerEntry::infinite;

/// A Session lets a primitive write over its operand where it may. Below this size both tensors lie in a
/// core's cache and it makes no difference, while calls repeated in one sample would feed on their own
/// results.
constexpr double in_place_above_bytes = 512 * 1024;
constexpr double settled_share = 0.8;

/// One profile: its state, and the steps in their order.
class Profiling {
 public:
  Profiling(const CandidateSet& candidates, const PrimitiveRegistry& registry, Devices devices,
            CostStore& store, const ProfileOptions& options, CostTable& table)
      : candidates_(candidates),
        registry_(registry),
        store_(store),
        options_(options),
        table_(table),
        clock_(options.timing.clock),
        machine_(Machine::detect()),
        weights_leave_l3_(machine_.l3_bytes > 0 &&
                          candidates.weights_bytes() > static_cast<size_t>(machine_.l3_bytes)),
        weights_held_bytes_(
            std::min(options.weights_held_bytes, static_cast<size_t>(machine_.ram_bytes / 4))),
        host_(devices.host(), weights_held_bytes_ / 2),
        devices_(host_, devices.accelerator()),
        begin_us_(clock_()),
        sentinel_(clock_, options.threads),
        turn_(options.lock) {}

  ProfileReport run() {
    std::map<std::string, std::vector<Entry>> entries;
    for (const auto& [key, layer] : candidates_.layers()) {
      for (size_t candidate = 0; candidate < layer.candidates.size(); ++candidate)
        look_up(layer, candidate, 0, entries[key]);
    }
    report_.layers = entries.size();
    // However short the time is, there shall be a plan: each layer has its share before any has more.
    if (options_.seconds > 0) finish_all(entries, true);
    finish_all(entries, false);
    report_.seconds = (clock_() - begin_us_) * 1e-6;
    return std::move(report_);
  }

 private:
  double end_us() const { return options_.seconds > 0 ? begin_us_ + options_.seconds * 1e6 : infinite; }
  bool is_stopped() const { return options_.stop && options_.stop(); }
  bool stop() const { return is_stopped() || clock_() > end_us(); }
  /// Whether a layer is left as it is. One whose turn for its share it is must be run once, even too late.
  bool leaves(const std::vector<Entry>& entries) const {
    const bool must = share_end_us_ < infinite && std::ranges::none_of(entries, &Entry::known);
    return must ? is_stopped() : stop();
  }

  void finish_all(std::map<std::string, std::vector<Entry>>& entries, bool in_shares) {
    if (in_shares) promise_.recall(store_, machine_.fingerprint(), options_.threads);
    size_t done = 0;
    for (const LayerCandidates* layer : in_order(candidates_, options_.seconds > 0)) {
      const std::string key = layer->layer.key();
      std::vector<Entry>& own = entries[key];
      const auto left = static_cast<double>(entries.size() - done);
      share_end_us_ = in_shares ? clock_() + (end_us() - clock_()) / left : infinite;
      // Where an earlier profile timed the most promising, the rest can wait for layers where it did not.
      const bool waits = in_shares && promise_.is_settled(layer->layer, own, options_.timing.min_rounds);
      if (!waits) finish(*layer, own);
      promise_.learn(layer->layer, own);
      if (options_.progress) options_.progress(++done, entries.size(), key);
    }
  }

  void fail(const LayerDesc& layer, Entry& entry, const std::string& why) {
    entry.failed = true;
    entry.known = false;
    entry.best_us = infinite;
    table_.set_failure(layer.key(), entry.name(), why);
    report_.failures.push_back(fmt::format("{}: {}: {}", layer.key(), entry.name(), why));
  }

  void save_failure(const LayerDesc& layer, Entry& entry, const std::string& why, bool broke_off) {
    fail(layer, entry, why);
    if (broke_off && !entry.is_on_host()) return store_.forget_start(entry.row.key);  // not its own fault
    entry.row.state = CostState::failed;
    entry.row.why = why;
    entry.row.samples_us.clear();
    entry.row.taken_at = now_utc();
    store_.save(entry.row);
  }

  void save(Entry& entry) {
    entry.row.state = CostState::measured;
    entry.row.why.clear();
    entry.row.taken_at = now_utc();
    store_.save(entry.row);
    table_.set(entry.row.key.layer, entry.name(), cost_of(entry.row));
  }

  /// What the store says of a candidate.
  void look_up(const LayerCandidates& layer, size_t candidate, int threads, std::vector<Entry>& entries) {
    ++report_.candidates;
    const Primitive& primitive = *layer.candidates[candidate].primitive;
    Entry& entry = entries.emplace_back();
    entry.primitive = &primitive;
    entry.candidate = candidate;
    entry.threads = threads;
    const std::string key = layer.layer.key();
    entry.row.key = {key, primitive.name(), primitive.revision(), "", threads_of(entry), options_.pinned};
    if (weights_leave_l3_ && has_weights(layer.layer)) entry.row.key.cache = "session-dram";
    if (is_free(primitive, layer.layer)) {
      table_.set(key, entry.name(), Cost{});
      // Operands may not all be where they are gathered: then the others are wanted.
      if (primitive.sharing(layer.layer) != Sharing::gathered) entry.best_us = 0;
      entry.known = true;
    } else if (devices_.find(primitive.info().processor) == nullptr) {
      fail(layer.layer, entry,
           fmt::format("runs on {}, which is not used here", primitive.info().processor.to_string()));
    } else {
      entry.row.key.device = devices_.fingerprint(device_of_inputs(primitive, layer.layer),
                                                  device_of_outputs(primitive, layer.layer));
      if (auto row = store_.find(entry.row.key)) use_row(layer.layer, entry, std::move(*row));
    }
  }

  /// An accelerator has threads of its own.
  int threads_of(const Entry& entry) const {
    if (!entry.is_on_host()) return 1;
    return entry.threads > 0 ? entry.threads : options_.threads;
  }
  Queue& queue_of(const Entry& entry) { return queues_->on(entry.primitive->info().processor); }

  void use_row(const LayerDesc& layer, Entry& entry, CostRow row) {
    const double largest = allowed_error(*entry.primitive, layer, options_.max_error);
    switch (row.state) {
      case CostState::started:
        return fail(
            layer, entry,
            "killed the process when it was run last; 'raceline store forget' lets it be tried again");
      case CostState::failed:
        // A failure for its error alone ends where a larger error is allowed.
        if (row.why.empty() || !(row.error > 0 && row.error <= largest)) fail(layer, entry, row.why);
        return;
      case CostState::measured:
        if (row.samples_us.empty()) return;
        entry.row = std::move(row);
        if (entry.row.error > wanted_error(layer, options_.max_error))
          return fail(layer, entry, too_inexact(entry.row.error, layer, entry));
        entry.take(std::move(entry.row.samples_us));
        table_.set(entry.row.key.layer, entry.name(), cost_of(entry.row));
    }
  }

  std::string too_inexact(double error, const LayerDesc& layer, const Entry& entry) const {
    const double bound = error_bound(*entry.primitive, layer);
    if (error > bound)
      return fmt::format("wrong result: its error is {:.2g}, its bound {:.2g}", error, bound);
    return fmt::format("its error is {:.2g}; at most {:.2g} is wanted", error,
                       wanted_error(layer, options_.max_error));
  }

  bool is_hopeless_after_one(const Entry& entry, double limit) const {
    return entry.row.samples_us[0] > options_.first_run_factor * limit + options_.first_run_grace_us;
  }

  /// Whether the samples suffice: all rounds were run, or fewer showed that it cannot win.
  bool is_settled(const Entry& entry, double limit) const {
    if (entry.failed) return true;
    if (!entry.known) return false;
    if (entry.row.samples_us.empty()) return true;  // free
    const auto count = static_cast<int>(entry.row.samples_us.size());
    // Rivals may since have turned out a little slower than when they had it dropped.
    if (count == 1) return is_hopeless_after_one(entry, settled_share * limit);
    return count >= options_.timing.min_rounds || percentile(entry.row.samples_us, 0.1) > limit;
  }

  /// A layer on all threads, and on one where that may be better.
  void finish(const LayerCandidates& layer, std::vector<Entry>& entries) {
    const ReplacementCosts replace(layer, candidates_, table_);
    measure_unsettled(layer, entries, 0, replace);
    if (options_.threads == 1 || share_end_us_ < infinite) return;
    const size_t count = entries.size();
    double best_us = infinite;
    for (const Entry& entry : entries) best_us = std::min(best_us, entry.best_us);
    if (best_us == 0 || best_us > options_.single_below_us) return;
    for (size_t i = 0; i < count; ++i) {
      const bool may_win = entries[i].is_on_host() && !entries[i].row.samples_us.empty() &&
                           entries[i].best_us - options_.region_us <= limit_us(entries, replace, i);
      if (may_win) look_up(layer, entries[i].candidate, 1, entries);
    }
    measure_unsettled(layer, entries, count, replace);
  }

  /// Measures what the store did not settle, from the entry `first` on: all of as many threads.
  void measure_unsettled(const LayerCandidates& layer, std::vector<Entry>& entries, size_t first,
                         const ReplacementCosts& replace) {
    std::vector<size_t> pending;
    for (size_t i = first; i < entries.size(); ++i) {
      if (!is_settled(entries[i], limit_us(entries, replace, i))) {
        const std::string name = entries[i].primitive->name();
        if (!options_.wanted || options_.wanted(layer.layer.key(), name)) pending.push_back(i);
      } else if (!entries[i].failed && !entries[i].row.samples_us.empty()) {
        report_.from_store += std::exchange(entries[i].counted, true) ? 0 : 1;
      }
    }
    if (pending.empty()) return;
    const bool leave = leaves(entries) || !take_turn();
    report_.complete = report_.complete && !leave && !stop();
    if (leave) return;
    promise_.sort(layer.layer, entries, pending);
    measure_layer(layer.layer, entries, pending, replace, first == 0 ? options_.threads : 1);
    for (Entry& entry : entries) entry.run.reset();
  }

  bool take_turn() {
    return turn_.take([&] {
      if (options_.progress) options_.progress(0, candidates_.layers().size(), "another process is timing");
      return !stop();
    });
  }

  void measure_layer(const LayerDesc& layer, std::vector<Entry>& entries, const std::vector<size_t>& pending,
                     const ReplacementCosts& replace, int threads) {
    if (!queues_ || queues_->threads() != threads) queues_.emplace(devices_, threads);
    queues_->on({}).bind();
    const CheckOptions check{.seed = options_.seed};
    std::optional<LayerBuffers> room;
    Expected expected;
    try {
      room.emplace(devices_, layer, random_operands(layer, options_.seed));
      expected = expected_outputs(registry_, devices_.host(), layer, room->operands(), check);
    } catch (const Error& error) {
      for (const size_t i : pending)
        fail(layer, entries[i], fmt::format("could not be checked: {}", error.what()));
      return;
    }
    std::vector<size_t> group;
    size_t held = 0;
    for (const size_t i : pending) {
      if (leaves(entries)) {
        report_.complete = false;
        break;
      }
      const double ready_us = clock_() + options_.timing.min_rounds * sum_of_near_us(entries, group);
      if (ready_us > share_end_us_ && std::ranges::any_of(entries, &Entry::known)) break;
      if (!run_first(layer, entries[i], *room, expected)) continue;
      group.push_back(i);
      held += entries[i].run->weights_bytes();
      if (held > weights_held_bytes_) {
        time_group(layer, entries, group, replace, *room);
        group.clear();
        held = 0;
      }
    }
    time_group(layer, entries, group, replace, *room);
  }

  /// Whether one run says enough for now: of a layer that has but its share of the time, by those near the
  /// best.
  bool is_left_at_one(const Entry& entry, double limit) const {
    return is_hopeless_after_one(entry, limit) ||
           (share_end_us_ < infinite && entry.row.samples_us[0] > near_factor * limit);
  }

  /// Prepares and checks a candidate; false when it failed. The check's run is the first sample.
  bool run_first(const LayerDesc& layer, Entry& entry, LayerBuffers& buffers, const Expected& expected) {
    store_.mark_started(entry.row.key);
    CheckResult check;
    try {
      Queue& queue = queue_of(entry);
      entry.run = std::make_unique<LayerRun>(*entry.primitive, layer, buffers, queue.threads());
      check = entry.run->check(expected, queue, clock_);
    } catch (const std::exception& error) {
      check = {.why = error.what(), .broke_off = dynamic_cast<const IoError*>(&error) != nullptr};
    }
    entry.row.error = check.error;
    const bool is_right = check.error <= allowed_error(*entry.primitive, layer, options_.max_error);
    if (!check.why.empty() || !is_right) {
      entry.run.reset();
      save_failure(layer, entry, check.why.empty() ? too_inexact(check.error, layer, entry) : check.why,
                   check.broke_off);
      return false;
    }
    entry.take({entry.run->first_us()});
    save(entry);
    report_.measured += std::exchange(entry.counted, true) ? 0 : 1;
    if (layer.bytes_moved() >= in_place_above_bytes) entry.run->use_in_place();
    return true;
  }

  /// Times candidates that passed their check, and lets go of their weights.
  void time_group(const LayerDesc& layer, std::vector<Entry>& entries, std::vector<size_t> group,
                  const ReplacementCosts& replace, LayerBuffers& buffers) {
    std::erase_if(group, [&](size_t i) {
      const double limit = limit_us(entries, replace, i);
      if (!is_left_at_one(entries[i], limit)) return false;
      entries[i].run.reset();
      report_.dropped += is_hopeless_after_one(entries[i], limit) ? 1 : 0;
      return true;
    });
    if (group.empty()) return;
    std::vector<Contender> contenders;
    for (const size_t i : group) {
      LayerRun* run = entries[i].run.get();
      contenders.push_back({entries[i].name(), [run](Queue& queue) { return run->run(queue); },
                            [run](Queue& queue) { static_cast<void>(run->produce(queue)); },
                            run->first_us()});
      if (entries[i].is_on_host()) continue;
      contenders.back().queue = &queue_of(entries[i]);
      // A copy to the host is waited for, as in a Session, which has all else of an accelerator done in a
      // row.
      if (device_of_outputs(*entries[i].primitive, layer).kind != DeviceKind::cpu)
        contenders.back().batch_below_us = options_.ahead_us;
    }
    MeasureOptions timing = options_.timing;
    timing.seed = options_.seed;
    timing.stop = [this] { return stop(); };
    timing.enough_us = std::min(timing.enough_us, std::max(0.0, share_end_us_ - clock_()));
    timing.limit_us = [&](size_t contender, std::span<const double> best) {
      for (size_t i = 0; i < group.size(); ++i) entries[group[i]].best_us = best[i];
      return limit_us(entries, replace, group[contender]);
    };
    if (has_weights(layer)) {
      if (!evictor_) evictor_.emplace(machine_, options_.threads, weights_leave_l3_);
      timing.before_round = [&] {
        evictor_->evict();
        buffers.touch_outputs();
      };
    }
    const MeasureResult result = measure(contenders, queues_->on({}), sentinel_, timing);
    report_.rounds += result.rounds;
    report_.disturbed += result.disturbed;
    if (result.stopped) report_.complete = false;
    for (size_t i = 0; i < group.size(); ++i) {
      Entry& entry = entries[group[i]];
      const Measurement& measured = result.contenders[i];
      entry.run.reset();
      if (!measured.why.empty()) {
        --report_.measured;
        save_failure(layer, entry, measured.why, true);
      } else if (!measured.samples_us.empty()) {
        std::vector<double> samples = measured.samples_us;
        // Two calls said that it cannot win: one alone would have it measured again next time.
        if (samples.size() == 1 && measured.dropped) samples.insert(samples.begin(), contenders[i].known_us);
        entry.take(std::move(samples));
        save(entry);
      }
      if (measured.dropped) ++report_.dropped;
    }
  }

  const CandidateSet& candidates_;
  const PrimitiveRegistry& registry_;
  CostStore& store_;
  const ProfileOptions& options_;
  CostTable& table_;
  Clock clock_;
  Machine machine_;
  bool weights_leave_l3_;
  size_t weights_held_bytes_;
  ReusingDevice host_;
  Devices devices_;
  double begin_us_;
  double share_end_us_ = infinite;  ///< of the layer in hand
  Promise promise_;
  Sentinel sentinel_;
  std::optional<Queues> queues_;
  std::optional<CacheEvictor> evictor_;
  TimingTurn turn_;
  ProfileReport report_;
};

}  // namespace

ProfileReport profile(const CandidateSet& candidates, const PrimitiveRegistry& registry, Devices devices,
                      CostStore& store, const ProfileOptions& options, CostTable& table) {
  return Profiling(candidates, registry, devices, store, options, table).run();
}

}  // namespace raceline
