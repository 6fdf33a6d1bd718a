#include "raceline/dataset/collect.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <thread>
#include <tuple>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/random.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

double system_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Seconds of "2026-11-22T16:30:00Z"; 0 for another text.
double seconds_of(const std::string& time) {
  std::tm parts{};
  return ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr
             ? 0
             : static_cast<double>(::timegm(&parts));
}

std::string text_of(ChildError::Kind kind) {
  if (kind == ChildError::Kind::timeout) return "timeout";
  return kind == ChildError::Kind::garbage ? "garbage" : "ended";
}

class Collector {
 public:
  Collector(std::span<const CollectItem> items, SampleStore& store, const CollectOptions& options)
      : items_(items), store_(store), options_(options), sentinel_(options.clock) {}

  CollectReport run() {
    const double begin = options_.clock();
    start_worker();
    begin_sitting();
    report_.items = items_.size();
    all_ = items_.size() * rounds();
    // Those of an earlier sitting first: the slowest items come last, and may take longer than there is time.
    repeat_due();
    measure_all(every_item(), 0);
    report_.repeats_not_due = 0;
    repeat_due();
    report_.complete = !stopped();
    report_.seconds = (options_.clock() - begin) * 1e-6;
    return report_;
  }

 private:
  /// What is known of one item (and primitive), of one repetition of it.
  struct Known {
    int rounds = 0;
    bool failed = false;
    double last = 0;  ///< when its last round was taken, in the system's seconds
  };
  using Key = std::tuple<std::string, std::string, int>;

  bool stopped() const { return options_.stop && options_.stop(); }

  void start_worker() {
    worker_.emplace(options_.command, options_.place);
    const std::vector<std::string>& modes = worker_->facts().modes;
    if (std::find(modes.begin(), modes.end(), options_.mode) == modes.end()) {
      throw Error(fmt::format("{} has no mode '{}'; it has {}", worker_->facts().platform, options_.mode,
                              join(modes, ", ")));
    }
  }

  void begin_sitting() {
    const PlatformFacts& facts = worker_->facts();
    sitting_ = {.platform = facts.platform,
                .accelerator = facts.accelerator,
                .mode = options_.mode,
                .threads = options_.threads,
                .device = options_.device,
                .versions = facts.versions_text(),
                .machine = options_.machine,
                .what = options_.what};
    std::map<std::string, bool> ours;
    for (const Sitting& other : store_.sittings()) ours[other.id] = other.same_platform(sitting_);
    for (const PlatformSample& sample : store_.samples()) {
      if (ours[sample.sitting]) learn(sample);
    }
    sitting_ = store_.begin(sitting_);
  }

  void learn(const PlatformSample& sample) {
    Known& known = known_[{sample.layer, sample.primitive, sample.repeat}];
    known.last = std::max(known.last, seconds_of(sample.taken_at));
    if (sample.trouble.empty()) {
      ++known.rounds;
    } else if (!options_.retry_failed) {
      known.failed = true;
    }
    std::vector<std::string>& primitives = primitives_of_[sample.layer];
    if (std::find(primitives.begin(), primitives.end(), sample.primitive) == primitives.end())
      primitives.push_back(sample.primitive);
  }

  const Known& known(const CollectItem& item, const std::string& primitive, int repeat) {
    return known_[{item.name, primitive, repeat}];
  }

  bool wants(const CollectItem& item, const std::string& primitive, int repeat, int round) {
    const Known& found = known(item, primitive, repeat);
    return !found.failed && found.rounds <= round && found.rounds < options_.rounds;
  }

  /// Whether a round of the item is still wanted. Which primitives there are is only known when the worker
  /// was asked once in this sitting.
  bool wants(const CollectItem& item, int repeat, int round) {
    if (!options_.primitives) return wants(item, "", repeat, round);
    if (!asked_.contains(item.name)) return !known(item, "", repeat).failed;
    return std::any_of(primitives_of_[item.name].begin(), primitives_of_[item.name].end(),
                       [&](const std::string& primitive) { return wants(item, primitive, repeat, round); });
  }

