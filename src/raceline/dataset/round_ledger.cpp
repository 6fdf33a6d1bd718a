#include "raceline/dataset/round_ledger.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <numeric>

#include "raceline/base/random.h"
#include "raceline/dataset/calm.h"
#include "raceline/dataset/dataset.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/phases.h"

namespace raceline {
namespace {

/// Seconds of "2026-11-22T16:30:00Z"; 0 for another text.
double seconds_of(const std::string& time) {
  std::tm parts{};
  return ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr
             ? 0
             : static_cast<double>(::timegm(&parts));
}

}  // namespace

double system_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void RoundLedger::enter(const PlatformSample& sample, bool retries) {
  Entry& entry = entries_[{sample.layer, sample.primitive, sample.repeat}];
  entry.last = std::max(entry.last, seconds_of(sample.taken_at));
  const std::vector<RawTimes> runs = runs_of(sample);
  if (sample.trouble.empty() && !runs.empty()) {
    entry.totals_us.push_back(round_total_us(runs));
    entry.calm += sample.disturbed ? 0 : 1;
    entry.failed = false;
    if (const auto asked = entries_.find({sample.layer, asking, sample.repeat}); asked != entries_.end())
      asked->second.failed = false;
  } else if (!retries && entry.totals_us.empty()) {
    entry.failed = true;
  }
  std::vector<std::string>& primitives = primitives_[sample.layer];
  if (std::find(primitives.begin(), primitives.end(), sample.primitive) == primitives.end())
    primitives.push_back(sample.primitive);
}

void RoundLedger::enter_now(const PlatformSample& sample) {
  enter(sample, false);
  Entry& entry = entries_[{sample.layer, sample.primitive, sample.repeat}];
  entry.last = system_seconds();
  entry.failed = !sample.trouble.empty();
}

const RoundLedger::Entry& RoundLedger::entry(const std::string& item, const std::string& primitive,
                                             int repeat) const {
  static const Entry nothing;
  const auto found = entries_.find({item, primitive, repeat});
  return found == entries_.end() ? nothing : found->second;
}

bool RoundLedger::is_unconfirmed(const Entry& entry) const {
  const int taken = static_cast<int>(entry.totals_us.size());
  return !entry.failed && taken >= rounds_ && taken < most_rounds_ && is_outlier(entry.totals_us);
}

bool RoundLedger::lacks_calm(const Entry& entry) const {
  const int taken = static_cast<int>(entry.totals_us.size());
  return !entry.failed && most_rounds_ > rounds_ && taken >= rounds_ && taken < 2 * most_rounds_ &&
         entry.calm < std::min(least_calm_rounds, rounds_);
}

bool RoundLedger::wants(const std::string& item, const std::string& primitive, int repeat, int round) const {
  const Entry& found = entry(item, primitive, repeat);
  const int taken = static_cast<int>(found.totals_us.size());
  if (found.failed || taken > round) return false;
  return taken < rounds_ || (round < most_rounds_ ? is_unconfirmed(found) : lacks_calm(found));
}

bool RoundLedger::is_unconfirmed(const std::string& item, int repeat) const {
  return std::ranges::any_of(primitives(item), [&](const std::string& primitive) {
    return is_unconfirmed(entry(item, primitive, repeat));
  });
}

bool RoundLedger::lacks_calm(const std::string& item, int repeat) const {
  return std::ranges::any_of(primitives(item), [&](const std::string& primitive) {
    return lacks_calm(entry(item, primitive, repeat));
  });
}

bool RoundLedger::has_rounds(const std::string& item, int repeat, int rounds) const {
  const std::vector<std::string>& known = primitives(item);
  return !known.empty() && std::ranges::all_of(known, [&](const std::string& primitive) {
    const Entry& found = entry(item, primitive, repeat);
    return found.failed || static_cast<int>(found.totals_us.size()) >= rounds;
  });
}

bool RoundLedger::has_failed(const std::string& item, const std::string& primitive, int repeat) const {
  return entry(item, primitive, repeat).failed;
}

double RoundLedger::last_round(const std::string& item, int repeat) const {
  double last = 0;
  for (const std::string& primitive : primitives(item))
    last = std::max(last, entry(item, primitive, repeat).last);
  return last;
}

std::vector<size_t> RoundLedger::due_for_repetition(std::span<const std::string> items,
                                                    const RepetitionRule& rule, size_t& not_due) const {
  std::vector<size_t> due, order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Random random(rule.seed);
  random.shuffle(order);
  std::stable_partition(order.begin(), order.end(),
                        [&](size_t index) { return has_rounds(items[index], 1, 1); });
  std::map<std::string, int> chosen;
  for (const size_t index : order) {
    const std::string& item = items[index];
    if (has_failed(item, "", 0) || has_failed(item, asking, 0)) continue;
    if (++chosen[type_of_name(item)] > rule.rows || has_rounds(item, 1, rounds_)) continue;
    const bool is_due = has_rounds(item, 0, rounds_) && !is_unconfirmed(item, 0) &&
                        system_seconds() - last_round(item, 0) >= rule.after_seconds;
    if (is_due) due.push_back(index);
    not_due += is_due ? 0 : 1;
  }
  std::sort(due.begin(), due.end());
  return due;
}

const std::vector<std::string>& RoundLedger::primitives(const std::string& item) const {
  static const std::vector<std::string> none;
  const auto found = primitives_.find(item);
  return found == primitives_.end() ? none : found->second;
}

void RoundLedger::set_primitives(const std::string& item, std::vector<std::string> primitives) {
  primitives_[item] = std::move(primitives);
}

}  // namespace raceline
