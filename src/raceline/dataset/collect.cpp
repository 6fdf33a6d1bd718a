#include "raceline/dataset/collect.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/dataset/calm_history.h"
#include "raceline/dataset/calm_watch.h"
#include "raceline/dataset/dataset.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/round_ledger.h"

namespace raceline {
namespace {

class Collector {
 public:
  Collector(std::span<const CollectItem> items, SampleStore& store, const CollectOptions& options)
      : items_(items),
        store_(store),
        options_(options),
        watch_(options.clock, options.sentinel_threads),
        ledger_(options.rounds, options.most_rounds) {}

  CollectReport run() {
    const double begin = options_.clock();
    start_worker();
    begin_sitting();
    report_.items = items_.size();
    all_ = items_.size() * static_cast<size_t>(options_.rounds);
    // What an earlier sitting left first, if it is much: the slowest items come last, and may take longer
    // than there is time.
    for (const int repeat : {0, 1}) confirm(every_item(), repeat, fills_a_gap());
    repeat_due();  // before calm_down(), after which items would not be due for an hour
    for (const int repeat : {0, 1}) calm_down(every_item(), repeat, fills_a_gap());
    measure_all(every_item(), 0);
    repeat_due();
    for (const int repeat : {0, 1}) {
      confirm(every_item(), repeat);
      calm_down(every_item(), repeat);
    }
    report_.complete = !stopped();
    report_.seconds = (options_.clock() - begin) * 1e-6;
    return report_;
  }

 private:
  bool stopped() const { return options_.stop && options_.stop(); }

  void start_worker() {
    worker_.emplace(options_.command, options_.place);
    const std::vector<std::string>& modes = worker_->facts().modes;
    if (std::find(modes.begin(), modes.end(), options_.mode) == modes.end()) {
      throw Error(fmt::format("{} has no mode '{}'; it has {}", worker_->facts().platform, options_.mode,
                              join(modes, ", ")));
    }
    if (options_.primitives && !worker_->facts().has_primitives)
      throw Error(fmt::format("{} does not name its primitives", worker_->facts().platform));
  }

  /// A worker that could be started once is tried again: for a moment, a machine may lack memory, or a board
  /// its network. Throws ChildError when it can't be started, Error when it is another.
  void restart_worker() {
    for (int tries_left = 2; !worker_; --tries_left) {
      try {
        start_worker();
      } catch (const Error& error) {
        if (tries_left == 0 || stopped()) throw ChildError(ChildError::Kind::ended, error.what());
        pause(1);
      }
    }
    const Sitting now = sitting_of(worker_->facts());
    if (now.same_platform(sitting_)) return;
    throw Error(fmt::format("the worker was {} ({}) when collecting began and is {} ({}) now",
                            sitting_.platform, sitting_.versions, now.platform, now.versions));
  }

  void pause(double seconds) const {
    if (options_.sleep) {
      options_.sleep(seconds);
    } else {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    }
  }

  Sitting sitting_of(const PlatformFacts& facts) const {
    return {.platform = facts.platform,
            .accelerator = facts.accelerator,
            .mode = options_.mode,
            .threads = options_.threads,
            .device = options_.device,
            .versions = facts.versions_text(),
            .machine = options_.machine,
            .what = options_.what};
  }

  void begin_sitting() {
    CalmHistory history(store_, options_.sentinel_drift);
    watch_.learn(history, options_.device);
    sitting_ = sitting_of(worker_->facts());
    std::map<std::string, bool> ours;
    for (const Sitting& other : store_.sittings()) ours[other.id] = other.same_platform(sitting_);
    store_.visit([&](PlatformSample&& sample) {
      if (!ours[sample.sitting] || sample.primitive.empty() == options_.primitives) return;
      history.judge(sample, options_.device);
      ledger_.enter(sample, options_.retry_failed);
    });
    sitting_ = store_.begin(sitting_);
  }

  /// Whether a round of the item is still wanted. Which primitives there are is only known when the worker
  /// was asked once in this sitting.
  bool wants(const CollectItem& item, int repeat, int round) {
    if (!options_.primitives) return ledger_.wants(item.name, "", repeat, round);
    if (ledger_.has_failed(item.name, asking, repeat)) return false;
    if (!asked_.contains(item.name)) return true;
    return std::ranges::any_of(ledger_.primitives(item.name), [&](const std::string& primitive) {
      return ledger_.wants(item.name, primitive, repeat, round);
    });
  }

  /// All rounds of these items. Those whose fastest round no other confirms get more when there are as many
  /// of them as items in a pass: soon enough for the machine to be in the same state.
  void measure_all(const std::vector<size_t>& order, int repeat) {
    std::vector<size_t> unconfirmed;
    for (size_t next = 0; next < order.size() && !stopped();) {
      const std::vector<size_t> pass = take_pass(order, next, repeat, 0, options_.rounds);
      std::ranges::copy(pass, std::back_inserter(unconfirmed));
      drop_confirmed(unconfirmed, repeat);
      if (unconfirmed.size() >= pass.size()) confirm(std::exchange(unconfirmed, {}), repeat);
    }
    confirm(std::move(unconfirmed), repeat);
  }

