#include "raceline/device/reusing_device.h"

#include <iterator>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr size_t large_bytes = size_t{1} << 20;

/// The largest block that may serve a request: a larger one would waste more than it saves.
size_t most_for(size_t bytes) {
  return bytes + bytes / 4;
}

}  // namespace

Memory ReusingDevice::allocate(size_t bytes) {
  if (bytes < large_bytes) return device_.allocate(bytes);
  const auto kept = kept_.lower_bound(bytes);
  if (kept != kept_.end() && kept->first <= most_for(bytes)) {
    const auto [size, memory] = *kept;
    used_.emplace(memory.handle, size);
    kept_.erase(kept);
    kept_bytes_ -= size;
    return memory;
  }
  Memory memory;
  try {
    memory = device_.allocate(bytes);
  } catch (const IoError&) {
    if (kept_.empty()) throw;
    give_back(0);
    memory = device_.allocate(bytes);
  }
  used_.emplace(memory.handle, bytes);
  return memory;
}

void ReusingDevice::release(Memory memory) noexcept {
  const auto used = used_.find(memory.handle);
  if (used == used_.end()) return device_.release(memory);
  const size_t bytes = used->second;
  used_.erase(used);
  try {
    kept_.emplace(bytes, memory);
  } catch (...) {
    return device_.release(memory);
  }
  kept_bytes_ += bytes;
  give_back(most_bytes_);
}

void ReusingDevice::give_back(size_t bytes) noexcept {
  while (kept_bytes_ > bytes) {
    const auto largest = std::prev(kept_.end());
    kept_bytes_ -= largest->first;
    device_.release(largest->second);
    kept_.erase(largest);
  }
}

}  // namespace raceline
