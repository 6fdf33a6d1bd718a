// Which rounds of which items a collection has taken, in this sitting and before: what is still wanted.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "raceline/profile/sample_store.h"

namespace raceline {

/// Stands for the primitive where a platform failed to name those of an item.
inline constexpr const char* asking = "?";

/// Which items are measured once more.
struct RepetitionRule {
  int rows = 0;  ///< of each type, drawn from all items
  double after_seconds = 3600;
  uint64_t seed = 1;
};

/// Items are known by their names, and by primitive where a platform offers several ways to compute them.
/// A repetition (repeat 1) is counted apart from the first measurement (0).
class RoundLedger {
 public:
  /// rounds: of each item; most_rounds: of one whose fastest round no other confirms, is_outlier(). Where
  /// that is more, one of which fewer than `least_calm_rounds` were undisturbed may have twice as many.
  RoundLedger(int rounds, int most_rounds) : rounds_(rounds), most_rounds_(most_rounds) {}

  /// Enters a sample of an earlier sitting: a round, or a failure, which keeps the item from being tried
  /// again unless it `retries`, or some round of it was taken as well. One of `asking` comes before those of
  /// primitives.
  void enter(const PlatformSample& sample, bool retries);
  /// The same of a sample of this moment, whose failure is final, and which may lack its time.
  void enter_now(const PlatformSample& sample);

  /// Whether a round of this number, from 0, is still to be taken: below `rounds` by any item, then up to
  /// `most_rounds` by an unconfirmed one, beyond by one that lacks calm.
  bool wants(const std::string& item, const std::string& primitive, int repeat, int round) const;
  /// Whether all rounds were taken of some primitive of the item, none confirms the fastest, and more may be.
  bool is_unconfirmed(const std::string& item, int repeat) const;
  /// Whether all rounds were taken of some primitive of the item, too few were undisturbed, and more may be.
  bool lacks_calm(const std::string& item, int repeat) const;
  /// Whether each primitive that is known for the item had so many rounds, or failed.
  bool has_rounds(const std::string& item, int repeat, int rounds) const;
  bool has_failed(const std::string& item, const std::string& primitive, int repeat) const;
  /// When the latest round of the item was taken, in the system's seconds; 0: never.
  double last_round(const std::string& item, int repeat) const;

  /// Indices, ascending, of the items that are to be measured again by now: drawn, measured in full long
  /// enough ago, and not repeated in full. `not_due` counts those drawn that are too early.
  std::vector<size_t> due_for_repetition(std::span<const std::string> items, const RepetitionRule& rule,
                                         size_t& not_due) const;

  /// Primitives of the item that were seen so far.
  const std::vector<std::string>& primitives(const std::string& item) const;
  void set_primitives(const std::string& item, std::vector<std::string> primitives);

 private:
  struct Entry {
    std::vector<double> totals_us;  ///< round_total_us() of its rounds
    int calm = 0;                   ///< of these, undisturbed ones
    bool failed = false;
    double last = 0;  ///< when its last round was taken, in the system's seconds
  };
  using Key = std::tuple<std::string, std::string, int>;

  bool is_unconfirmed(const Entry& entry) const;
  bool lacks_calm(const Entry& entry) const;
  const Entry& entry(const std::string& item, const std::string& primitive, int repeat) const;

  int rounds_, most_rounds_;
  std::map<Key, Entry> entries_;
  std::map<std::string, std::vector<std::string>> primitives_;
};

/// Seconds since 1970, of the system's clock.
double system_seconds();

}  // namespace raceline