  /// Rounds first to end of the items from `next` on, each at least the gap after the item's one before;
  /// gives those that wanted any. As many items share a pass as fill the gap, and a few that are left at the
  /// end, so that waiting is rare, and a killed collection leaves few half-measured items. Each round has its
  /// own process, which takes seconds to start: without a gap a pass is as long as by default.
  std::vector<size_t> take_pass(const std::vector<size_t>& order, size_t& next, int repeat, int first,
                                int end) {
    const double begin = system_seconds();
    const double length = std::max(options_.round_gap_seconds, CollectOptions{}.round_gap_seconds);
    const size_t done_before = done_, from = next;
    std::vector<size_t> pass;
    const auto has_room = [&] {
      return pass.empty() || system_seconds() - begin < length || order.size() - next <= pass.size() / 4;
    };
    renew_worker();
    while (next < order.size() && !stopped() && has_room()) {
      const size_t index = order[next++];
      const bool begins = take_round(index, repeat, first);
      if (begins || wants(items_[index], repeat, end - 1)) {  // the latter: of an earlier sitting
        pass.push_back(index);
      } else {
        ++report_.from_store;
      }
      advance(index);
    }
    for (int round = first + 1; round < end; ++round) {
      renew_worker();
      for (const size_t index : pass) {
        if (stopped()) return pass;
        take_round(index, repeat, round);
        advance(index);
      }
    }
    done_ = done_before + (next - from) * static_cast<size_t>(end - first);
    return pass;
  }

  /// The next sample is taken by a new process.
  void renew_worker() {
    if (has_served_) worker_.reset();
    has_served_ = false;
  }

  void drop_confirmed(std::vector<size_t>& order, int repeat) const {
    std::erase_if(order, [&](size_t index) { return !ledger_.is_unconfirmed(items_[index].name, repeat); });
  }

  /// So many items that a gap between rounds passes by measuring the others: a round takes a second or so.
  size_t fills_a_gap() const { return static_cast<size_t>(std::max(1.0, options_.round_gap_seconds)); }

  /// More rounds of those items whose fastest round no other confirms, until one does; if there are `least`.
  void confirm(std::vector<size_t> order, int repeat, size_t least = 1) {
    drop_confirmed(order, repeat);
    if (order.size() < least) return;
    all_ += order.size() * static_cast<size_t>(options_.most_rounds - options_.rounds);
    for (size_t next = 0; next < order.size() && !stopped();)
      take_pass(order, next, repeat, options_.rounds, options_.most_rounds);
  }

  /// Two more rounds of those items of which too few were calm, once in a sitting, if there are `least` and
  /// the machine is calm by now.
  void calm_down(std::vector<size_t> order, int repeat, size_t least = 1) {
    std::erase_if(order, [&](size_t index) {
      return !ledger_.lacks_calm(items_[index].name, repeat) || calmed_.contains({index, repeat});
    });
    if (order.size() < least || !watch_.is_calm(watch_.look_us(1e6))) return;
    for (const size_t index : order) calmed_.emplace(index, repeat);
    all_ += 2 * order.size();
    const int end = 2 * options_.most_rounds;
    for (size_t next = 0; next < order.size() && !stopped();) take_pass(order, next, repeat, end - 2, end);
  }

  void advance(size_t index) {
    ++done_;
    if (options_.progress) options_.progress(std::min(done_, all_), all_, items_[index].name);
  }

  void wait_for_gap(const CollectItem& item, int repeat) {
    const double last = ledger_.last_round(item.name, repeat);
    while (!stopped()) {
      const double left = last + options_.round_gap_seconds - system_seconds();
      if (left <= 0) return;
      pause(std::min(left, 0.5));
    }
  }

  /// One round of an item, by each primitive that still wants it. False when none did.
  bool take_round(size_t index, int repeat, int round) {
    if (!wants(items_[index], repeat, round)) return false;
    wait_for_gap(items_[index], repeat);
    const size_t before = report_.samples + report_.failed;
    // A primitive that ends the worker does not take the round from the others.
    while (!stopped() && !try_round(items_[index], repeat, round)) {
    }
    return report_.samples + report_.failed > before;
  }

  /// False when the worker ended, so that there may be more to do.
  bool try_round(const CollectItem& item, int repeat, int round) {
    std::string primitive = options_.primitives ? asking : "";
    has_served_ = true;
    try {
      if (!worker_) restart_worker();
      const ModelRequest request = request_of(item);
      std::vector<std::string> primitives{""};
      if (options_.primitives) {
        primitives = worker_->primitives(request, options_.deadline_seconds);
        ledger_.set_primitives(item.name, primitives);
        asked_.insert(item.name);
      }
      for (const std::string& each : primitives) {
        if (stopped()) return true;
        if (ledger_.wants(item.name, each, repeat, round))
          take_sample(item, request, primitive = each, repeat);
      }
      drop_files();
    } catch (const ChildError& error) {
      if (!worker_) throw;
      fail(item, primitive, repeat, std::string(to_string(error.kind())), error.what());
      worker_.reset();
      ++report_.restarts;
      return !options_.primitives || !wants(item, repeat, round);
    } catch (const WorkerError& error) {
      fail(item, primitive, repeat, error.kind(), error.what());
      drop_files();
    } catch (const UnsupportedError& error) {
      fail(item, primitive, repeat, "unsupported", error.what());
    }
    return true;
  }