  /// Rounds of these items, each at least the gap after the item's one before. As many items share a pass as
  /// fill the gap, and a few that are left at the end, so that waiting is rare, and a killed collection
  /// leaves few half-measured items.
  void measure_all(const std::vector<size_t>& order, int repeat) {
    const size_t before = done_;
    for (size_t next = 0; next < order.size() && !stopped();) {
      const double begin = system_seconds();
      std::vector<size_t> pass;
      const auto has_room = [&] {
        return pass.empty() || system_seconds() - begin < options_.round_gap_seconds ||
               order.size() - next <= pass.size() / 4;
      };
      while (next < order.size() && !stopped() && has_room()) {
        const size_t index = order[next++];
        const bool begins = take_round(index, repeat, 0);
        const bool goes_on =
            begins || wants(items_[index], repeat, options_.rounds);  // of an earlier sitting
        if (goes_on) {
          pass.push_back(index);
        } else {
          ++report_.from_store;
        }
        advance(index);
      }
      for (int round = 1; round < options_.rounds; ++round) {
        for (const size_t index : pass) {
          if (stopped()) return;
          take_round(index, repeat, round);
          advance(index);
        }
      }
      done_ = before + next * rounds();
    }
  }

  size_t rounds() const { return static_cast<size_t>(options_.rounds); }

  void advance(size_t index) {
    ++done_;
    if (options_.progress) options_.progress(std::min(done_, all_), all_, items_[index].name);
  }

  void wait_for_gap(const CollectItem& item, int repeat) {
    const double last = last_round(item, repeat);
    while (!stopped()) {
      const double left = last + options_.round_gap_seconds - system_seconds();
      if (left <= 0) return;
      const double slice = std::min(left, 0.5);
      if (options_.sleep) {
        options_.sleep(slice);
      } else {
        std::this_thread::sleep_for(std::chrono::duration<double>(slice));
      }
    }
  }

  /// One round of an item, by each primitive that still wants it. False when nothing was wanted.
  bool take_round(size_t index, int repeat, int round) {
    if (!wants(items_[index], repeat, round)) return false;
    wait_for_gap(items_[index], repeat);
    // A primitive that ends the worker does not take the round from the others.
    while (!stopped() && !try_round(items_[index], repeat, round)) {
    }
    return true;
  }

