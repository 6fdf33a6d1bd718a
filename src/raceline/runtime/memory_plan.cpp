#include "raceline/runtime/memory_plan.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "raceline/base/random.h"

namespace raceline {
namespace {

// Orders other than that of time compare each buffer with all placed ones; beyond this many it takes too
// long.
constexpr size_t most_for_quadratic = 5000;
// Comparisons that may be spent on improving one order: a few milliseconds; and so many times that while the
// arena is larger than is tolerable.
constexpr size_t most_work = 2'000'000;
constexpr size_t most_patience = 30;
constexpr double tolerable = 1.1;  // times the bound

size_t aligned(size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

struct Placement {
  std::vector<size_t> offsets;
  size_t arena_bytes = 0;
};

/// Places in the given order, each into the smallest gap that fits between those alive at the same time.
Placement place_in_order(std::span<const Lifetime> buffers, std::span<const size_t> order) {
  Placement placement{std::vector<size_t>(buffers.size()), 0};
  std::vector<size_t> by_offset;  // placed ones
  by_offset.reserve(order.size());
  for (const size_t index : order) {
    const Lifetime& buffer = buffers[index];
    const size_t bytes = aligned(buffer.bytes);
    size_t best = SIZE_MAX, best_gap = SIZE_MAX;
    size_t end = 0;  // of what lies below
    for (const size_t other : by_offset) {
      if (buffers[other].last < buffer.first || buffers[other].first > buffer.last) continue;
      const size_t start = placement.offsets[other];
      if (start >= end + bytes && start - end < best_gap) {
        best = end;
        best_gap = start - end;
      }
      end = std::max(end, start + aligned(buffers[other].bytes));
    }
    if (best == SIZE_MAX) best = end;
    placement.offsets[index] = best;
    placement.arena_bytes = std::max(placement.arena_bytes, best + bytes);
    const auto above = [&](size_t offset, size_t other) { return offset < placement.offsets[other]; };
    by_offset.insert(std::upper_bound(by_offset.begin(), by_offset.end(), best, above), index);
  }
  return placement;
}

/// A heap that grows at its end: holes by offset, buffers given back as time goes on. O(n log n) when holes
/// are few.
Placement place_in_time(std::span<const Lifetime> buffers, std::span<const size_t> order) {
  Placement placement{std::vector<size_t>(buffers.size()), 0};
  std::multimap<int32_t, size_t> alive;  // by last use
  std::map<size_t, size_t> holes;        // offset -> bytes
  const auto give_back = [&](size_t offset, size_t bytes) {
    auto next = holes.lower_bound(offset);
    if (next != holes.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = holes.erase(next);
    }
    if (next != holes.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        before->second += bytes;
        return;
      }
    }
    holes.emplace(offset, bytes);
  };
  for (const size_t index : order) {
    const size_t bytes = aligned(buffers[index].bytes);
    while (!alive.empty() && alive.begin()->first < buffers[index].first) {
      const size_t dead = alive.begin()->second;
      give_back(placement.offsets[dead], aligned(buffers[dead].bytes));
      alive.erase(alive.begin());
    }
    auto best = holes.end();
    for (auto hole = holes.begin(); hole != holes.end(); ++hole) {
      if (hole->second >= bytes && (best == holes.end() || hole->second < best->second)) best = hole;
    }
    size_t offset = placement.arena_bytes;
    if (best != holes.end()) {
      offset = best->first;
      const size_t rest = best->second - bytes;
      holes.erase(best);
      if (rest > 0) holes.emplace(offset + bytes, rest);
    } else if (!holes.empty()) {
      const auto top = std::prev(holes.end());
      if (top->first + top->second == placement.arena_bytes) {  // a hole at the end is made larger
        offset = top->first;
        holes.erase(top);
      }
    }
    placement.offsets[index] = offset;
    placement.arena_bytes = std::max(placement.arena_bytes, offset + bytes);
    alive.emplace(buffers[index].last, index);
  }
  return placement;
}

/// Places in this order and in others near it: a buffer, every other time the one that lies on top, moves to
/// a random place; what is not worse stays.
void improve(std::span<const Lifetime> buffers, std::vector<size_t> order, size_t tries, size_t bound,
             Placement& best) {
  Random random(1);
  Placement kept;
  const auto goes_on = [&](size_t attempt) {
    if (best.arena_bytes <= bound) return false;
    const bool patient = static_cast<double>(best.arena_bytes) > tolerable * static_cast<double>(bound);
    return attempt < (patient ? most_patience * tries : tries);
  };
  for (size_t attempt = 0; goes_on(attempt); ++attempt) {
    std::vector<size_t> changed = order;
    if (attempt > 0) {
      const auto count = static_cast<int64_t>(order.size());
      const auto on_top = std::find_if(order.begin(), order.end(), [&](size_t index) {
        return kept.offsets[index] + aligned(buffers[index].bytes) == kept.arena_bytes;
      });
      const int64_t from = attempt % 2 == 0 ? on_top - order.begin() : random.below(count);
      const int64_t to = random.below(count);
      changed.erase(changed.begin() + from);
      changed.insert(changed.begin() + to, order[static_cast<size_t>(from)]);
    }
    Placement next = place_in_order(buffers, changed);
    if (attempt > 0 && next.arena_bytes > kept.arena_bytes) continue;
    kept = std::move(next);
    order = std::move(changed);
    if (kept.arena_bytes < best.arena_bytes) best = kept;
  }
}

size_t peak_live(std::span<const Lifetime> buffers) {
  std::map<int64_t, std::pair<size_t, size_t>> changes;  // moment -> bytes born, bytes dead since
  for (const Lifetime& buffer : buffers) {
    changes[buffer.first].first += aligned(buffer.bytes);
    changes[int64_t{buffer.last} + 1].second += aligned(buffer.bytes);
  }
  size_t live = 0, peak = 0;
  for (const auto& [moment, change] : changes) {
    live = live - change.second + change.first;
    peak = std::max(peak, live);
  }
  return peak;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> buffers) {
  MemoryPlan plan{std::vector<size_t>(buffers.size()), 0, peak_live(buffers)};
  std::vector<size_t> in_time;
  for (size_t index = 0; index < buffers.size(); ++index) {
    if (buffers[index].bytes > 0) in_time.push_back(index);
  }
  const auto sorted = [&](auto key) {
    std::vector<size_t> order = in_time;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
    return order;
  };
  const auto bytes = [&](size_t index) { return static_cast<double>(buffers[index].bytes); };
  const auto length = [&](size_t index) { return buffers[index].last - buffers[index].first + 1.0; };
  in_time = sorted([&](size_t index) { return std::pair(buffers[index].first, -length(index)); });
  Placement best = place_in_time(buffers, in_time);
  if (in_time.size() <= most_for_quadratic) {
    const size_t tries = 1 + most_work / (in_time.size() * in_time.size() + 1);
    for (std::vector<size_t> order : {sorted([&](size_t index) { return -bytes(index); }),
                                      sorted([&](size_t index) { return -bytes(index) * length(index); }),
                                      sorted([&](size_t index) { return -length(index); }), in_time}) {
      improve(buffers, std::move(order), tries, plan.peak_live_bytes, best);
    }
  }
  plan.offsets = std::move(best.offsets);
  plan.arena_bytes = best.arena_bytes;
  return plan;
}

}  // namespace raceline