  /// A worker that ends over it is started anew when it is needed.
  void drop_files() {
    try {
      worker_->drop_files();
    } catch (const Error&) {
      worker_.reset();
    }
  }

  ModelRequest request_of(const CollectItem& item) const {
    ModelRequest request;
    if (item.write) {
      request = item.write(options_.scratch);
    } else {
      const LayerFiles files = write_layer_model(LayerDesc::parse(item.name),
                                                 hash_text(item.name, options_.seed), options_.scratch);
      request.model = files.model;
      request.inputs = files.inputs;
    }
    request.mode = options_.mode;
    request.threads = options_.threads;
    request.tune = true;
    return request;
  }

  /// A failure of one primitive is a sample; a failure of the worker is for take_round().
  void take_sample(const CollectItem& item, ModelRequest request, const std::string& primitive, int repeat) {
    request.primitive = primitive;
    try {
      worker_->open(request, options_.deadline_seconds);
      TimingTurn turn(options_.lock);
      if (!turn.take([this] { return !stopped(); })) return;
      MeasuredOnWorker calmest;
      double least_us = std::numeric_limits<double>::infinity();
      const bool crowded = watch_.is_crowded();
      for (int attempts_left = crowded ? 0 : options_.most_repeats; attempts_left >= 0; --attempts_left) {
        // A round that begins disturbed would be taken again anyway.
        const double before = watch_.look_us(crowded ? 0 : options_.budget_us);
        MeasuredOnWorker measured =
            worker_->measure(options_.budget_us, options_.runs, options_.deadline_seconds);
        const double slower = std::max(before, watch_.look_us());
        if (slower < least_us) {
          least_us = slower;
          calmest = std::move(measured);
        }
        if (watch_.is_calm(least_us)) break;
      }
      save(item, primitive, repeat, calmest, least_us);
    } catch (const WorkerError& error) {
      fail(item, primitive, repeat, error.kind(), error.what());
    }
  }

  PlatformSample sample_of(const CollectItem& item, const std::string& primitive, int repeat) {
    return {.sitting = sitting_.id,
            .layer = item.name,
            .primitive = primitive,
            .repeat = repeat,
            .round = next_round_++,
            .origin = item.origin};
  }

  void save(const CollectItem& item, const std::string& primitive, int repeat,
            const MeasuredOnWorker& measured, double sentinel_us) {
    PlatformSample sample = sample_of(item, primitive, repeat);
    set_runs(sample, measured.runs);
    sample.kernels = measured.kernels;
    watch_.note(sample, sentinel_us);
    store_.append(sample);
    ++report_.samples;
    report_.disturbed += sample.disturbed ? 1 : 0;
    ledger_.enter_now(sample);
  }

  void fail(const CollectItem& item, const std::string& primitive, int repeat, const std::string& kind,
            const std::string& why) {
    PlatformSample sample = sample_of(item, primitive, repeat);
    sample.trouble = kind;
    sample.why = why.substr(0, 2000);
    store_.append(sample);
    ++report_.failed;
    report_.failures.push_back(fmt::format("{}{}{}: {}: {}", item.name, primitive.empty() ? "" : " by ",
                                           primitive, kind, why.substr(0, 300)));
    ledger_.enter_now(sample);
  }

  std::vector<size_t> every_item() const {
    std::vector<size_t> every(items_.size());
    std::iota(every.begin(), every.end(), size_t{0});
    return every;
  }

  void repeat_due() {
    std::vector<std::string> names;
    for (const CollectItem& item : items_) names.push_back(item.name);
    const RepetitionRule rule{options_.repeat_rows, options_.repeat_after_seconds, options_.seed};
    report_.repeats_not_due = 0;
    const std::vector<size_t> again = ledger_.due_for_repetition(names, rule, report_.repeats_not_due);
    all_ += again.size() * static_cast<size_t>(options_.rounds);
    measure_all(again, 1);
  }

  std::span<const CollectItem> items_;
  SampleStore& store_;
  const CollectOptions& options_;
  CalmWatch watch_;
  std::optional<WorkerClient> worker_;
  bool has_served_ = false;  ///< whether this process of it was asked for a round
  Sitting sitting_;
  RoundLedger ledger_;
  std::set<std::string> asked_;              ///< items whose primitives the worker named in this sitting
  std::set<std::pair<size_t, int>> calmed_;  ///< items and repeats that had their two more rounds
  CollectReport report_;
  size_t done_ = 0, all_ = 0;
  int next_round_ = 0;
};

}  // namespace

CollectReport collect(std::span<const CollectItem> items, SampleStore& store, const CollectOptions& options) {
  return Collector(items, store, options).run();
}

}  // namespace raceline