  /// False when the worker ended, so that there may be more to do.
  bool try_round(const CollectItem& item, int repeat, int round) {
    std::string primitive;
    try {
      if (!worker_) start_worker();
      const ModelRequest request = request_of(item);
      std::vector<std::string> primitives{""};
      if (options_.primitives) {
        primitives = worker_->primitives(request, options_.deadline_seconds);
        primitives_of_[item.name] = primitives;
        asked_.insert(item.name);
      }
      for (const std::string& each : primitives) {
        if (stopped()) return true;
        if (wants(item, each, repeat, round)) take_sample(item, request, primitive = each, repeat);
      }
      worker_->drop_files();
    } catch (const ChildError& error) {
      if (!worker_) throw;
      fail(item, primitive, repeat, text_of(error.kind()), error.what());
      worker_.reset();
      ++report_.restarts;
      return !options_.primitives || !wants(item, repeat, round);
    } catch (const WorkerError& error) {
      fail(item, primitive, repeat, error.kind(), error.what());
      worker_->drop_files();
    } catch (const UnsupportedError& error) {
      fail(item, primitive, repeat, "unsupported", error.what());
    }
    return true;
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
      MeasuredOnWorker measured;
      bool disturbed = true;
      double least = 0;
      for (int attempt = 0; attempt <= options_.most_repeats && disturbed; ++attempt) {
        const double before = calm_us();
        measured = worker_->measure(options_.budget_us, options_.runs, options_.deadline_seconds);
        const double slower = std::max(before, sentinel_.time_us());
        least = least == 0 ? slower : std::min(least, slower);
        disturbed = drifts(slower);
      }
      // It does not come back: this is the machine's speed now.
      if (disturbed) sentinel_.accept(least);
      save(item, primitive, repeat, measured, disturbed);
    } catch (const WorkerError& error) {
      fail(item, primitive, repeat, error.kind(), error.what());
    }
  }

  bool drifts(double sentinel_us) const {
    return sentinel_us > (1 + options_.sentinel_drift) * sentinel_.best_us();
  }

  /// The sentinel's time when the machine is calm, or after as long as a round takes: a round that begins
  /// disturbed would be taken again anyway.
  double calm_us() {
    const double end = options_.clock() + options_.budget_us;
    double us = sentinel_.time_us();
    while (drifts(us) && options_.clock() < end) us = sentinel_.time_us();
    return us;
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
            const MeasuredOnWorker& measured, bool disturbed) {
    PlatformSample sample = sample_of(item, primitive, repeat);
    for (size_t step = 0; step < raw_steps; ++step) {
      sample.steps.emplace_back(to_string(static_cast<RawStep>(step)));
    }
    for (const RawTimes& run : measured.runs) {
      sample.samples_us.insert(sample.samples_us.end(), run.begin(), run.end());
    }
    sample.kernels = measured.kernels;
    sample.disturbed = disturbed;
    store_.append(sample);
    ++report_.samples;
    report_.disturbed += disturbed ? 1 : 0;
    learn_now(sample);
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
    learn_now(sample);
    known_[{item.name, primitive, repeat}].failed = true;
  }

  void learn_now(const PlatformSample& sample) {
    learn(sample);
    known_[{sample.layer, sample.primitive, sample.repeat}].last = system_seconds();
  }

  std::vector<size_t> every_item() const {
    std::vector<size_t> every(items_.size());
    std::iota(every.begin(), every.end(), size_t{0});
    return every;
  }

  void repeat_due() {
    const std::vector<size_t> again = due_for_repetition();
    all_ += again.size() * rounds();
    measure_all(again, 1);
  }

  /// Whether each primitive that is known for the item had so many rounds, or failed.
  bool has_rounds(const CollectItem& item, int repeat, int rounds) {
    const std::vector<std::string>& primitives = primitives_of_[item.name];
    return !primitives.empty() &&
           std::all_of(primitives.begin(), primitives.end(), [&](const auto& primitive) {
             const Known& found = known(item, primitive, repeat);
             return found.failed || found.rounds >= rounds;
           });
  }

  /// When the latest round of the item was taken, in the system's seconds.
  double last_round(const CollectItem& item, int repeat) {
    double last = 0;
    for (const std::string& primitive : primitives_of_[item.name])
      last = std::max(last, known(item, primitive, repeat).last);
    return last;
  }

  /// Items measured in full long enough ago, as many of each type as asked for, less those that were repeated
  /// already.
  std::vector<size_t> due_for_repetition() {
    std::vector<size_t> due, order = every_item();
    Random random(options_.seed);
    random.shuffle(order);
    std::stable_partition(order.begin(), order.end(),
                          [&](size_t index) { return has_rounds(items_[index], 1, 1); });
    std::map<std::string, int> chosen;
    for (const size_t index : order) {
      const CollectItem& item = items_[index];
      if (!has_rounds(item, 0, options_.rounds) || known(item, "", 0).failed) continue;
      if (++chosen[type_of_name(item.name)] > options_.repeat_rows) continue;
      if (has_rounds(item, 1, options_.rounds)) continue;
      const bool is_due = system_seconds() - last_round(item, 0) >= options_.repeat_after_seconds;
      if (is_due) due.push_back(index);
      report_.repeats_not_due += is_due ? 0 : 1;
    }
    std::sort(due.begin(), due.end());
    return due;
  }

  std::span<const CollectItem> items_;
  SampleStore& store_;
  const CollectOptions& options_;
  Sentinel sentinel_;
  std::optional<WorkerClient> worker_;
  Sitting sitting_;
  std::map<Key, Known> known_;
  std::map<std::string, std::vector<std::string>> primitives_of_;  ///< of an item, those seen so far
  std::set<std::string> asked_;  ///< items whose primitives the worker named in this sitting
  CollectReport report_;
  size_t done_ = 0, all_ = 0;
  int next_round_ = 0;
};

}  // namespace

CollectReport collect(std::span<const CollectItem> items, SampleStore& store, const CollectOptions& options) {
  return Collector(items, store, options).run();
}

}  // namespace raceline
